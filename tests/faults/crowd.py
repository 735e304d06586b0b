"""Many clients at once that are slow or silent, and what their connections come to."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

TCP_ESTABLISHED = 1

NOTIFICATION = b"POST /webhook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000\r\n\r\n"

SAYS = {
    "slow heads": b"POST /webhook HTTP/1.1\r\nHost: localhost\r\nX-Long: ",
    "slow bodies": NOTIFICATION + bytes(100_000),
    "silent": b"",
    "not reading": b"GET /history/1 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 4,
}
"""What each kind of client sends first. The slow ones then send one byte at a time."""


def connect(port: int, says: bytes = b"", reads: bool = True) -> socket.socket:
    """A connection that has said this. A client that does not read leaves little room for an answer."""
    connection = socket.socket()
    if not reads:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(30)
    connection.connect(("127.0.0.1", port))
    connection.sendall(says)
    return connection


@contextmanager
def crowd(port: int, kind: str, count: int) -> Iterator[list[socket.socket]]:
    """So many clients of this kind for as long as the block takes. Whoever is closed comes again."""
    connections = [connect(port, SAYS[kind], reads=kind != "not reading") for _ in range(count)]
    over = Event()

    def drip() -> None:
        while not over.wait(0.5):
            for index, connection in enumerate(connections):
                try:
                    if kind.startswith("slow"):
                        connection.send(b"x")
                    elif kind != "not reading" and not connection.recv(65536, socket.MSG_DONTWAIT):
                        raise ConnectionResetError
                except BlockingIOError:
                    pass
                except OSError:
                    connection.close()
                    if not over.is_set():
                        connections[index] = connect(port, SAYS[kind], reads=kind != "not reading")

    dripping = Thread(target=drip)
    dripping.start()
    try:
        yield connections
    finally:
        over.set()
        dripping.join()
        for connection in connections:
            connection.close()


def lifetime(connection: socket.socket, drips: bytes = b"") -> float:
    """Seconds until the server closes the connection, while the client sends these bytes again and again."""
    begin = time.monotonic()
    pause = Event()
    while connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_ESTABLISHED:
        assert time.monotonic() - begin < 30, "it is never closed"
        try:
            connection.sendall(drips)
        except OSError:
            break
        pause.wait(0.02)
    return time.monotonic() - begin
