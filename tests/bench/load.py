"""A load of webhook requests over a number of kept connections, from a process of its own."""

from __future__ import annotations

import re
import socket
import sys
import threading
import time
from pathlib import Path

PAYLOADS = sorted((Path(__file__).parents[1] / "payloads").glob("*.json"))


DIGEST = re.compile(rb'"digest":"sha256:[0-9a-f]{64}"')


def requests() -> list[tuple[bytes, bytes]]:
    """Every real payload from 40 hosts as an HTTP request, in two parts, between which the digest stands."""
    found = []
    for number in range(40):
        for path in PAYLOADS:
            body = path.read_bytes().replace(b'"hostname":"', b'"hostname":"host%d-' % number)
            digest = DIGEST.search(body)
            assert digest is not None
            head = b"POST /webhook HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n\r\n" % len(body)
            found.append((head + body[: digest.start()], body[digest.end() :]))
    return found


def drive(port: int, connections: int, seconds: float, news: bool) -> float:
    """Requests answered with 200, a second: each with a digest of its own, as DIUN sends them, or all with one.

    Raises:
        RuntimeError: an answer was something else.
    """
    messages, counts, errors = requests(), [0] * connections, []
    deadline = time.perf_counter() + seconds

    def one(index: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            turn = index * 71
            while time.perf_counter() < deadline:
                before, after = messages[turn % len(messages)]
                digest = index << 32 | turn if news else 0
                connection.sendall(b'%s"digest":"sha256:%064x"%s' % (before, digest, after))
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
    print(drive(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4] == "news"))
