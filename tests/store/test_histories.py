"""Whatever DIUN reports and people do, what is stored is what the history says: random histories, on both databases."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta

from diundashboard.model import NEXT_VERSION, Action, Invalid, Selection
from diundashboard.store import Conflict, NotFound, Store
from tests.conftest import Clock
from tests.store.asking import recorded
from tests.torture import SIZE

HISTORIES = 8 * SIZE
STEPS = 50
VERSIONS = ["1.0", "1.1", "1.2", "2.0-rc1", "2.0", "latest", "1.1-alpine"]


class History:
    """What happens on two hosts of its own, mostly to the versions of one repository."""

    def __init__(self, store: Store, clock: Clock, seed: int) -> None:
        self.store, self.clock, self.chance = store, clock, random.Random(seed)
        self.hosts = [f"a{seed}", f"b{seed}"]
        self.updates: list[int] = []
        self.actions: list[int] = []

    def step(self) -> None:
        moves: list[tuple[int, Callable[[], object]]] = [
            (12, self.report),
            (5, lambda: self.store.acknowledge(self.some(), "person")),
            (2, lambda: self.store.reopen(self.some(), "person")),
            (2, lambda: self.store.snooze(self.some(), self.until(), "person")),
            (1, lambda: self.store.mute(self.some(), self.chance.random() < 0.6, "person")),
            (1, lambda: self.store.annotate(self.some(), self.chance.choice(["", "x", "y"]), "person")),
            (1, lambda: self.store.tag_updates(self.some(), self.chance.choice([None, "t"]), "person")),
            (2, lambda: self.store.say_running(self.chance.choice(self.updates), self.running(), "person")),
            (4, lambda: self.store.undo(self.chance.choice(self.actions), "person")),
            (1, self.merge),
        ]
        act = self.chance.choices([move for _, move in moves], [weight for weight, _ in moves])[0]
        try:
            done = act()
        except (Conflict, Invalid, NotFound, IndexError):
            return
        if isinstance(done, Action) and done.id:
            self.actions.append(done.id)

    def report(self) -> None:
        metadata = {}
        for name, values in (("current", VERSIONS), ("tag", ["x", "y"]), ("ctn_names", ["web", "web,api", "db"])):
            if self.chance.random() < 0.25:
                metadata[name] = self.chance.choice(values)
        body = {
            "image": f"app:{self.chance.choice(VERSIONS)}",
            "hostname": self.chance.choice(self.hosts),
            "digest": f"sha256:{self.chance.randrange(3)}",
            "status": self.chance.choice(["new", "update"]),
            "metadata": metadata,
        }
        late = timedelta(minutes=self.chance.choice([0, 0, 0, 5]))
        self.updates.append(recorded(self.store, json.dumps(body).encode(), self.clock() - late))

    def some(self) -> Selection:
        return Selection(tuple(self.chance.choices(self.updates, k=self.chance.randint(1, 3))))

    def until(self) -> datetime | None:
        return self.chance.choice([None, NEXT_VERSION, self.clock.time + timedelta(days=3)])

    def running(self) -> str:
        return self.chance.choice(["", *VERSIONS])

    def merge(self) -> None:
        ids = {host.hostname: host.id for host in self.store.hosts()}
        self.store.merge_hosts(ids.get(self.hosts[0], 0), ids.get(self.hosts[1], 0))


def test_what_is_stored_is_the_fold_of_the_history_from_its_beginning(store: Store, clock: Clock) -> None:
    for seed in range(HISTORIES):
        history = History(store, clock, seed)
        for _ in range(STEPS):
            history.step()
            clock.time += timedelta(seconds=history.chance.choice([0, 60, 90_000]))
        assert store.check() == (), f"history {seed}"
