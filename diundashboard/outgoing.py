"""HTTP calls to an OpenID provider: 5 seconds in all, a short answer, and no redirect."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from diundashboard.entry import secure

SECONDS = 5
"""How long a call takes at most, from the look-up of the name to the end of the answer."""

LONGEST = 256 * 1024
"""The bytes of the largest answer that is read."""


class Away(Exception):
    """The provider gave no usable answer; the message says why in one line."""


def call(url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """The status and the JSON object that this address answers to a GET, or to a POST with this body.

    Raises:
        Away: there was no answer in time, or it was too long, a redirect, an error of the server, or no JSON object.
    """
    if not secure(url):
        raise Away(f"{url[:200]} is not an address with https://")
    work = _Call(url, body, dict(headers or {}))
    thread = Thread(target=work.run, name="outgoing", daemon=True)
    thread.start()
    thread.join(SECONDS)
    if thread.is_alive():
        work.cut()
        raise Away(f"{work.host} did not answer within {SECONDS} seconds")
    if work.error is not None:
        raise Away(f"{work.host}: {work.error}") from work.error
    if work.status >= 500 or 300 <= work.status < 400:
        raise Away(f"{work.host} answered with status {work.status}")
    try:
        answer = json.loads(work.answer)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise Away(f"{work.host} answered with status {work.status}, and no JSON object")
    return work.status, answer


class _Call:
    """One call, in a thread of its own: a timeout of the socket alone would begin again with each byte."""

    def __init__(self, url: str, body: bytes | None, headers: dict[str, str]) -> None:
        self._parts = urlsplit(url)
        self._body, self._headers = body, {"Accept": "application/json", "Connection": "close"} | headers
        self._socket: socket.socket | None = None
        self.host = self._parts.hostname or ""
        self.status, self.answer = 0, b""
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self._ask()
        except (OSError, HTTPException, ValueError) as error:
            self.error = error
        finally:
            if self._socket:
                self._socket.close()

    def cut(self) -> None:
        """End the call from another thread."""
        with suppress(OSError, AttributeError):
            self._socket.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]

    def _ask(self) -> None:
        https = self._parts.scheme == "https"
        port = self._parts.port or (443 if https else 80)
        self._socket = socket.create_connection((self.host, port), SECONDS)
        if https:
            self._socket = ssl.create_default_context().wrap_socket(self._socket, server_hostname=self.host)
        connection = HTTPConnection(self._parts.netloc)
        connection.sock = self._socket
        target = (self._parts.path or "/") + (f"?{self._parts.query}" if self._parts.query else "")
        connection.request("GET" if self._body is None else "POST", target, self._body, self._headers)
        with connection.getresponse() as response:
            self.status, self.answer = response.status, response.read(LONGEST + 1)
        if len(self.answer) > LONGEST:
            raise ValueError(f"the answer is longer than {LONGEST // 1024} KiB")
