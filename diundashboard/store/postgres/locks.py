"""The locks of transactions, and their order.

Any number of threads and processes write at the same time. There are no deadlocks, because all that take several
locks take them in this order, and those of one kind in the order of their ids:

1. the row of an action that is undone, so that it is undone once;
2. the advisory lock on news: shared by recording news and by actions, alone for changes of tags or hosts. A new update
   and a new assignment that do not see each other would leave the update without its tag; a new update and a merge
   would leave it on a host that is gone;
3. the advisory locks on a container's id and on a repository's name, by recording news. Two processes that record a
   digest would each find it new, and of two repositories with one container each would miss the other;
4. the rows of hosts;
5. the rows of series. Only the holder of this lock may change what follows from its events. An action reads the last
   notification before it, and gets its id, under the locks, so that both order it after all that it has seen;
6. rows of tags, then of assignments, then of updates;
7. the rows of days, once, at the end: every notification of a host needs the same one;
8. the row of edits.

A repeated notification takes 4 to 7 in one statement. Each statement sees what was committed before it began (READ
COMMITTED, set on every connection), so what is read under a lock is as its last holder left it.
"""

from __future__ import annotations

from collections.abc import Iterable

from diundashboard.notification import Notification
from diundashboard.store.postgres.bulk import ids
from diundashboard.store.postgres.database import NEWS_LOCK, Cursor


def lock_shared(cursor: Cursor) -> None:
    """Wait until no other transaction changes tags or hosts, and lock both."""
    cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", (NEWS_LOCK,))


def lock_alone(cursor: Cursor) -> None:
    """Wait until no other transaction records, acts on updates, or changes tags or hosts, and lock them."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (NEWS_LOCK,))


def lock_news(cursor: Cursor, notification: Notification) -> None:
    """Like `lock_shared`, and wait for news of the same repository, or of the same container."""
    cursor.execute(
        """
        SELECT pg_advisory_xact_lock_shared(%(news)s) AS news,
               CASE WHEN %(ctn_id)s <> '' THEN pg_advisory_xact_lock(hashtextextended(%(ctn_id)s, 1)) END AS container,
               pg_advisory_xact_lock(hashtextextended(%(name)s, 0)) AS repository
        """,
        {"news": NEWS_LOCK, "ctn_id": notification.ctn_id, "name": notification.reference.name},
    )


def lock_hosts(cursor: Cursor, host_ids: Iterable[int]) -> None:
    """Lock the rows of hosts and of all their series, which keeps repeats away too."""
    hosts = ids(host_ids)
    cursor.execute("SELECT id FROM hosts WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE", (hosts,))
    cursor.execute("SELECT id FROM series WHERE host_id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE", (hosts,))


def lock_series(cursor: Cursor, series_ids: Iterable[int]) -> None:
    """Lock the rows of series."""
    cursor.execute(
        "SELECT id FROM series WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE",
        (ids(series_ids),),
    )


def lock_repositories(cursor: Cursor, names: Iterable[str]) -> None:
    """Lock the rows of all series of these repositories, whose updates are to have another tag."""
    cursor.execute(
        """
        SELECT id
          FROM series
         WHERE repository_key IN (SELECT name_key(name) FROM unnest(%s::text[]) AS name)
         ORDER BY id
           FOR UPDATE
        """,
        (list(names),),
    )
