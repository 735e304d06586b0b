"""The SELECT lists that several areas share, and the types that their rows become."""

from __future__ import annotations

from typing import Any, LiteralString

from diundashboard.model import Action, Cause, Received, State, Tag, Update

UPDATE: LiteralString = """
    SELECT u.id, u.series_id, u.hostname, coalesce(nullif(h.display_name, ''), h.hostname) AS host, u.image,
           u.registry, u.repository, u.version, u.digest, u.pinned, u.status,
           CASE
               WHEN s.muted_at IS NOT NULL THEN 'muted'
               WHEN u.acknowledged_at IS NOT NULL THEN 'acknowledged'
               WHEN u.superseded THEN 'superseded'
               WHEN s.snoozed_until > %(now)s THEN 'snoozed'
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
           u.acknowledged_by, CASE WHEN s.snoozed_until > %(now)s THEN s.snoozed_until END AS snoozed_until,
           t.id AS tag_id, t.name AS tag_name, t.colour AS tag_colour
"""

FROM: LiteralString = """
      FROM updates AS u
      JOIN series AS s ON s.id = u.series_id
      JOIN hosts AS h ON h.id = s.host_id
      LEFT JOIN tags AS t ON t.id = u.tag_id
"""

RECEIVED: LiteralString = """
    SELECT n.id, n.update_id, n.received_at, n.status, n.kind, n.digest, n.image,
           coalesce(nullif(h.display_name, ''), h.hostname) AS host, n.payload
      FROM notifications AS n
      JOIN hosts AS h ON h.id = n.host_id
"""

ACTION: LiteralString = """
    SELECT id, at, by, verb, detail, count, undone_at, undone_by,
           undone_at IS NULL AND EXISTS (SELECT 1 FROM action_items WHERE action_id = actions.id) AS can_undo
      FROM actions
"""


def update_of(row: Any) -> Update:
    """The update in a row of UPDATE."""
    values = row._asdict()
    tag_id, tag_name, tag_colour = values.pop("tag_id"), values.pop("tag_name"), values.pop("tag_colour")
    values["state"] = State(row.state)
    values["running_cause"] = row.running_cause and Cause(row.running_cause)
    of_containers = {key: dict(sorted(each.items())) for key, each in sorted(row.metadata.items())}
    values["container_metadata"] = of_containers
    values["metadata"] = next(iter(of_containers.values()), {})
    values["containers"] = tuple(sorted(row.containers))
    return Update(**values, tag=None if tag_id is None else Tag(id=tag_id, name=tag_name, colour=tag_colour))


def received_of(row: Any) -> Received:
    """The notification in a row of RECEIVED."""
    return Received(**row._asdict())


def action_of(row: Any, label: str = "") -> Action:
    """The action in a row of ACTION."""
    return Action(**row._asdict(), label=label)
