"""What reverse proxies say about a request, believed only if it comes from a trusted one and makes sense."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from diundashboard.address import Host, Networks, Site, host, machine, prefix, within

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger("diundashboard")

Value = TypeVar("Value")

PEER = "diundashboard.peer"
"""The key of the direct TCP peer's IP address in a request's environment; empty for a Unix socket."""

CALLED = "diundashboard.called"
"""The key of the `Host` header as it arrived, where a trusted proxy says another."""


class Forwarded:
    """Applies `X-Forwarded-For`, `-Proto`, `-Host` and `-Prefix` to the requests that trusted proxies hand over.

    `proxies` is either the networks of the proxies, or how many there are, as in earlier releases: then every
    machine that connects is believed, and `X-Forwarded-Port` counts too. The path of `public` is the prefix of requests
    that come from a trusted proxy or name its host; without `public`, a trusted proxy sends the prefix.
    """

    def __init__(self, application: WSGIApplication, proxies: int | Networks, public: Site | None) -> None:
        self._application, self._proxies, self._public = application, proxies, public
        self._reported: set[str] = set()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        peer = environ.get("REMOTE_ADDR", "")
        environ[PEER] = str(machine(peer) or "")
        proxies = self._proxies
        trusted = bool(proxies) if isinstance(proxies, int) else within(peer, proxies)
        if trusted:
            self._apply(environ)
        if self._public and self._public.path and (trusted or self._calls(self._public, environ)):
            environ["SCRIPT_NAME"] = self._public.path
        return self._application(environ, start_response)

    def _apply(self, environ: WSGIEnvironment) -> None:
        hops = self._find_client(environ)
        if scheme := self._read(environ, "Proto", hops, lambda text: text if text in ("http", "https") else None):
            environ["wsgi.url_scheme"] = scheme
        if found := self._read(environ, "Host", hops, lambda text: host(text) and text):
            environ[CALLED] = environ.get("HTTP_HOST", "")
            environ["HTTP_HOST"] = found
        if isinstance(self._proxies, int) and (port := self._read(environ, "Port", hops, _port)):
            called = host(environ.get("HTTP_HOST", ""))
            environ["HTTP_HOST"] = f"{called.name}:{port}" if called else environ.get("HTTP_HOST", "")
        if not self._public and (path := self._read(environ, "Prefix", hops, prefix)) is not None:
            environ["SCRIPT_NAME"] = path

    def _find_client(self, environ: WSGIEnvironment) -> int:
        """Note the client's address, and return how many proxies are in front of it.

        Each proxy adds the address that it sees on the right, so that the first address from the right that is not
        a proxy's is the client's. The client can have made up everything left of it.
        """
        if isinstance(self._proxies, int):
            if client := self._read(environ, "For", self._proxies, machine):
                environ["REMOTE_ADDR"] = str(client)
            return self._proxies
        hops = 1
        for text in reversed(_values(environ, "For")):
            client = machine(text)
            if client is None:
                self._report(environ, "For", text)
                break
            environ["REMOTE_ADDR"] = str(client)
            if not within(text, self._proxies):
                break
            hops += 1
        return hops

    def _read(
        self, environ: WSGIEnvironment, name: str, hops: int, check: Callable[[str], Value | None]
    ) -> Value | None:
        """The value that the proxy `hops` away set in this header; None if there is none, or it is invalid."""
        values = _values(environ, name)
        if not values or (isinstance(self._proxies, int) and len(values) < hops):
            return None
        # If fewer proxies have added a value than are configured, each value is from a proxy.
        text = values[-min(hops, len(values))]
        value = check(text)
        if value is None:
            self._report(environ, name, text)
        return value

    def _report(self, environ: WSGIEnvironment, name: str, text: str) -> None:
        """Log the first invalid value of this header."""
        if name not in self._reported:
            self._reported.add(name)
            logger.warning(
                "X-Forwarded-%s: invalid %r from the proxy at %s is ignored and logged only once",
                name,
                text[:100],
                environ[PEER] or "a Unix socket",
            )

    @staticmethod
    def _calls(public: Site, environ: WSGIEnvironment) -> bool:
        called: Host | None = host(environ.get("HTTP_HOST", ""))
        return called is not None and called.origin(public.scheme) == public.origin


def _values(environ: WSGIEnvironment, name: str) -> list[str]:
    text: str = environ.get(f"HTTP_X_FORWARDED_{name.upper()}", "")
    return [value.strip() for value in text.split(",")] if text else []


def _port(text: str) -> str | None:
    return text if text.isascii() and text.isdigit() and len(text) < 6 and 0 < int(text) < 65536 else None
