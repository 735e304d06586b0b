"""gunicorn's worker with threads, protected from slow clients, silent clients and many clients."""

from __future__ import annotations

import errno
import logging
import os
import resource
import signal
import socket
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from types import FrameType
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from diundashboard.connection import Connection, Limits

logger = logging.getLogger("diundashboard")

STOP = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)

THREADS = 8
"""Requests that one worker answers at the same time."""

KEPT_THREADS = 2
"""How many of these threads pages never use."""

KEPT_FOR = frozenset({"/webhook", "/healthz", "/readyz"})

CONNECTIONS = 2000
"""Connections of one worker. One more replaces the connection that has been silent the longest."""

OTHER_FILES = 128
"""Open files of one worker besides connections: the database, the spool, the listening socket."""

_LOOK = 0.25
"""Seconds between two checks for connections whose time is up."""

_NOTICE = 1.0
"""Seconds between two signs of life to the arbiter, which ends a worker that gives none for 30."""

_STOPPING = 1.0
"""Seconds that a stopping worker gives clients in the middle of a request or an answer."""


def connections() -> int:
    """How many connections the limit of open files (RLIMIT_NOFILE) lets a worker have; it is raised where it can be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft < wanted:
            possible = max(soft - OTHER_FILES, THREADS * 2)
            logger.warning(
                "at most %d files can be open (ulimit -n), so a worker keeps %d connections, not %d",
                soft,
                possible,
                CONNECTIONS,
            )
            return possible
    return CONNECTIONS


class Worker(ThreadWorker):
    """gunicorn's worker with threads, in which only complete requests use a thread, until they are answered.

    The poller reads requests, and sends what a client does not take immediately, within `limits`. A worker that is
    stopped finishes the requests that it has and waits for nothing else: browsers open connections ahead of time and
    keep others.
    """

    limits = Limits()

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._waiting: dict[Connection, None] = {}
        """The connections that wait for their clients, longest wait first."""
        self._stalled: dict[Connection, None] = {}
        """The connections that are not read because there is no room for their request."""
        self._requests = 0
        """Bytes that are reserved for requests that are not small."""
        self._answers = 0
        """Bytes of answers that are not taken yet."""
        self._pages: deque[Connection] = deque()
        """Complete requests for which no thread that pages can use is free."""
        self._free_for_pages = self.cfg.threads - KEPT_THREADS
        self._next_look = 0.0
        self._next_notice = 0.0

    # The life of the process

    def init_signals(self) -> None:
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP)

    def run(self) -> None:
        super().run()
        # A second signal, as Ctrl-C sends it, would kill the ending process: Python removes its handlers first.
        for stop in STOP:
            signal.signal(stop, signal.SIG_IGN)

    def notify(self) -> None:
        """Tell the arbiter that this worker is alive. gunicorn asks for it several times per request."""
        now = time.monotonic()
        if now >= self._next_notice:
            self._next_notice = now + _NOTICE
            super().notify()

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        # gunicorn shuts the thread pool down in here, and hangs if the signal arrives while a thread is added.
        self.handle_exit(sig, frame)

    # Connections

    def accept(self, listener: socket.socket) -> None:
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._make_room()
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.nr_conns += 1
        connection = Connection(self.cfg, client, address, listener.getsockname(), self.limits)
        self._wait(connection, EVENT_READ, self._read, self.limits.request)
        if self.nr_conns >= self.worker_connections:
            self._make_room()

    def _make_room(self) -> None:
        """Close the connection that has been silent the longest, or the slowest if none is silent."""
        silent = (connection for connection in self._waiting if connection.idle)
        if longest := next(silent, None) or next(iter(self._waiting), None):
            self._close(longest)

    def _close(self, connection: Connection) -> None:
        if connection.waits:
            self._stop_waiting(connection)
        self.nr_conns -= 1
        self._answers -= connection.answer
        connection.abort()
        self._release(connection)

    def _wait(self, connection: Connection, event: int, act: Callable[[Connection], None], seconds: float) -> None:
        """Leave the connection to the poller, which calls `act` whenever the client has done something."""
        connection.waits = True
        connection.deadline = time.monotonic() + seconds
        self._waiting[connection] = None
        self.poller.register(connection.socket, event, partial(self._ready, connection, act))

    def _ready(self, connection: Connection, act: Callable[[Connection], None], _: Any) -> None:
        if not connection.waits:  # An earlier event of the same round closed it.
            return
        try:
            act(connection)
        except OSError:  # The client is gone.
            self._close(connection)

    def _stop_waiting(self, connection: Connection) -> None:
        connection.waits = False
        del self._waiting[connection]
        if connection in self._stalled:
            del self._stalled[connection]
        else:
            self.poller.unregister(connection.socket)

    def murder_keepalived(self, force: bool = False) -> None:
        """Close the connections whose time is up; `force`: all."""
        now = time.monotonic()
        if now < self._next_look and self.alive and not force:
            return
        self._next_look = now + _LOOK
        for connection in list(self._waiting):
            deadline = connection.deadline
            if connection.reserved and self._stalled:
                deadline = min(deadline, connection.reserved_at + self.limits.hurry)
            if not self.alive:
                deadline = connection.deadline = now if connection.idle else min(deadline, now + _STOPPING)
            if force or deadline <= now:
                self._close(connection)

    def wait_for_and_dispatch_events(self, timeout: float | None) -> None:
        super().wait_for_and_dispatch_events(_LOOK if self._waiting else timeout)

    # Requests

    def _read(self, connection: Connection) -> None:
        if connection.outgrown and not connection.reserved and not self._reserve(connection):
            self.poller.unregister(connection.socket)
            self._stalled[connection] = None
            return
        try:
            data = connection.socket.recv(connection.wanted)
        except (BlockingIOError, InterruptedError):
            return
        if connection.kept and connection.idle:
            connection.deadline = time.monotonic() + self.limits.request
        if connection.receive(data):
            self._stop_waiting(connection)
            self._dispatch(connection)
        elif not data:
            self._close(connection)

    def _reserve(self, connection: Connection) -> bool:
        """Keep memory for the whole request; whether there is room for it."""
        if self._requests + connection.size > self.limits.requests:
            return False
        connection.reserved, connection.reserved_at = connection.size, time.monotonic()
        self._requests += connection.reserved
        return True

    def _release(self, connection: Connection) -> None:
        """Give its memory to those that wait for room."""
        if not connection.reserved:
            return
        self._requests -= connection.reserved
        connection.reserved = 0
        # The newest first: most of those that have waited for long may never finish.
        for next_one in reversed(list(self._stalled)):
            if not self._reserve(next_one):
                return
            del self._stalled[next_one]
            self.poller.register(next_one.socket, EVENT_READ, partial(self._ready, next_one, self._read))

    def _dispatch(self, connection: Connection) -> None:
        """Have a complete request answered: a page when one of its threads is free, all else by the next thread."""
        prefix = os.environ.get("SCRIPT_NAME", "")
        if connection.path.removeprefix(prefix).rstrip("/") in KEPT_FOR:
            self._submit(connection, page=False)
        elif self._free_for_pages:
            self._free_for_pages -= 1
            self._submit(connection, page=True)
        else:
            self._pages.append(connection)

    def _submit(self, connection: Connection, page: bool) -> None:
        future = self.tpool.submit(self._answer, connection)
        future.add_done_callback(lambda done: self.method_queue.defer(self._answered, connection, page, done))

    def _answer(self, connection: Connection) -> bool:
        """Answer the request, in a thread. Returns whether the client may send another."""
        try:
            if connection.error:
                raise connection.error
            assert connection.request is not None  # noqa: S101 - it tells mypy what holds
            keep = self.handle_request(connection.request, connection) and connection.well_framed
        except Exception as error:
            connection.sock.take()
            self.handle_error(connection.request, connection.sock, connection.client, error)
            keep = False
        connection.send()
        return keep

    # Answers

    def _answered(self, connection: Connection, page: bool, done: Future[bool]) -> None:
        if page and self._pages:
            self._submit(self._pages.popleft(), page=True)
        elif page:
            self._free_for_pages += 1
        connection.renew()
        self._release(connection)
        if done.exception():  # The client is gone.
            self._close(connection)
            return
        connection.keep = done.result()
        if connection.unsent:
            connection.answer = len(connection.unsent)
            self._answers += connection.answer
            self._wait(connection, EVENT_WRITE, self._write, self.limits.answer)
            self._limit_answers()
        else:
            self._proceed(connection)

    def _limit_answers(self) -> None:
        """Discard the answers that have waited longest, until the rest fits the memory for them."""
        for connection in list(self._waiting):
            if self._answers <= self.limits.answers:
                return
            if connection.unsent:
                self._close(connection)

    def _write(self, connection: Connection) -> None:
        connection.send()
        if not connection.unsent:
            self._answers -= connection.answer
            connection.answer = 0
            self._stop_waiting(connection)
            self._proceed(connection)

    def _proceed(self, connection: Connection) -> None:
        """After an answer, continue with the next request, or end the connection."""
        if not connection.keep:
            # Closing it with unread bytes would reset it, and the client would lose the answer.
            with suppress(OSError):
                connection.socket.shutdown(socket.SHUT_WR)
            self._wait(connection, EVENT_READ, self._drop, self.limits.farewell)
        elif connection.complete():
            self._dispatch(connection)
        else:
            seconds = self.cfg.keepalive if connection.idle else self.limits.request
            self._wait(connection, EVENT_READ, self._read, seconds)

    def _drop(self, connection: Connection) -> None:
        """Read what the client still sends, until it ends or has sent enough."""
        with suppress(BlockingIOError, InterruptedError):
            dropped = len(connection.socket.recv(64 * 1024))
            connection.may_drop -= dropped
            if not dropped or connection.may_drop <= 0:
                self._close(connection)
