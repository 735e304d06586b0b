"""Tags, their assignments, and the rules that make assignments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, LiteralString

from psycopg import errors

from diundashboard import image
from diundashboard.image import Reference
from diundashboard.model import COLOURS, NOBODY, Actor, Invalid, Rule, Tag
from diundashboard.store import tags
from diundashboard.store.errors import Conflict, NotFound
from diundashboard.store.names import assignable, rule_pattern, tag_name
from diundashboard.store.postgres.audit import noted
from diundashboard.store.postgres.database import Cursor, Database, firsts, one
from diundashboard.store.postgres.locks import lock_alone, lock_repositories

# Each new tag gets a colour far from that of the tag before it.
_NEW_TAG: LiteralString = """
    INSERT INTO tags (name, colour)
    SELECT %s, count(*) * 5 %% 12
      FROM tags
    ON CONFLICT (name) DO NOTHING
"""

# The tag of the longest rule whose pattern matches a name; `*` in it matches anything.
_RULED: LiteralString = """
    SELECT r.tag_id
      FROM tag_rules AS r
     WHERE named.name LIKE replace(
               replace(replace(replace(r.pattern, '!', '!!'), '%%', '!%%'), '_', '!_'), '*', '%%'
           ) ESCAPE '!'
     ORDER BY length(r.pattern) DESC, r.pattern
     LIMIT 1
"""

# The tag of each update: that of its exact image, what a person gave to its repository, its own label, a rule's.
_ASSIGNED: LiteralString = """
    SELECT u.id,
           CASE
               WHEN own.reference IS NOT NULL THEN own.tag_id
               WHEN shared.source = 'person' THEN shared.tag_id
               ELSE coalesce(label.id, shared.tag_id)
           END AS tag_id
      FROM updates AS u
      LEFT JOIN tags AS label ON label.id = u.label_tag_id
      LEFT JOIN tag_assignments AS own ON own.reference_key = u.image_key
      LEFT JOIN tag_assignments AS shared ON shared.reference_key = u.repository_key
"""


class Tags(tags.Tags, Database):
    def tags(self) -> tuple[Tag, ...]:
        with self._connection() as connection:
            rows = connection.execute(
                """
                SELECT id, name, (SELECT count(*) FROM updates WHERE tag_id = tags.id) AS updates, colour
                  FROM tags
                 ORDER BY lower(name), name
                """
            ).fetchall()
        return tuple(Tag(**row._asdict()) for row in rows)

    def create_tag(self, name: str, by: Actor = NOBODY) -> Tag:
        name = tag_name(name)
        with self._editing() as cursor:
            row = cursor.execute(f"{_NEW_TAG} RETURNING id, name, colour", (name,)).fetchone()
            if row is None:
                raise Conflict(f"a tag named {name!r} already exists")
            noted(cursor, self._clock(), by, "tag added", name)
        return Tag(**row._asdict())

    def change_tag(self, tag_id: int, name: str, colour: int, by: Actor = NOBODY) -> Tag:
        name = tag_name(name)
        if not 0 <= colour < COLOURS:
            raise Invalid(f"a colour is a number from 0 to {COLOURS - 1}")
        try:
            with self._editing() as cursor:
                lock_alone(cursor)
                before = _check_tag(cursor, tag_id)
                cursor.execute("UPDATE tags SET name = %s, colour = %s WHERE id = %s", (name, colour, tag_id))
                noted(cursor, self._clock(), by, "tag changed", f"{before} to {name}, colour {colour}")
        except errors.UniqueViolation:
            raise Conflict(f"a tag named {name!r} already exists") from None
        return Tag(tag_id, name, colour=colour)

    def delete_tag(self, tag_id: int, by: Actor = NOBODY) -> None:
        with self._editing() as cursor:
            lock_alone(cursor)
            name = _check_tag(cursor, tag_id)
            names = firsts(
                cursor.execute(
                    "SELECT DISTINCT registry || '/' || repository FROM updates WHERE tag_id = %s", (tag_id,)
                ).fetchall()
            )
            lock_repositories(cursor, names)
            cursor.execute("DELETE FROM tags WHERE id = %s", (tag_id,))
            retag(cursor, names)
            noted(cursor, self._clock(), by, "tag deleted", name)

    def has_tag(self, tag_id: int) -> bool:
        with self._connection() as connection, connection.cursor() as cursor:
            return knows_tag(cursor, tag_id)

    def assign_tag(self, reference: str, tag_id: int, by: Actor = NOBODY) -> str:
        key = assignable(reference)
        names = [image.parse(key).name]
        with self._editing() as cursor:
            lock_alone(cursor)
            lock_repositories(cursor, names)
            name = _check_tag(cursor, tag_id)
            assign(cursor, [key], tag_id, "person")
            retag(cursor, names)
            noted(cursor, self._clock(), by, "tag assigned", f"{name} to {key}")
        return key

    def unassign_tag(self, reference: str, by: Actor = NOBODY) -> None:
        key = assignable(reference)
        names = [image.parse(key).name]
        with self._editing() as cursor:
            lock_alone(cursor)
            lock_repositories(cursor, names)
            cursor.execute("DELETE FROM tag_assignments WHERE reference_key = name_key(%s)", (key,))
            retag(cursor, names)
            noted(cursor, self._clock(), by, "tag unassigned", key)

    def rules(self) -> tuple[Rule, ...]:
        with self._connection() as connection:
            rows = connection.execute(
                """
                SELECT r.id, r.pattern, t.id AS tag_id, t.name AS tag_name, t.colour AS tag_colour
                  FROM tag_rules AS r
                  JOIN tags AS t ON t.id = r.tag_id
                 ORDER BY r.pattern
                """
            ).fetchall()
        return tuple(
            Rule(id=row.id, pattern=row.pattern, tag=Tag(id=row.tag_id, name=row.tag_name, colour=row.tag_colour))
            for row in rows
        )

    def create_rule(self, pattern: str, tag_id: int, by: Actor = NOBODY) -> Rule:
        pattern = rule_pattern(pattern)
        with self._editing() as cursor:
            lock_alone(cursor)
            _check_tag(cursor, tag_id)
            row = cursor.execute(
                """
                INSERT INTO tag_rules (pattern, tag_id)
                VALUES (%s, %s)
                ON CONFLICT (pattern_key) DO NOTHING
                RETURNING id
                """,
                (pattern, tag_id),
            ).fetchone()
            if row is None:
                raise Conflict(f"a rule for {pattern} already exists")
            _apply_rules(cursor)
            tag = one(cursor.execute("SELECT id, name, colour FROM tags WHERE id = %s", (tag_id,)))
            noted(cursor, self._clock(), by, "rule added", f"{pattern} to {tag.name}")
        return Rule(id=row.id, pattern=pattern, tag=Tag(**tag._asdict()))

    def delete_rule(self, rule_id: int, by: Actor = NOBODY) -> None:
        with self._editing() as cursor:
            lock_alone(cursor)
            row = cursor.execute("DELETE FROM tag_rules WHERE id = %s RETURNING pattern", (rule_id,)).fetchone()
            if row is None:
                raise NotFound(f"no rule has the id {rule_id}")
            _apply_rules(cursor)
            noted(cursor, self._clock(), by, "rule deleted", row.pattern)


def _check_tag(cursor: Cursor, tag_id: int) -> str:
    """The name of a tag; NotFound if none has this id."""
    row = cursor.execute("SELECT name FROM tags WHERE id = %s", (tag_id,)).fetchone()
    if row is None:
        raise NotFound(f"no tag has the id {tag_id}")
    return str(row[0])


def knows_tag(cursor: Cursor, tag_id: int) -> bool:
    """Whether a tag has this id."""
    return cursor.execute("SELECT id FROM tags WHERE id = %s", (tag_id,)).fetchone() is not None


def tag_named(cursor: Cursor, name: str) -> int:
    """The id of the tag of this name, created if there is none."""
    find: LiteralString = "SELECT id FROM tags WHERE name = %s"
    row = cursor.execute(find, (name,)).fetchone()
    if row is None:
        cursor.execute(_NEW_TAG, (name,))
        row = one(cursor.execute(find, (name,)))
    return int(row.id)


def assign(cursor: Cursor, references: Iterable[str], tag_id: int | None, source: str) -> None:
    """Assign a tag to references, instead of those they have. The source is `person` or `rule`."""
    cursor.execute(
        """
        INSERT INTO tag_assignments (reference, tag_id, source)
        SELECT reference, %s, %s
          FROM unnest(%s::text[]) AS reference
        ON CONFLICT (reference_key) DO UPDATE
           SET tag_id = excluded.tag_id, source = excluded.source
        """,
        (tag_id, source, list(references)),
    )


def tag_of_image(cursor: Cursor, reference: Reference, label: str) -> tuple[int | None, int | None]:
    """The ids of the tag that a label names, created if there is none, and of the tag that the image gets.

    A repository that nothing has tagged so far is tagged by a rule here, which locks all its series: the caller holds
    the advisory lock on its name, and no row of a series yet.
    """
    cursor.execute(
        f"""
        SELECT own.reference AS own, own.tag_id AS own_tag_id, shared.reference AS shared, shared.source,
               shared.tag_id AS shared_tag_id, ({_RULED}) AS ruled,
               (SELECT id FROM tags WHERE name = %(label)s) AS labelled
          FROM (SELECT %(name)s::text COLLATE "C" AS name) AS named
          LEFT JOIN tag_assignments AS own ON own.reference_key = name_key(%(image)s)
          LEFT JOIN tag_assignments AS shared ON shared.reference_key = name_key(%(name)s)
        """,
        {"label": label, "name": reference.name, "image": reference.image},
    )
    found = one(cursor)
    shared = found.shared_tag_id
    if ruled := found.shared is None and found.ruled is not None:
        lock_repositories(cursor, [reference.name])
        shared = found.ruled
    labelled = tag_named(cursor, label) if label and found.labelled is None else found.labelled
    if ruled:
        assign(cursor, [reference.name], shared, "rule")
        retag(cursor, [reference.name])
    if found.own is not None:
        return labelled, found.own_tag_id
    if found.source == "person" or labelled is None:
        return labelled, shared
    return labelled, labelled


def _apply_rules(cursor: Cursor) -> None:
    """Tag repositories that nothing else tagged by the longest matching rule, and untag those that no rule matches."""
    rows = cursor.execute(
        f"""
        SELECT ruled.name, ruled.tag_id
          FROM (
              SELECT named.repository_key, named.name, ({_RULED}) AS tag_id
                FROM (
                    SELECT DISTINCT repository_key, registry || '/' || repository AS name
                      FROM series
                ) AS named
          ) AS ruled
          LEFT JOIN tag_assignments AS a ON a.reference_key = ruled.repository_key
         WHERE (a.reference IS NULL OR a.source = %s) AND a.tag_id IS DISTINCT FROM ruled.tag_id
        """,
        ("rule",),
    ).fetchall()
    names = [row.name for row in rows]
    lock_repositories(cursor, names)
    cursor.execute(
        """
        DELETE FROM tag_assignments
         WHERE reference_key IN (SELECT name_key(name) FROM unnest(%s::text[]) AS name)
        """,
        (names,),
    )
    cursor.executemany(
        "INSERT INTO tag_assignments (reference, tag_id, source) VALUES (%s, %s, 'rule')",
        [(row.name, row.tag_id) for row in rows if row.tag_id is not None],
    )
    retag(cursor, names)


def retag(cursor: Cursor, names: Iterable[str]) -> None:
    """Give every update of these repositories its tag. The caller holds the locks of those series whose tags change."""
    cursor.execute(
        f"""
        UPDATE updates AS stored
           SET tag_id = assigned.tag_id
          FROM (
              {_ASSIGNED}
               WHERE u.series_id IN (
                   SELECT id
                     FROM series
                    WHERE repository_key IN (SELECT name_key(name) FROM unnest(%s::text[]) AS name)
               )
          ) AS assigned
         WHERE stored.id = assigned.id AND stored.tag_id IS DISTINCT FROM assigned.tag_id
        """,
        (list(names),),
    )


def mistagged(cursor: Cursor) -> list[Any]:
    """The updates that have another tag than their own: hostname, name, version, stored and right tag_id."""
    return cursor.execute(
        f"""
        SELECT u.hostname, u.registry || '/' || u.repository AS name, u.version, u.tag_id AS stored,
               assigned.tag_id AS assigned
          FROM updates AS u
          JOIN ({_ASSIGNED}) AS assigned ON assigned.id = u.id
         WHERE u.tag_id IS DISTINCT FROM assigned.tag_id
         ORDER BY u.id
        """
    ).fetchall()


def repositories(cursor: Cursor) -> list[str]:
    """The names of all known repositories."""
    return firsts(cursor.execute("SELECT DISTINCT registry || '/' || repository FROM updates").fetchall())


def untag(cursor: Cursor, action_id: int) -> None:
    """Restore the assignments that an action replaced, where they are still as the action left them.

    A tag that the action created is deleted, unless it is used elsewhere by now.
    """
    lock_alone(cursor)
    names = firsts(
        cursor.execute(
            """
            SELECT DISTINCT s.registry || '/' || s.repository
              FROM action_items AS i
              JOIN series AS s ON s.id = i.series_id
             WHERE i.action_id = %s
            """,
            (action_id,),
        ).fetchall()
    )
    lock_repositories(cursor, names)
    rows = cursor.execute(
        """
        SELECT DISTINCT i.reference, i.before, a.tag_id, a.source
          FROM action_items AS i
          LEFT JOIN tag_assignments AS a ON a.reference_key = name_key(i.reference)
         WHERE i.action_id = %s
        """,
        (action_id,),
    ).fetchall()
    created: set[int] = set()
    for row in rows:
        tag_id, source, *given = row.before
        created.update(given[:1] if given[1:] == [True] else ())
        if [row.tag_id, row.source] != ([given[0], "person"] if given else [None, None]):
            continue
        if source and (tag_id is None or knows_tag(cursor, tag_id)):
            assign(cursor, [row.reference], tag_id, source)
        else:
            cursor.execute("DELETE FROM tag_assignments WHERE reference_key = name_key(%s)", (row.reference,))
    retag(cursor, names)
    cursor.execute(
        """
        DELETE FROM tags AS t
         WHERE t.id = ANY(%s::bigint[])
           AND NOT EXISTS (SELECT FROM tag_rules AS r WHERE r.tag_id = t.id)
           AND NOT EXISTS (SELECT FROM tag_assignments AS a WHERE a.tag_id = t.id)
           AND NOT EXISTS (SELECT FROM updates AS u WHERE u.label_tag_id = t.id)
        """,
        (sorted(created),),
    )
