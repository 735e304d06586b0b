"""Tags, their assignments, and the rules that make assignments."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from diundashboard import image
from diundashboard.image import Reference
from diundashboard.model import COLOURS, NOBODY, Actor, Invalid, Rule, Tag
from diundashboard.store import tags
from diundashboard.store.errors import Conflict, NotFound
from diundashboard.store.names import assignable, rule_pattern, tag_name
from diundashboard.store.sqlite.audit import noted
from diundashboard.store.sqlite.database import Database

# Each new tag gets a colour far from that of the tag before it.
_NEW_TAG = """
    INSERT INTO tags (name, colour)
    SELECT ?, count(*) * 5 % 12
      FROM tags
     WHERE TRUE
    ON CONFLICT DO NOTHING
"""

# The tag of the longest rule whose pattern matches a name.
_RULED = """
    SELECT r.tag_id
      FROM tag_rules AS r
     WHERE named.name GLOB replace(replace(r.pattern, '[', '[[]'), '?', '[?]')
     ORDER BY length(r.pattern) DESC, r.pattern
     LIMIT 1
"""

# The tag of each update: that of its exact image, what a person gave to its repository, its own label, a rule's.
_ASSIGNED = """
    SELECT u.id,
           CASE
               WHEN own.reference IS NOT NULL THEN own.tag_id
               WHEN shared.source = 'person' THEN shared.tag_id
               ELSE coalesce(label.id, shared.tag_id)
           END AS tag_id
      FROM updates AS u
      LEFT JOIN tags AS label ON label.id = u.label_tag_id
      LEFT JOIN tag_assignments AS own ON own.reference = u.image
      LEFT JOIN tag_assignments AS shared ON shared.reference = u.registry || '/' || u.repository
"""


class Tags(tags.Tags, Database):
    def tags(self) -> tuple[Tag, ...]:
        with self._transaction("DEFERRED") as cursor:
            rows = cursor.execute(
                """
                SELECT id, name, (SELECT count(*) FROM updates WHERE tag_id = tags.id) AS updates, colour
                  FROM tags
                 ORDER BY lower(name), name
                """
            ).fetchall()
        return tuple(Tag(**row) for row in rows)

    def create_tag(self, name: str, by: Actor = NOBODY) -> Tag:
        name = tag_name(name)
        with self._editing() as cursor:
            row = cursor.execute(f"{_NEW_TAG} RETURNING id, name, colour", (name,)).fetchone()
            if row is None:
                raise Conflict(f"a tag named {name!r} already exists")
            noted(cursor, self._now(), by, "tag added", name)
        return Tag(**row)

    def change_tag(self, tag_id: int, name: str, colour: int, by: Actor = NOBODY) -> Tag:
        name = tag_name(name)
        if not 0 <= colour < COLOURS:
            raise Invalid(f"a colour is a number from 0 to {COLOURS - 1}")
        with self._editing() as cursor:
            before = _check_tag(cursor, tag_id)
            changed = cursor.execute(
                "UPDATE OR IGNORE tags SET name = ?, colour = ? WHERE id = ?", (name, colour, tag_id)
            ).rowcount
            if not changed:
                raise Conflict(f"a tag named {name!r} already exists")
            noted(cursor, self._now(), by, "tag changed", f"{before} to {name}, colour {colour}")
        return Tag(tag_id, name, colour=colour)

    def delete_tag(self, tag_id: int, by: Actor = NOBODY) -> None:
        with self._editing() as cursor:
            name = _check_tag(cursor, tag_id)
            names = cursor.execute(
                "SELECT DISTINCT registry || '/' || repository FROM updates WHERE tag_id = ?", (tag_id,)
            ).fetchall()
            cursor.execute("DELETE FROM tags WHERE id = ?", (tag_id,))
            retag(cursor, [name for (name,) in names])
            noted(cursor, self._now(), by, "tag deleted", name)

    def has_tag(self, tag_id: int) -> bool:
        with self._transaction("DEFERRED") as cursor:
            return tag_id < 2**63 and knows_tag(cursor, tag_id)

    def assign_tag(self, reference: str, tag_id: int, by: Actor = NOBODY) -> str:
        key = assignable(reference)
        with self._editing() as cursor:
            name = _check_tag(cursor, tag_id)
            assign(cursor, key, tag_id, "person")
            retag(cursor, [image.parse(key).name])
            noted(cursor, self._now(), by, "tag assigned", f"{name} to {key}")
        return key

    def unassign_tag(self, reference: str, by: Actor = NOBODY) -> None:
        key = assignable(reference)
        with self._editing() as cursor:
            cursor.execute("DELETE FROM tag_assignments WHERE reference = ?", (key,))
            retag(cursor, [image.parse(key).name])
            noted(cursor, self._now(), by, "tag unassigned", key)

    def rules(self) -> tuple[Rule, ...]:
        with self._transaction("DEFERRED") as cursor:
            rows = cursor.execute(
                """
                SELECT r.id, r.pattern, t.id AS tag_id, t.name AS tag_name, t.colour AS tag_colour
                  FROM tag_rules AS r
                  JOIN tags AS t ON t.id = r.tag_id
                 ORDER BY r.pattern
                """
            ).fetchall()
        return tuple(
            Rule(
                id=row["id"],
                pattern=row["pattern"],
                tag=Tag(id=row["tag_id"], name=row["tag_name"], colour=row["tag_colour"]),
            )
            for row in rows
        )

    def create_rule(self, pattern: str, tag_id: int, by: Actor = NOBODY) -> Rule:
        pattern = rule_pattern(pattern)
        with self._editing() as cursor:
            _check_tag(cursor, tag_id)
            row = cursor.execute(
                "INSERT INTO tag_rules (pattern, tag_id) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id",
                (pattern, tag_id),
            ).fetchone()
            if row is None:
                raise Conflict(f"a rule for {pattern} already exists")
            _apply_rules(cursor, repositories(cursor))
            tag = cursor.execute("SELECT id, name, colour FROM tags WHERE id = ?", (tag_id,)).fetchone()
            noted(cursor, self._now(), by, "rule added", f"{pattern} to {tag['name']}")
        return Rule(id=row["id"], pattern=pattern, tag=Tag(**tag))

    def delete_rule(self, rule_id: int, by: Actor = NOBODY) -> None:
        with self._editing() as cursor:
            row = cursor.execute("DELETE FROM tag_rules WHERE id = ? RETURNING pattern", (rule_id,)).fetchone()
            if row is None:
                raise NotFound(f"no rule has the id {rule_id}")
            _apply_rules(cursor, repositories(cursor))
            noted(cursor, self._now(), by, "rule deleted", row["pattern"])


def _check_tag(cursor: sqlite3.Cursor, tag_id: int) -> str:
    """The name of a tag; NotFound if none has this id."""
    row = cursor.execute("SELECT name FROM tags WHERE id = ?", (tag_id,)).fetchone()
    if row is None:
        raise NotFound(f"no tag has the id {tag_id}")
    return str(row[0])


def knows_tag(cursor: sqlite3.Cursor, tag_id: int) -> bool:
    """Whether a tag has this id."""
    return cursor.execute("SELECT 1 FROM tags WHERE id = ?", (tag_id,)).fetchone() is not None


def tag_named(cursor: sqlite3.Cursor, name: str) -> int:
    """The id of the tag of this name, created if there is none."""
    cursor.execute(_NEW_TAG, (name,))
    tag_id: int = cursor.execute("SELECT id FROM tags WHERE name = ?", (name,)).fetchone()[0]
    return tag_id


def assign(cursor: sqlite3.Cursor, reference: str, tag_id: int | None, source: str) -> None:
    """Assign a tag to a reference, instead of the one it has. The source is `person` or `rule`."""
    cursor.execute(
        """
        INSERT INTO tag_assignments (reference, tag_id, source)
        VALUES (?, ?, ?)
        ON CONFLICT (reference) DO UPDATE
           SET tag_id = excluded.tag_id, source = excluded.source
        """,
        (reference, tag_id, source),
    )


def tag_of_image(cursor: sqlite3.Cursor, reference: Reference, label: str) -> tuple[int | None, int | None]:
    """The ids of the tag that a label names, created if there is none, and of the tag that the image gets.

    A repository that nothing has tagged so far is tagged by a rule here.
    """
    found = cursor.execute(
        f"""
        SELECT own.reference AS own, own.tag_id AS own_tag_id, shared.reference AS shared, shared.source,
               shared.tag_id AS shared_tag_id, ({_RULED}) AS ruled,
               (SELECT id FROM tags WHERE name = :label) AS labelled
          FROM (SELECT :name AS name) AS named
          LEFT JOIN tag_assignments AS own ON own.reference = :image
          LEFT JOIN tag_assignments AS shared ON shared.reference = named.name
        """,
        {"label": label, "name": reference.name, "image": reference.image},
    ).fetchone()
    labelled = tag_named(cursor, label) if label and found["labelled"] is None else found["labelled"]
    shared = found["shared_tag_id"]
    if found["shared"] is None and found["ruled"] is not None:
        shared = found["ruled"]
        assign(cursor, reference.name, shared, "rule")
        retag(cursor, [reference.name])
    if found["own"] is not None:
        return labelled, found["own_tag_id"]
    if found["source"] == "person" or labelled is None:
        return labelled, shared
    return labelled, labelled


def _apply_rules(cursor: sqlite3.Cursor, names: Iterable[str]) -> None:
    """Tag repositories that nothing else tagged by the longest matching rule, and untag those that no rule matches."""
    ids = json.dumps(list(names))
    cursor.execute(
        "DELETE FROM tag_assignments WHERE source = 'rule' AND reference IN (SELECT value FROM json_each(?))",
        (ids,),
    )
    cursor.execute(
        f"""
        INSERT INTO tag_assignments (reference, tag_id, source)
        SELECT named.name, ({_RULED}) AS matched, 'rule'
          FROM (SELECT value AS name FROM json_each(?)) AS named
         WHERE matched IS NOT NULL
        ON CONFLICT DO NOTHING
        """,
        (ids,),
    )
    retag(cursor, names)


def retag(cursor: sqlite3.Cursor, names: Iterable[str]) -> None:
    """Give every update of these repositories its tag."""
    cursor.execute(
        f"""
        UPDATE updates
           SET tag_id = assigned.tag_id
          FROM (
              {_ASSIGNED}
               WHERE u.registry || '/' || u.repository IN (SELECT value FROM json_each(?))
          ) AS assigned
         WHERE updates.id = assigned.id AND updates.tag_id IS NOT assigned.tag_id
        """,
        (json.dumps(list(names)),),
    )


def mistagged(cursor: sqlite3.Cursor) -> list[sqlite3.Row]:
    """The updates that have another tag than their own: hostname, name, version, stored and right tag_id."""
    return cursor.execute(
        f"""
        SELECT u.hostname, u.registry || '/' || u.repository AS name, u.version, u.tag_id AS stored,
               assigned.tag_id AS assigned
          FROM updates AS u
          JOIN ({_ASSIGNED}) AS assigned ON assigned.id = u.id
         WHERE u.tag_id IS NOT assigned.tag_id
         ORDER BY u.id
        """
    ).fetchall()


def repositories(cursor: sqlite3.Cursor) -> list[str]:
    """The names of all known repositories."""
    rows = cursor.execute("SELECT DISTINCT registry || '/' || repository FROM updates").fetchall()
    return [name for (name,) in rows]


def untag(cursor: sqlite3.Cursor, action_id: int) -> None:
    """Restore the assignments that an action replaced, where they are still as the action left them.

    A tag that the action created is deleted, unless it is used elsewhere by now.
    """
    rows = cursor.execute(
        """
        SELECT DISTINCT i.reference, i.before, a.tag_id, a.source
          FROM action_items AS i
          LEFT JOIN tag_assignments AS a ON a.reference = i.reference
         WHERE i.action_id = ?
        """,
        (action_id,),
    ).fetchall()
    created: set[int] = set()
    for reference, before, *present in rows:
        tag_id, source, *given = json.loads(before)
        created.update(given[:1] if given[1:] == [1] else ())
        if present != ([given[0], "person"] if given else [None, None]):
            continue
        if source and (tag_id is None or knows_tag(cursor, tag_id)):
            assign(cursor, reference, tag_id, source)
        else:
            cursor.execute("DELETE FROM tag_assignments WHERE reference = ?", (reference,))
    names = cursor.execute(
        """
        SELECT DISTINCT s.registry || '/' || s.repository
          FROM action_items AS i
          JOIN series AS s ON s.id = i.series_id
         WHERE i.action_id = ?
        """,
        (action_id,),
    ).fetchall()
    retag(cursor, [name for (name,) in names])
    cursor.execute(
        """
        DELETE FROM tags
         WHERE id IN (SELECT value FROM json_each(?))
           AND id NOT IN (SELECT tag_id FROM tag_rules)
           AND NOT EXISTS (SELECT 1 FROM tag_assignments WHERE tag_id = tags.id)
           AND NOT EXISTS (SELECT 1 FROM updates WHERE label_tag_id = tags.id)
        """,
        (json.dumps(sorted(created)),),
    )
