"""What breaks a PostgreSQL server and the way to it."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
from psycopg.conninfo import conninfo_to_dict

PATIENCE = 60
"""Seconds within which what is waited for has to happen."""


def processes(server: str) -> list[psutil.Process]:
    """The processes of a server on this machine, the one that starts the others first."""
    folder = Path(str(conninfo_to_dict(server)["host"]))
    first = psutil.Process(int((folder / "postmaster.pid").read_text().splitlines()[0]))
    return [first, *first.children(recursive=True)]


@contextmanager
def stopped(server: str) -> Iterator[None]:
    """The server says nothing for the length of a block, and closes nothing."""
    stopping = processes(server)
    for process in stopping:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in reversed(stopping):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


class Network:
    """A way to a server over TCP, on which packets can be held back in either direction, and arrive later."""

    def __init__(self, server: str) -> None:
        parts = conninfo_to_dict(server)
        self._path = f"{parts['host']}/.s.PGSQL.{parts.get('port') or 5432}"
        self._sockets = ExitStack()
        self._listener = self._sockets.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.port: int = self._listener.getsockname()[1]
        self.to_server, self.to_client = threading.Event(), threading.Event()

    def __enter__(self) -> Network:
        self.release()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self.release()
        self._sockets.close()

    def hold(self) -> None:
        """Hold everything back. What connects meanwhile stays without an answer for ever."""
        self.to_server.clear()
        self.to_client.clear()

    def release(self) -> None:
        """Deliver what was held back, and what comes from now on."""
        self.to_server.set()
        self.to_client.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._sockets.enter_context(self._listener.accept()[0])
                if not (self.to_server.is_set() and self.to_client.is_set()):
                    continue
                server = self._sockets.enter_context(socket.socket(socket.AF_UNIX))
                server.connect(self._path)
                for ends in ((client, server, self.to_server), (server, client, self.to_client)):
                    threading.Thread(target=_pump, args=ends, daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, passing: threading.Event) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            passing.wait()
            sink.sendall(data)
    passing.wait()
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
