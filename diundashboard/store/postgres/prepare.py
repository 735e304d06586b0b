"""Prepare a database for the store: bring it up to date."""

from __future__ import annotations

from dataclasses import astuple
from typing import LiteralString

import psycopg
from psycopg.rows import namedtuple_row

from diundashboard import image
from diundashboard.notification import DERIVED_RULES, derive
from diundashboard.store.errors import Unavailable
from diundashboard.store.migrations import PostgresMigrations, migrate
from diundashboard.store.postgres.database import Cursor, answering, configure, conninfo_of, firsts
from diundashboard.store.postgres.hosts import name_hosts
from diundashboard.store.postgres.series import refresh
from diundashboard.store.postgres.tags import retag
from diundashboard.text import searchable

# The hosts with other names that a search does not find yet.
_UNNAMED: LiteralString = """
    SELECT id
      FROM hosts
     WHERE search = '' AND (display_name <> '' OR id IN (SELECT merged_into FROM hosts))
"""


def prepare(url: str) -> None:
    """Migrate the database to the present schema, and fill its derived columns.

    Raises:
        Unavailable: the server does not answer, or the database cannot be used.
    """
    conninfo, place = conninfo_of(url)
    with answering(place):
        connection = psycopg.connect(conninfo, autocommit=True)
        if (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
            connection.close()
            raise Unavailable(f"{place} has the encoding {encoding}; create it with ENCODING 'UTF8'")
        configure(connection)
        migrate(PostgresMigrations(connection))
        with psycopg.connect(conninfo, autocommit=True, row_factory=namedtuple_row) as prepared:
            configure(prepared)
            with prepared.transaction(), prepared.cursor() as cursor:
                unnamed = cursor.execute(_UNNAMED).fetchall()
                name_hosts(cursor, firsts(unnamed))
                _derive_anew(cursor)


def _derive_anew(cursor: Cursor) -> None:
    """Fill the derived columns, unless this version of the rules filled them."""
    current: LiteralString = "SELECT number FROM version_rules"
    if cursor.execute(current).fetchone() == (DERIVED_RULES,):
        return
    # One process fills them while nobody writes. Writers lock series before updates, and so does this.
    cursor.execute("LOCK TABLE version_rules, series, updates IN EXCLUSIVE MODE")
    if cursor.execute(current).fetchone() == (DERIVED_RULES,):
        return
    rows = cursor.execute(
        "SELECT id, hostname, registry, repository, version, metadata, containers FROM updates"
    ).fetchall()
    cursor.execute(
        """
        CREATE TEMPORARY TABLE derived (
            update_id bigint,
            variant text,
            version_key text,
            prerelease boolean,
            name text,
            stack text,
            search text,
            series_id bigint
        ) ON COMMIT DROP
        """
    )
    columns: LiteralString = "update_id, variant, version_key, prerelease, name, stack, search"
    with cursor.copy(f"COPY derived ({columns}) FROM STDIN") as copy:
        for update_id, hostname, registry, repository, *read in rows:
            derived = derive(hostname, f"{registry}/{repository}", *read)
            copy.write_row((update_id, *astuple(derived)))
    cursor.execute(
        """
        INSERT INTO series (host_id, registry, repository, variant)
        SELECT DISTINCT h.id, u.registry, u.repository, d.variant
          FROM derived AS d
          JOIN updates AS u ON u.id = d.update_id
          JOIN hosts AS h ON h.host_key = u.host_key
        ON CONFLICT (host_id, repository_key, variant_key) DO NOTHING
        """
    )
    cursor.execute(
        """
        UPDATE derived AS d
           SET series_id = s.id
          FROM updates AS u
          JOIN hosts AS h ON h.host_key = u.host_key
          JOIN series AS s ON s.host_id = h.id AND s.repository_key = u.repository_key
         WHERE u.id = d.update_id AND s.variant_key = name_key(d.variant)
        """
    )
    cursor.execute(
        """
        UPDATE series AS s
           SET note = old.note,
               snoozed_until = old.snoozed_until,
               muted_at = old.muted_at,
               said_version = old.said_version,
               said_at = old.said_at
          FROM derived AS d
          JOIN updates AS u ON u.id = d.update_id
          JOIN series AS old ON old.id = u.series_id
         WHERE s.id = d.series_id AND s.id <> old.id AND s.note = '' AND s.muted_at IS NULL
        """
    )
    cursor.execute(
        """
        UPDATE action_items AS i
           SET series_id = d.series_id
          FROM derived AS d
          JOIN updates AS u ON u.id = d.update_id
         WHERE i.series_id = u.series_id AND u.series_id <> d.series_id
           AND (i.update_id = u.id OR i.update_id IS NULL)
        """
    )
    cursor.execute(
        """
        UPDATE updates AS u
           SET series_id = d.series_id,
               name = d.name,
               version_key = d.version_key,
               prerelease = d.prerelease,
               stack = d.stack,
               search = d.search
          FROM derived AS d
         WHERE u.id = d.update_id
        """
    )
    cursor.execute("DELETE FROM series WHERE id NOT IN (SELECT series_id FROM updates)")
    cursor.execute(
        """
        UPDATE series AS s
           SET heard = (SELECT sum(u.notifications) FROM updates AS u WHERE u.series_id = s.id)
        """
    )
    said = cursor.execute("SELECT said_version, id FROM series WHERE said_version <> ''").fetchall()
    cursor.executemany(
        "UPDATE series SET said_key = %s WHERE id = %s",
        [(image.version(version).sort_key, series_id) for version, series_id in said],
    )
    _fill_history_search(cursor)
    refresh(cursor, firsts(cursor.execute("SELECT id FROM series").fetchall()))
    names = cursor.execute("SELECT DISTINCT registry || '/' || repository FROM updates").fetchall()
    retag(cursor, firsts(names))
    cursor.execute("DELETE FROM version_rules")
    cursor.execute("INSERT INTO version_rules (number) VALUES (%s)", (DERIVED_RULES,))


def _fill_history_search(cursor: Cursor) -> None:
    """Fill the text that a search of the history reads."""
    found = cursor.execute(
        """
        SELECT DISTINCT n.image, h.id, h.hostname
          FROM notifications AS n
          JOIN hosts AS h ON h.id = n.host_id
        """
    ).fetchall()
    cursor.execute("CREATE TEMPORARY TABLE searchable (image text, host_id bigint, search text) ON COMMIT DROP")
    with cursor.copy("COPY searchable (image, host_id, search) FROM STDIN") as copy:
        for name, host_id, hostname in found:
            copy.write_row((name, host_id, searchable(f"{name} {hostname}")))
    cursor.execute(
        """
        UPDATE notifications AS n
           SET search = f.search
          FROM searchable AS f
         WHERE n.image = f.image AND n.host_id = f.host_id AND n.search <> f.search
        """
    )
