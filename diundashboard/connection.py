"""One client's connection: its request as it arrives, its answer as it is taken. Nothing here waits for the client."""

from __future__ import annotations

import re
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gunicorn.config import Config
from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader
from gunicorn.workers.gthread import TConn

from diundashboard.notification import BODY_LIMIT

_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(;[^\r\n]*)?\r\n")
_CHUNK_LINE = 8190
"""The longest line with a chunk's size that gunicorn accepts, in bytes."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may take of a worker, and all of them together: seconds and bytes."""

    request: float = 10.0
    """Seconds for a head and its body to arrive, from the connection or from the first byte of a later request."""

    answer: float = 10.0
    """Seconds for an answer to be taken."""

    farewell: float = 2.0
    """Seconds for which data that a client still sends after the last answer is read and dropped."""

    dropped: int = 2 * BODY_LIMIT
    """Bytes of such data."""

    head: int = 64 * 1024
    """Bytes of a head."""

    small: int = 16 * 1024
    """Bytes of a request that are always read."""

    requests: int = 32 * 1024 * 1024
    """Bytes of all larger requests together; a request that does not fit waits for room."""

    hurry: float = 1.0
    """Seconds for a larger request to arrive while others wait for its room."""

    answers: int = 32 * 1024 * 1024
    """Bytes of all answers that are not taken yet. Above that, the client that has taken longest is closed."""


class Answer:
    """Stands in for the client's socket in gunicorn, and keeps the answer until it is complete."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def sendall(self, part: bytes) -> None:
        """Add a part."""
        self._parts.append(part)

    def take(self) -> bytes:
        """Return all parts, and forget them."""
        whole = b"".join(self._parts)
        self._parts.clear()
        return whole

    def gettimeout(self) -> float:
        """Say that it never blocks."""
        return 0.0

    def shutdown(self, how: int) -> None:
        """Keep gunicorn from closing the connection after an answer that failed halfway: nothing was sent yet."""
        raise OSError

    def close(self) -> None:
        """Leave the connection to the worker."""


class Connection(TConn):
    """A client, its request and the answer. gunicorn's own class occupies a thread while its client is slow.

    Only one thread uses it at a time: the poller's while it waits for the client, one of the pool while it is answered.
    """

    sock: Any

    def __init__(self, cfg: Config, sock: socket.socket, client: Any, server: Any, limits: Limits) -> None:
        super().__init__(cfg, sock, client, server)
        self.socket, self.sock = sock, Answer()
        self.limits = limits
        self.deadline = 0.0
        self.waits = False
        """Whether it is the client's turn."""
        self.unsent = memoryview(b"")
        self.answer = 0
        """Bytes of memory that the unsent answer takes."""
        self.keep = True
        """Whether another request may follow the present answer."""
        self.kept = False
        """Whether a request has been answered."""
        self.reserved = 0
        """Bytes of memory that are kept for its request."""
        self.reserved_at = 0.0
        self.may_drop = limits.dropped
        self.request: Request | None = None
        self.error: Exception | None = None
        """Why the head is not valid."""
        self._arrived = bytearray()
        self._searched = 0
        self._handed_over: list[bytes] = []

    def renew(self) -> None:
        """Forget the request. Keep what has arrived of the next one."""
        self.request, self.error, self.kept = None, None, True
        self._searched = 0
        self._handed_over = []

    @property
    def idle(self) -> bool:
        """Whether nothing of a request has arrived, and nothing of an answer is left."""
        return not (self.request or self._arrived or self.unsent)

    @property
    def path(self) -> str:
        """The path of the request, as it was sent; empty if the head is not valid."""
        return (self.request and self.request.path) or ""

    @property
    def well_framed(self) -> bool:
        """Whether gunicorn found the end of the body too. Otherwise the bytes that follow are not a request."""
        return self.request is not None and not getattr(self.request.body, "failed", False)

    @property
    def outgrown(self) -> bool:
        """Whether the request is no longer small."""
        return len(self._arrived) >= self.limits.small

    @property
    def size(self) -> int:
        """How many bytes the whole request can have: as many as its head says, or the maximum."""
        if self.request is not None and isinstance(reader := self._reader(), LengthReader):
            return reader.length
        return BODY_LIMIT + self.limits.head

    @property
    def wanted(self) -> int:
        """Bytes to read in one call: the rest of the body, if its length is known."""
        missing = 0
        if self.request is not None and isinstance(reader := self._reader(), LengthReader):
            missing = min(reader.length, BODY_LIMIT) - len(self._arrived)
        return max(missing, self.limits.small)

    def receive(self, data: bytes) -> bool:
        """Add received data, `b""` for its end. Returns whether the request can be answered now."""
        self._arrived += data
        return self.complete(ended=not data)

    def complete(self, ended: bool = False) -> bool:
        """Whether the request can be answered with what has arrived: all of it is there, or enough to refuse it."""
        if self.request is None and not self._read_head():
            return self.error is not None
        end = self._end_of_body()
        if end < 0 and not self._refusable(ended):
            self._continue()
            return False
        assert self.request is not None  # noqa: S101 - it tells mypy what holds
        self.request._expected_100_continue = False  # type: ignore[attr-defined]
        if end < 0:
            # It is unknown where the next request would begin, or too far away.
            self.request.force_close()
            end = len(self._arrived)
        self._handed_over.append(bytes(self._arrived[:end]))
        del self._arrived[:end]
        return True

    def _read_head(self) -> bool:
        end = self._arrived.find(b"\r\n\r\n", max(0, self._searched - 3)) + 4
        if end < 4:
            if len(self._arrived) > self.limits.head:
                self.error = LimitRequestHeaders(f"the head is larger than {self.limits.head} bytes")
                return False
            if not _BARE_LINE_FEED.search(self._arrived, max(0, self._searched - 1)):
                self._searched = len(self._arrived)
                return False
            end = len(self._arrived)  # gunicorn refuses it.
        # gunicorn asks for more when it wants the body, and gets what is appended until then.
        self._handed_over = [bytes(self._arrived[:end])]
        del self._arrived[:end]
        self._searched = 0
        try:
            self.request = Request(self.cfg, IterUnreader(self._handed_over), self.client)
        except Exception as error:
            self.error = error
        return self.error is None

    def _reader(self) -> Any:
        assert self.request is not None  # noqa: S101 - it tells mypy what holds
        assert self.request.body is not None  # noqa: S101 - it tells mypy what holds
        return self.request.body.reader

    def _end_of_body(self) -> int:
        """Where the body ends in what has arrived; -1 if the end has not arrived."""
        reader = self._reader()
        if isinstance(reader, ChunkedReader):
            return self._end_of_chunks()
        length: int = reader.length
        return length if length <= min(len(self._arrived), BODY_LIMIT) else -1

    def _end_of_chunks(self) -> int:
        while line := _CHUNK_SIZE.match(self._arrived, self._searched):
            if size := int(line[1], 16):
                following = line.end() + size + 2
                if following > len(self._arrived):
                    return -1
                self._searched = following
            else:
                # The lines that may follow the last chunk end with an empty one.
                end = self._arrived.find(b"\r\n\r\n", line.end() - 2)
                return end + 4 if end >= 0 else -1
        return -1

    def _refusable(self, ended: bool) -> bool:
        """Whether it is certain that the body is too large, incomplete or not chunked."""
        assert self.request is not None  # noqa: S101 - it tells mypy what holds
        reader, size = self._reader(), len(self._arrived)
        if isinstance(reader, ChunkedReader):
            line = size - self._searched
            unclear = line > 0 and not _CHUNK_SIZE.match(self._arrived, self._searched)
            broken = unclear and (line > _CHUNK_LINE or b"\n" in self._arrived[self._searched :])
            return ended or broken or size > BODY_LIMIT + self.limits.head
        too_large = reader.length > BODY_LIMIT
        return ended or (too_large and (self._expects() or size >= self.limits.small))

    def _expects(self) -> bool:
        assert self.request is not None  # noqa: S101 - it tells mypy what holds
        return bool(self.request._expected_100_continue)  # type: ignore[attr-defined]

    def _continue(self) -> None:
        """Ask for the body, once, where the client waits to be asked."""
        assert self.request is not None  # noqa: S101 - it tells mypy what holds
        if self._expects():
            self.request._expected_100_continue = False  # type: ignore[attr-defined]
            with suppress(OSError):
                self.socket.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def send(self) -> None:
        """Send as much of the answer as the client takes now; the rest is left in `unsent`.

        Raises:
            OSError: the client is gone.
        """
        first = not self.unsent
        unsent = memoryview(self.sock.take()) if first else self.unsent
        with suppress(BlockingIOError, InterruptedError):
            unsent = unsent[self.socket.send(unsent) :]
        # Free the memory of what is sent while the client takes the rest.
        self.unsent = memoryview(bytes(unsent)) if first else unsent

    def abort(self) -> None:
        """Close the connection, and discard an answer that the client has not taken from the kernel."""
        if self.unsent:
            with suppress(OSError):
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
