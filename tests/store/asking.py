"""Recording notifications and reading updates back, for the tests of the stores and of the pages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from diundashboard.model import Choice, UpdateQuery
from diundashboard.notification import parse
from diundashboard.store import Store

DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
EVERY = UpdateQuery(state=None, fold=False)
DAY = timedelta(days=1)


def record(store: Store, image: str = "nginx:1.27.0", **fields: Any) -> int:
    """Record a notification with these fields; returns the update's id."""
    return recorded(store, json.dumps({"image": image, "hostname": "nas", "digest": DIGEST, **fields}).encode())


def recorded(store: Store, body: bytes, at: datetime | None = None) -> int:
    """Record the notification in a body that is about an update; returns the update's id."""
    update_id = store.record(parse(body), at)
    assert update_id is not None
    return update_id


def images(store: Store, query: UpdateQuery = EVERY) -> list[str]:
    return [update.image for update in store.updates(query).updates]


def versions(store: Store, query: UpdateQuery | None = None) -> list[str]:
    return [update.version for update in store.updates(query or UpdateQuery()).updates]


def counted(choices: Sequence[Choice]) -> dict[str, int]:
    assert not any(choice.at_least for choice in choices)
    return {choice.value: choice.count for choice in choices}
