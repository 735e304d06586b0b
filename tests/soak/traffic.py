"""What browsers, DIUN and clients that are slow or silent do to one dashboard at the same time."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from itertools import count
from urllib.parse import parse_qs, urlsplit

from tests.conftest import PAYLOADS
from tests.dashboard import Answer, Dashboard
from tests.faults.crowd import crowd
from tests.pings import result

HOSTS = 10
PAGES = ("/", "/?state=all&group=host", "/?state=acknowledged", "/hosts", "/history", "/insights", "/tags", "/connect")
FORM = {"Content_Type": "application/x-www-form-urlencoded"}
CROWDS = {"slow heads": 5, "slow bodies": 5, "silent": 10, "not reading": 3}
"""How many clients of each kind that keep connections busy."""

POLLS = 5

PAUSE = 0.02
"""Seconds between two requests of one client: the load goes on for an hour, and is no race."""


class Traffic:
    """The requests to one dashboard until `ended` is set, and how they were answered."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._dashboard = dashboard
        self._payloads = [json.loads(path.read_bytes()) for path in PAYLOADS]
        self._numbers = count()
        self.ended = threading.Event()
        self._may_write = threading.Event()
        self._may_write.set()
        self.taken: set[int] = set()
        """The numbers of the notifications that were answered with a 2xx."""
        self.answers: Counter[str] = Counter()
        """How often each kind of request was answered with each status; 0 stands for no answer."""

    def run(self, turn: Callable[[], None]) -> None:
        """Take one turn after the other."""
        while not self.ended.wait(PAUSE):
            turn()

    def notify(self) -> None:
        """A notification as DIUN sends it, of one of a hundred digests of its image."""
        self._may_write.wait()
        number = next(self._numbers)
        payload = self._payloads[number % len(self._payloads)]
        changed = {"hostname": f"host{number % HOSTS}", "digest": f"sha256:{number % 100:064}", "number": number}
        answer = self._ask("webhook", "POST", "/webhook", json.dumps(payload | changed).encode())
        if answer and answer.status in (200, 202):
            self.taken.add(number)

    def read(self) -> None:
        """Every page, and then one as a browser asks for it that has it, while nothing changes."""
        for path in PAGES:
            self._ask("page", "GET", path)
        self._may_write.clear()
        tag = ""
        for _ in range(POLLS):
            answer = self._ask("page again", "GET", "/", If_None_Match=tag)
            tag = answer.headers.get("ETag", "") if answer else ""
        self._may_write.set()

    def work(self) -> None:
        """Mark an update as done, and undo it."""
        self._may_write.wait()
        listed = self._ask("list", "GET", "/api/v1/updates?per_page=1")
        if not listed or listed.status != 200 or not listed.json["updates"]:
            return
        chosen = f"id={listed.json['updates'][0]['id']}".encode()
        done = self._ask("acknowledge", "POST", "/act/acknowledge", chosen, **FORM)
        if done and (action := parse_qs(urlsplit(done.headers.get("Location", "")).query).get("did")):
            self._ask("undo", "POST", "/act/undo", f"action={action[0]}".encode(), **FORM)

    def ping(self) -> None:
        """A run of a DIUN, from its start to its end."""
        for path, body in (("/ping/nas/start", ""), ("/ping/nas", result(new=1, unchanged=20))):
            self._ask("ping", "POST", path, body.encode())
            self.ended.wait(1)

    def _ask(self, kind: str, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer | None:
        try:
            answer = self._dashboard.request(method, path, body, **headers)
        except (OSError, HTTPException):
            self.answers[f"{kind} 0"] += 1
            return None
        self.answers[f"{kind} {answer.status}"] += 1
        return answer


@contextmanager
def traffic(dashboard: Dashboard) -> Iterator[Traffic]:
    """The traffic goes on until the block ends."""
    made = Traffic(dashboard)
    turns = (made.notify, made.notify, made.read, made.work, made.ping)
    threads = [threading.Thread(target=made.run, args=(turn,)) for turn in turns]
    with ExitStack() as clients:
        for kind, number in CROWDS.items():
            clients.enter_context(crowd(dashboard.port, kind, number))
        for thread in threads:
            thread.start()
        try:
            yield made
        finally:
            made.ended.set()
            for thread in threads:
                thread.join()
