"""An update for tests of what reads one, without a store; and what a store has heard of one, and what people did."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from diundashboard import image
from diundashboard.model import Action, Received, State, Update
from diundashboard.store import Store

NOW = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
SHA256 = "sha256:b970f01e184cba9570c0aa9ca24c5902a64f11b3d8ece25e60296b5ea0628b48"


def an_update(text: str, **changes: Any) -> Update:
    """A new update of this image on nas as the stores hand it out, with other values for some of its fields."""
    reference = image.parse(text)
    update = Update(
        id=1,
        series_id=1,
        hostname="nas",
        host="nas",
        image=reference.image,
        registry=reference.registry,
        repository=reference.repository,
        version=reference.version,
        digest=reference.digest or SHA256,
        pinned="",
        status="new",
        state=State.PENDING,
        kind="new",
        from_version="",
        running_version="",
        running_cause=None,
        running_at=None,
        prerelease=False,
        older=0,
        provider="file",
        platform="linux/amd64",
        mime_type="application/vnd.oci.image.index.v1+json",
        hub_link="",
        diun_version="4.33.0",
        created=NOW,
        metadata={},
        container_metadata={},
        containers=(),
        stack="",
        note="",
        notifications=1,
        first_seen_at=NOW,
        received_at=NOW,
        waiting_since=NOW,
        acknowledged_at=None,
        acknowledged_by="",
        snoozed_until=None,
        tag=None,
    )
    return replace(update, **changes)


def heard(store: Store, update_id: int) -> list[Received]:
    """The notifications of an update, newest first."""
    moments = store.timeline(update_id, limit=1_000_000)
    return [each for each in moments if isinstance(each, Received) and each.update_id == update_id]


def actions(store: Store, update_id: int) -> list[Action]:
    """What people did with an update's series, newest first."""
    return [each for each in store.timeline(update_id, limit=1_000_000) if isinstance(each, Action)]
