"""The SELECT lists that several areas share, and the types that their rows become."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from sys import intern
from typing import Any

from diundashboard.model import Action, Cause, Received, State, Tag, Update
from diundashboard.store.sqlite.database import time_of, time_or_none

UPDATE = """
    SELECT u.id, u.series_id, u.hostname, coalesce(nullif(h.display_name, ''), h.hostname) AS host, u.image,
           u.registry, u.repository, u.version, u.digest, u.pinned, u.status,
           CASE
               WHEN s.muted_at IS NOT NULL THEN 'muted'
               WHEN u.acknowledged_at IS NOT NULL THEN 'acknowledged'
               WHEN u.superseded THEN 'superseded'
               WHEN s.snoozed_until > :now THEN 'snoozed'
               ELSE 'pending'
           END AS state,
           u.kind, u.from_version, s.running_version,
           CASE
               WHEN s.running_version = '' THEN NULL
               WHEN s.said_version <> s.running_version THEN 'done'
               WHEN substr(s.label || '@', 1, length(s.said_version) + 1) = s.said_version || '@' THEN 'label'
               ELSE 'person'
           END AS running_cause,
           CASE
               WHEN NOT u.superseded THEN NULL
               WHEN s.said_version = s.running_version THEN s.said_at
               ELSE (SELECT max(d.done_at) FROM updates AS d
                      WHERE d.series_id = u.series_id AND d.version = s.running_version)
           END AS running_at,
           u.prerelease, u.older,
           u.provider, u.platform, u.mime_type, u.hub_link, u.diun_version, u.created, u.metadata, u.containers,
           u.stack, s.note, u.notifications, u.first_seen_at, u.received_at, u.waiting_since, u.acknowledged_at,
           u.acknowledged_by, CASE WHEN s.snoozed_until > :now THEN s.snoozed_until END AS snoozed_until,
           t.id AS tag_id, t.name AS tag_name, t.colour AS tag_colour
"""

FROM = """
      FROM updates AS u
      JOIN series AS s ON s.id = u.series_id
      JOIN hosts AS h ON h.id = s.host_id
      LEFT JOIN tags AS t ON t.id = u.tag_id
"""

RECEIVED = """
    SELECT n.id, n.update_id, n.received_at, n.status, n.kind, n.digest, n.image,
           coalesce(nullif(h.display_name, ''), h.hostname) AS host, n.payload
      FROM notifications AS n
      JOIN hosts AS h ON h.id = n.host_id
"""

ACTION = """
    SELECT id, at, by, verb, detail, count, undone_at, undone_by,
           undone_at IS NULL AND EXISTS (SELECT 1 FROM action_items WHERE action_id = actions.id) AS can_undo
      FROM actions
"""

_TIMES = ("created", "first_seen_at", "received_at", "waiting_since", "acknowledged_at", "snoozed_until", "running_at")


def named(row: sqlite3.Row) -> dict[str, Any]:
    """The columns of a row as keyword arguments. Python matches interned names much faster than equal ones."""
    return dict(zip(map(intern, row.keys()), row, strict=True))


def update_of(row: sqlite3.Row) -> Update:
    """The update in a row of UPDATE."""
    values = named(row)
    tag_id, tag_name, tag_colour = values.pop("tag_id"), values.pop("tag_name"), values.pop("tag_colour")
    values["state"] = State(values["state"])
    values["running_cause"] = values["running_cause"] and Cause(values["running_cause"])
    values["prerelease"] = bool(values["prerelease"])
    of_containers = {key: dict(sorted(each.items())) for key, each in sorted(json.loads(row["metadata"]).items())}
    values["container_metadata"] = of_containers
    values["metadata"] = next(iter(of_containers.values()), {})
    values["containers"] = tuple(sorted(json.loads(values["containers"])))
    for name in _TIMES:
        values[name] = time_or_none(values[name])
    return Update(**values, tag=None if tag_id is None else Tag(id=tag_id, name=tag_name, colour=tag_colour))


def received_of(row: sqlite3.Row) -> Received:
    """The notification in a row of RECEIVED."""
    return Received(**named(row) | {"received_at": time_of(row["received_at"])})


def action_of(row: sqlite3.Row, label: str = "") -> Action:
    """The action in a row of ACTION."""
    times = {"at": time_of(row["at"]), "undone_at": time_or_none(row["undone_at"])}
    return Action(**named(row) | times | {"can_undo": bool(row["can_undo"])}, label=label)


def json_of(rows: Iterable[sqlite3.Row]) -> str:
    """The first column of rows, as a JSON array."""
    return json.dumps([row[0] for row in rows])
