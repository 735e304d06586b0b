"""Tags, their assignments, and the rules that make assignments."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import LiteralString

from psycopg import errors

from diundashboard import image
from diundashboard.model import COLOURS, Invalid, Rule, Tag
from diundashboard.store import tags
from diundashboard.store.errors import Conflict, NotFound
from diundashboard.store.names import assignable, metadata_tag, rule_pattern, tag_name
from diundashboard.store.postgres.database import Cursor, Database, firsts, lock_alone, lock_repositories, one

# Each new tag gets a colour far from that of the tag before it.
_NEW_TAG: LiteralString = """
    INSERT INTO tags (name, colour)
    SELECT %s, count(*) * 5 %% 12
      FROM tags
    ON CONFLICT (name) DO NOTHING
"""

# The tag of the longest rule whose pattern matches a name.
_RULED: LiteralString = """
    SELECT r.tag_id
      FROM tag_rules AS r
     WHERE named.name LIKE replace(
               replace(replace(replace(r.pattern, '!', '!!'), '%%', '!%%'), '_', '!_'), '*', '%%'
           ) ESCAPE '!'
     ORDER BY length(r.pattern) DESC, r.pattern
     LIMIT 1
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

    def create_tag(self, name: str) -> Tag:
        name = tag_name(name)
        with self._editing() as cursor:
            row = cursor.execute(f"{_NEW_TAG} RETURNING id, name, colour", (name,)).fetchone()
        if row is None:
            raise Conflict(f"a tag has the name {name!r} already")
        return Tag(**row._asdict())

    def change_tag(self, tag_id: int, name: str, colour: int) -> Tag:
        name = tag_name(name)
        if not 0 <= colour < COLOURS:
            raise Invalid(f"a colour is a number from 0 to {COLOURS - 1}")
        try:
            with self._editing() as cursor:
                lock_alone(cursor)
                changed = cursor.execute(
                    "UPDATE tags SET name = %s, colour = %s WHERE id = %s", (name, colour, tag_id)
                ).rowcount
        except errors.UniqueViolation:
            raise Conflict(f"a tag has the name {name!r} already") from None
        if not changed:
            raise _no_tag(tag_id)
        return Tag(tag_id, name, colour=colour)

    def delete_tag(self, tag_id: int) -> None:
        with self._editing() as cursor:
            lock_alone(cursor)
            rows = cursor.execute(
                "SELECT DISTINCT registry || '/' || repository FROM updates WHERE tag_id = %s", (tag_id,)
            ).fetchall()
            lock_repositories(cursor, firsts(rows))
            if cursor.execute("DELETE FROM tags WHERE id = %s", (tag_id,)).rowcount == 0:
                raise _no_tag(tag_id)
            retag(cursor, firsts(rows))

    def has_tag(self, tag_id: int) -> bool:
        with self._connection() as connection:
            return connection.execute("SELECT 1 FROM tags WHERE id = %s", (tag_id,)).fetchone() is not None

    def assign_tag(self, reference: str, tag_id: int) -> str:
        key = assignable(reference)
        name = image.parse(key).name
        with self._editing() as cursor:
            lock_alone(cursor)
            lock_repositories(cursor, [name])
            _tag(cursor, tag_id)
            assign(cursor, [key], tag_id, "person")
            retag(cursor, [name])
        return key

    def unassign_tag(self, reference: str) -> None:
        key = assignable(reference)
        name = image.parse(key).name
        with self._editing() as cursor:
            lock_alone(cursor)
            lock_repositories(cursor, [name])
            cursor.execute("DELETE FROM tag_assignments WHERE reference_key = name_key(%s)", (key,))
            retag(cursor, [name])

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
            Rule(
                id=row.id,
                pattern=row.pattern,
                tag=Tag(id=row.tag_id, name=row.tag_name, colour=row.tag_colour),
            )
            for row in rows
        )

    def create_rule(self, pattern: str, tag_id: int) -> Rule:
        pattern = rule_pattern(pattern)
        with self._editing() as cursor:
            lock_alone(cursor)
            tag = _tag(cursor, tag_id)
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
                raise Conflict(f"a rule has the pattern {pattern} already")
            _apply_rules(cursor)
        return Rule(id=row.id, pattern=pattern, tag=tag)

    def delete_rule(self, rule_id: int) -> None:
        with self._editing() as cursor:
            lock_alone(cursor)
            if not cursor.execute("DELETE FROM tag_rules WHERE id = %s", (rule_id,)).rowcount:
                raise NotFound(f"no rule has the id {rule_id}")
            _apply_rules(cursor)


def _tag(cursor: Cursor, tag_id: int) -> Tag:
    """A tag; NotFound if the id is unknown."""
    row = cursor.execute("SELECT id, name, colour FROM tags WHERE id = %s", (tag_id,)).fetchone()
    if row is None:
        raise _no_tag(tag_id)
    return Tag(**row._asdict())


def tag_named(cursor: Cursor, name: str) -> int:
    """The id of the tag of this name, created if there is none."""
    find: LiteralString = "SELECT id FROM tags WHERE name = %s"
    row = cursor.execute(find, (name,)).fetchone()
    if row is None:
        cursor.execute(_NEW_TAG, (name,))
        row = one(cursor.execute(find, (name,)))
    return int(row.id)


def assign(cursor: Cursor, references: Iterable[str], tag_id: int | None, source: str) -> None:
    """Assign a tag to references, instead of those they have. The source is `person`, `metadata` or `rule`."""
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


def tag_at_first_sight(cursor: Cursor, name: str, metadata: Mapping[str, str]) -> bool:
    """Tag a repository that nobody has tagged by its metadata, or else by a rule.

    True if it did; the tag of the repository's other updates is then outdated. The caller holds the advisory lock on
    the name.
    """
    source, rule_tag_id = one(
        cursor.execute(
            f"""
            SELECT (SELECT source FROM tag_assignments WHERE reference_key = name_key(named.name)), ({_RULED})
              FROM (SELECT %s::text COLLATE "C") AS named (name)
            """,
            (name,),
        )
    )
    wanted = metadata_tag(metadata)
    if source in (None, "rule") and wanted:
        lock_repositories(cursor, [name])
        assign(cursor, [name], tag_named(cursor, wanted), "metadata")
    elif source is None and rule_tag_id is not None:
        lock_repositories(cursor, [name])
        assign(cursor, [name], rule_tag_id, "rule")
    else:
        return False
    return True


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
    names = firsts(rows)
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
        [row for row in rows if row.tag_id is not None],
    )
    retag(cursor, names)


def retag(cursor: Cursor, names: Collection[str]) -> None:
    """Give every update of these repositories the tag of its exact image, or else of its repository.

    The caller holds the locks on the rows of their series.
    """
    cursor.execute(
        """
        UPDATE updates AS u
           SET tag_id = assigned.tag_id
          FROM (
              SELECT v.id, coalesce(own.tag_id, shared.tag_id) AS tag_id
                FROM updates AS v
                LEFT JOIN tag_assignments AS own ON own.reference_key = v.image_key
                LEFT JOIN tag_assignments AS shared ON shared.reference_key = v.repository_key
               WHERE v.repository_key IN (SELECT name_key(name) FROM unnest(%s::text[]) AS name)
          ) AS assigned
         WHERE u.id = assigned.id AND u.tag_id IS DISTINCT FROM assigned.tag_id
        """,
        (list(names),),
    )


def _no_tag(tag_id: int) -> NotFound:
    """The error for an unknown id of a tag."""
    return NotFound(f"no tag has the id {tag_id}")
