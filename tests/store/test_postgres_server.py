"""PostgreSQL servers as people run them: roles, addresses, passwords, settings, and those that do not answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from diundashboard.config import Config
from diundashboard.model import Selection
from diundashboard.notification import parse
from diundashboard.store import open_store
from tests.conftest import PAYLOADS, postgres_running
from tests.dashboard import free_port
from tests.store.asking import recorded
from tests.store.databases import EVERY, refusal, start
from tests.store.first_release import at
from tests.updates import heard

PASSWORD = "p@ss:w/rd?#[100%] 'x'\\"


@pytest.fixture(scope="module")
def other_server() -> Iterator[str]:
    """A PostgreSQL 16, reached by its socket folder, which asks the role `locked` for a password, and nobody else."""
    with postgres_running(16) as conninfo:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("CREATE ROLE locked LOGIN PASSWORD 'p@ss:w/rd?#[100%] ''x''\\'")
            connection.execute("CREATE ROLE plain LOGIN")
            (rules,) = connection.execute("SHOW hba_file").fetchone() or ("",)
            text = Path(rules).read_text()
            Path(rules).write_text(f"local all locked scram-sha-256\n{text}")
            connection.execute("SELECT pg_reload_conf()")
        yield conninfo


@pytest.fixture
def database(other_server: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """Where a new database of the other server is: host, port, user and dbname. Its owner is the role `plain`."""
    with psycopg.connect(other_server, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS wild WITH (FORCE)")
        connection.execute(getattr(request, "param", "CREATE DATABASE wild OWNER plain"))
    parts = conninfo_to_dict(other_server, dbname="wild")
    return {"host": str(parts["host"]), "port": str(parts.get("port") or 5432), "user": "plain", "dbname": "wild"}


def works(url: str) -> None:
    """Every payload of DIUN can be stored and read there."""
    config = Config(database_url=url)
    with closing(open_store(config)) as store:
        for path in PAYLOADS:
            body = path.read_bytes()
            notification = parse(body)
            update_id = store.record(notification)
            assert (update_id is None) == notification.is_test
            if update_id is not None:
                assert heard(store, update_id)[0].payload == body
        assert store.updates(EVERY).total == 11
        (notes,) = (update.metadata["note"] for update in store.updates(EVERY).updates if "note" in update.metadata)
        assert "日本語" in notes
        store.acknowledge(Selection(query=EVERY), "person")
        tag = store.create_tag("by hand")
        store.assign_tag("nginx", tag.id)
        store.delete_tag(tag.id)
    start(config)


@pytest.mark.postgres
def test_a_plain_role_that_owns_the_database_is_enough_on_postgresql_16(database: dict[str, str]) -> None:
    works(make_conninfo(**database))


@pytest.mark.postgres
@pytest.mark.parametrize(
    "url",
    [
        "host={host} port={port} user=plain dbname=wild",
        "host='{host}' port = {port} user='plain' dbname=wild application_name='it''s me'".replace("''", "\\'"),
        "postgresql:///wild?host={host}&port={port}&user=plain",
        "postgresql://plain@{quoted}:{port}/wild",
        "postgres://plain@{quoted}:{port}/wild?sslmode=disable&connect_timeout=5",
        "postgresql://plain@127.0.0.1:1,{quoted}:{port}/wild",
        "host=127.0.0.1,{host} port=1,{port} user=plain dbname=wild target_session_attrs=read-write",
        "postgresql://plain:ignored@{quoted}:{port}/wild?client_encoding=LATIN1",
    ],
)
def test_any_url_of_libpq_is_understood(database: dict[str, str], url: str) -> None:
    works(url.format(**database, quoted=quote(database["host"], safe="")))


@pytest.mark.postgres
@pytest.mark.parametrize("form", ["uri", "conninfo"])
def test_a_password_of_any_characters_is_accepted(database: dict[str, str], other_server: str, form: str) -> None:
    with psycopg.connect(other_server, autocommit=True) as connection:
        connection.execute("ALTER DATABASE wild OWNER TO locked")
    host, port = quote(database["host"], safe=""), database["port"]
    if form == "uri":
        works(f"postgresql://locked:{quote(PASSWORD, safe='')}@{host}:{port}/wild")
    else:
        works(make_conninfo(**{**database, "user": "locked", "password": PASSWORD}))


@pytest.mark.postgres
@pytest.mark.parametrize(
    "setting",
    ["timezone = 'Asia/Tokyo'", "datestyle = 'German'", "client_encoding = 'LATIN1'", "bytea_output = escape"],
)
def test_the_settings_of_a_database_change_nothing(database: dict[str, str], other_server: str, setting: str) -> None:
    with psycopg.connect(other_server, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE wild SET {setting}")
    url = make_conninfo(**database)
    works(url)
    with closing(open_store(Config(database_url=url))) as store:
        body = b'{"image": "far/away", "created": "9999-12-31T23:59:59.999999Z"}'
        assert store.update(recorded(store, body)).created == at(9999, 12, 31, 23, 59, 59, 999999)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("database", "encoding"),
    [
        (f"CREATE DATABASE wild OWNER plain ENCODING '{name}' LOCALE 'C' TEMPLATE template0", name)
        for name in ("LATIN1", "SQL_ASCII")
    ],
    indirect=["database"],
)
def test_a_database_that_is_not_utf8_is_refused(database: dict[str, str], encoding: str) -> None:
    message = refusal(Config(database_url=make_conninfo(**database)))
    assert encoding in message
    assert '"wild"' in message


@pytest.mark.postgres
def test_a_wrong_password_is_named_without_it(database: dict[str, str]) -> None:
    message = refusal(Config(database_url=make_conninfo(**{**database, "user": "locked", "password": "hunter2"})))
    assert "password authentication failed" in message
    for part in (database["host"], f"port {database['port']}", '"wild"'):
        assert part in message
    assert "hunter2" not in message


@pytest.mark.postgres
def test_an_unknown_database_is_named(database: dict[str, str]) -> None:
    message = refusal(Config(database_url=make_conninfo(**{**database, "dbname": "nowhere", "password": "hunter2"})))
    assert 'database "nowhere" does not exist' in message
    assert "hunter2" not in message


@pytest.mark.postgres
def test_a_role_that_may_not_create_tables_is_told_so(database: dict[str, str], other_server: str) -> None:
    with psycopg.connect(other_server, autocommit=True) as connection:
        connection.execute("ALTER DATABASE wild OWNER TO postgres")
    assert "permission denied" in refusal(Config(database_url=make_conninfo(**database)))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://diun:hunter2@127.0.0.1:{port}/updates",
        "host=127.0.0.1 port={port} dbname=updates user=diun password=hunter2",
        "postgresql://diun:hunter2@127.0.0.1:{port},127.0.0.1:{port}/updates",
    ],
)
def test_a_server_that_is_not_there_is_named_with_host_port_database_and_reason(url: str) -> None:
    port = free_port()
    message = refusal(Config(database_url=url.format(port=port)))
    for part in ("127.0.0.1", str(port), '"updates"', "Connection refused"):
        assert part in message
    assert "hunter2" not in message


@pytest.fixture
def unresponsive() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        yield port


def test_a_server_that_does_not_answer_is_given_up(unresponsive: int) -> None:
    url = f"postgresql://diun:hunter2@127.0.0.1:{unresponsive}/updates?connect_timeout=1"
    message = refusal(Config(database_url=url))
    for part in ("127.0.0.1", str(unresponsive), '"updates"', "timeout"):
        assert part in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "url",
    [
        "hunter2",
        "postgresql://diun:hun%ter2@db/updates",
        "postgresql://diun:hunt@er2@db/updates",
        "postgresql://diun:hunt/er2@db/updates",
        "postgresql://diun:12/er2@db/updates",
        "postgresql://diun:hunt@/er2@db/updates",
        "postgresql://diun:hunt@er2?x@db/updates",
        "postgresql://diun:hunt@er2?host=x@db/updates",
        "postgresql://diun:hunt@er2:5@db/updates",
        "postgresql://diun:hunt@er2,x@db/updates",
        "postgresql://diun:hunter2@db:port/updates",
        "postgresql://diun:hunter2@db/updates?no_such_option=1",
        "postgresql+psycopg://diun:hunter2@db/updates",
        "mysql://diun:hunter2@db/updates",
        "host=db password=hunt er2",
        "host=db password='hunter2",
        "host=db password=hunter2 no_such_option=1",
    ],
)
def test_a_url_that_libpq_does_not_understand_is_refused_without_quoting_it(url: str) -> None:
    message = refusal(Config(database_url=url))
    assert message.startswith("DATABASE_URL is not a URI or conninfo string")
    for part in ("hunter2", "hun", "er2"):
        assert part not in message.replace("understands", "")
