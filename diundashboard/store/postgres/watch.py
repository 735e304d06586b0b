"""Deadlines for a server that does not answer: a late operation is cancelled, then its connection is cut.

A server that is stopped and a network that drops packets close no connection, and libpq waits until that ends.
"""

from __future__ import annotations

import math
import os
import select
import socket
import threading
import time
import weakref
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import psycopg

GRACE = 1
"""Seconds before its deadline at which an operation is cancelled. A live server answers in that time."""

SCAN = 0.1
"""Seconds between two checks of the running operations."""


class Connection(psycopg.Connection[Any]):
    """A connection with a deadline. Its rows are named tuples: they have names, and can be unpacked."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # libpq closes its own descriptor when a connection breaks, and its number may soon mean something else.
        self._descriptor = os.dup(self.pgconn.socket)
        weakref.finalize(self, os.close, self._descriptor)
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)
        self._server_origin: datetime | None = None
        self.deadline = math.inf
        self.late = False

    @classmethod
    def connect(cls, conninfo: str = "", *, outcome: Any = None, **options: Any) -> Any:
        """As psycopg's; the function `outcome` is called with the reason why it failed, or with an empty string."""
        reason = ""
        try:
            return super().connect(conninfo, **options)
        except psycopg.Error as error:
            reason = reason_of(error)
            raise
        finally:
            if outcome:
                outcome(reason)

    def is_silent(self) -> bool:
        """Whether nothing has arrived. While a connection is idle, only its end does."""
        return not self.closed and not self._poll.poll(0)

    def set_clock(self, server_time: datetime) -> None:
        """Note what time it is on the server."""
        self._server_origin = server_time - timedelta(seconds=time.monotonic())

    def deadline_on_server(self) -> datetime:
        """The deadline by the server's clock, or a little earlier."""
        assert self._server_origin is not None  # noqa: S101 - it tells mypy what holds
        return self._server_origin + timedelta(seconds=self.deadline)

    def try_cancel(self) -> None:
        """Ask the server to cancel what runs, and wait for GRACE seconds at most."""
        with suppress(psycopg.Error, OSError):
            self.cancel_safe(timeout=GRACE)

    def cut(self) -> None:
        """Shut the socket down. A thread that waits for it gets an OperationalError."""
        with suppress(OSError), socket.socket(fileno=os.dup(self._descriptor)) as shared:
            shared.shutdown(socket.SHUT_RDWR)


class Watch:
    """Enforces the deadlines of all operations of a store, in one thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[Connection] = set()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, once."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()

    def begin(self, connection: Connection, deadline: float) -> None:
        """Note that an operation begins, which must end before this value of the monotonic clock."""
        connection.deadline = deadline
        with self._lock:
            self._running.add(connection)

    def extend(self, connection: Connection, deadline: float) -> None:
        """Give an operation more time, unless it is late already."""
        with self._lock:
            if not connection.late:
                connection.deadline = deadline

    def end(self, connection: Connection) -> None:
        """Note the end of an operation. If it is late, do not use its connection again: it may still be cancelled."""
        with self._lock:
            self._running.discard(connection)

    def _look(self) -> None:
        while not self._stopped.wait(SCAN):
            now = time.monotonic()
            with self._lock:
                for connection in self._running:
                    if now < connection.deadline - GRACE:
                        continue
                    if not connection.late:
                        connection.late = True
                        threading.Thread(target=connection.try_cancel, name="cancel", daemon=True).start()
                    elif now >= connection.deadline:
                        connection.cut()


def reason_of(error: psycopg.Error) -> str:
    """What the driver says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__
