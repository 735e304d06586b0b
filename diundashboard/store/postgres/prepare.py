"""Prepare a database for the store: bring it up to date."""

from __future__ import annotations

from contextlib import closing
from typing import LiteralString

from diundashboard.store.errors import Unusable
from diundashboard.store.migrations import PostgresMigrations, migrate
from diundashboard.store.postgres.database import answering, connect, conninfo_of, firsts
from diundashboard.store.postgres.derive import derive_anew
from diundashboard.store.postgres.hosts import name_hosts

# The hosts with other names that a search does not find yet.
_UNNAMED: LiteralString = """
    SELECT id
      FROM hosts
     WHERE search = '' AND (display_name <> '' OR id IN (SELECT merged_into FROM hosts))
"""


def prepare(url: str) -> None:
    """Migrate the database to the present schema, and fill its derived columns.

    Raises:
        Unusable: the database has another encoding, or a later schema. It is left as it was.
        Unavailable: the server does not answer, or does not let this role change the schema.
    """
    conninfo, place = conninfo_of(url)
    with answering(place):
        connection = connect(conninfo)
        if (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
            connection.close()
            raise Unusable(f"{place} has the encoding {encoding}; create it with ENCODING 'UTF8'")
        migrate(PostgresMigrations(connection))
        with closing(connect(conninfo)) as connection, connection.transaction(), connection.cursor() as cursor:
            name_hosts(cursor, firsts(cursor.execute(_UNNAMED).fetchall()))
            derive_anew(cursor)
