"""A load of webhook requests over a number of kept connections, from a process of its own."""

from __future__ import annotations

import socket
import sys
import threading
import time
from pathlib import Path

PAYLOADS = sorted((Path(__file__).parents[1] / "payloads").glob("*.json"))


def bodies() -> list[bytes]:
    """Every real payload from 40 hosts: most of the load repeats what is known, as in life."""
    return [
        path.read_bytes().replace(b'"hostname":"', b'"hostname":"host%d-' % number)
        for number in range(40)
        for path in PAYLOADS
    ]


def requests() -> list[bytes]:
    """Each body as a whole HTTP request."""
    return [b"POST /webhook HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n\r\n%s" % (len(b), b) for b in bodies()]


def drive(port: int, connections: int, seconds: float) -> float:
    """Requests answered with 200, a second.

    Raises:
        RuntimeError: an answer was something else.
    """
    messages, counts, errors = requests(), [0] * connections, []
    deadline = time.perf_counter() + seconds

    def one(index: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            turn = index * 71
            while time.perf_counter() < deadline:
                connection.sendall(messages[turn % len(messages)])
                answer = connection.recv(65536)
                while b"\r\n\r\n" not in answer or not answer.endswith((b"}\n", b"}")):
                    answer += connection.recv(65536)
                if not answer.startswith(b"HTTP/1.1 200"):
                    errors.append(answer)
                    return
                counts[index] += 1
                turn += 1

    threads = [threading.Thread(target=one, args=(index,)) for index in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise RuntimeError(errors[0].decode("latin-1"))
    return sum(counts) / seconds


if __name__ == "__main__":
    print(drive(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
