"""The schema of the first release, and rows with everything that it can hold."""

from __future__ import annotations

from datetime import UTC, datetime, timezone

from diundashboard.config import Config
from diundashboard.store.migrations import FIRST, migrations_of
from tests.store.databases import backend, raw

FIRST_SCHEMA = """
    CREATE TABLE updates (
        image TEXT PRIMARY KEY,
        diun_version TEXT NOT NULL DEFAULT '',
        hostname TEXT NOT NULL DEFAULT '',
        status TEXT NOT NULL DEFAULT '',
        provider TEXT NOT NULL DEFAULT '',
        hub_link TEXT NOT NULL DEFAULT '',
        mime_type TEXT NOT NULL DEFAULT '',
        digest TEXT NOT NULL DEFAULT '',
        created TEXT NOT NULL DEFAULT '',
        platform TEXT NOT NULL DEFAULT '',
        ctn_name TEXT NOT NULL DEFAULT '',
        ctn_id TEXT NOT NULL DEFAULT '',
        ctn_state TEXT NOT NULL DEFAULT '',
        ctn_status TEXT NOT NULL DEFAULT '',
        received_at TEXT NOT NULL DEFAULT '',
        acknowledged_at TEXT
    );
    CREATE TABLE tags (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE NOT NULL);
    CREATE TABLE tag_assignments (
        image TEXT PRIMARY KEY,
        tag_id INTEGER NOT NULL REFERENCES tags(id) ON DELETE CASCADE
    );
"""
"""The tables as the first release made them. They are what they were: this text never changes."""


A, B, C = (f"sha256:{letter * 64}" for letter in "abc")


def at(*parts: int, zone: timezone = UTC) -> datetime:
    return datetime(*parts, tzinfo=zone)  # type: ignore[misc,arg-type]


def row(reference: str, **columns: str | None) -> dict[str, str | None]:
    """One row of the first release."""
    return {
        "image": reference,
        "diun_version": "4.28.0",
        "hostname": "nas",
        "status": "new",
        "provider": "docker",
        "hub_link": "",
        "mime_type": "application/vnd.oci.image.index.v1+json",
        "digest": A,
        "created": "2026-03-20T08:00:00Z",
        "platform": "linux/amd64",
        "ctn_name": "",
        "ctn_id": "",
        "ctn_state": "",
        "ctn_status": "",
        "received_at": "2026-03-24 10:11:12",
        "acknowledged_at": None,
        **columns,
    }


ROWS = [
    row("docker.io/library/nginx:1.27.0", ctn_name="web", ctn_id="25bf0fb4", ctn_state="running", ctn_status="Up 3 d"),
    row("docker.io/library/redis:7", received_at="2026-03-24T10:11:13Z", acknowledged_at="2026-03-25 06:07:08"),
    row("docker.io/library/postgres:17", created="", received_at="2026-03-24T10:11:14.123456789+02:00"),
    row(
        "ghcr.io/immich-app/immich-server:v1.119.0",
        hostname="büro-日本",
        hub_link="https://github.com/immich-app/immich",
        status="update",
        ctn_name="immich,photos,Ärger",
        received_at="2026-03-24 10:11:15.123 +0000 UTC",
        acknowledged_at="2026-03-24T12:11:16.000001+01:00",
    ),
    row("127.0.0.1:5000/team/app:v3.1", hostname="", provider="file", received_at="2026-03-24 10:11:17"),
    row("127.0.0.1:5000/team/app", received_at="2026-03-24 10:11:18"),
    row("nginx", received_at="2026-03-24 10:11:19", platform="linux/arm64"),
    row(f"127.0.0.1:5000/team/pinned@{B}", digest=B, received_at="2026-03-24 10:11:20"),
    row(f"quay.io/team/edge:v3.1@{C}", provider="swarm", ctn_name="web_edge", received_at="2026-03-24 10:11:21"),
    row("docker.io/library/caddy:2", created="2026-03-20T10:00:00.123456789+02:00", received_at="yesterday"),
    row("docker.io/library/haproxy:3", received_at="", acknowledged_at="2026-03-25T01:02:03.000004Z"),
    row("docker.io/o'brien/a%_b\\c:1", hostname='"nas"', received_at="2026-03-24 10:11:22"),
]


TAGS = ["media", "Büro ☕"]
ASSIGNMENTS = {
    "docker.io/library/nginx:1.27.0": "media",
    f"quay.io/team/edge:v3.1@{C}": "Büro ☕",
    "127.0.0.1:5000/team/app": "media",
    f"127.0.0.1:5000/team/pinned@{B}": "Büro ☕",
    "ghcr.io/never/seen:1.0": "media",
}


def moment(text: str | None) -> datetime | None:
    """When that was, read by Python: what the migrations read by SQL."""
    text = (text or "").replace(" +0000 UTC", "Z")
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return time.astimezone(UTC) if time.year > 1 else None


def apply_first(config: Config) -> None:
    """Bring the database to the schema of the first release."""
    if not config.database_url:
        with raw(config) as connection:
            connection.executescript(FIRST_SCHEMA)
        return
    with backend(config) as migrations, migrations.transaction():
        migrations.apply_migrations(migrations_of(migrations).filter(lambda migration: migration.id == FIRST))


def fill(
    config: Config,
    rows: list[dict[str, str | None]],
    tags: list[str] | None = None,
    assignments: dict[str, str] | None = None,
) -> None:
    """Write as the first release did; on PostgreSQL, times are times and not text."""
    mark = "%s" if config.database_url else "?"
    with raw(config) as connection:
        for old in rows:
            values: dict[str, str | datetime | None] = {**old}
            if config.database_url:
                values |= {name: moment(old[name]) for name in ("created", "received_at", "acknowledged_at")}
            connection.execute(
                f"INSERT INTO updates ({', '.join(values)}) VALUES ({', '.join([mark] * len(values))})",
                list(values.values()),
            )
        for name in tags or []:
            connection.execute(f"INSERT INTO tags (name) VALUES ({mark})", (name,))
        for reference, name in (assignments or {}).items():
            connection.execute(
                f"INSERT INTO tag_assignments (image, tag_id) SELECT {mark}, id FROM tags WHERE name = {mark}",
                (reference, name),
            )
