"""Every page stays light and quick with the worst that the webhook and the forms take."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from diundashboard.app import create_app
from diundashboard.clock import now
from diundashboard.config import AuthMode, Config
from diundashboard.image import Kind
from diundashboard.limits import VIEWS
from diundashboard.model import REFUSALS_KEPT, Actor, Level, Refusal, Selection
from diundashboard.notification import parse
from diundashboard.store import Store, open_store
from diundashboard.store.tokens import TOKENS

LARGEST_PAGE = 300_000
"""In bytes, before compression."""

LONGEST = 2.0
"""Seconds of one processor, many times what a page takes: what else the machine does must not count."""

PAGES = [
    "/",
    "/?per_page=200",
    "/?state=all&fold=no&group=host",
    "/?state=all&fold=no&group=tag&sort=name",
    "/?state=all&group=stack",
    "/?state=all&host={host}",
    "/?state=all&tag={tag}",
    "/?state=all&registry={registry}",
    "/?state=all&provider={provider}",
    "/?state=all&q={search}",
    "/?state=all&fold=no&group=tag&q={found}",
    "/?state=muted",
    "/?state=acknowledged",
    "/?did={action}",
    "/updates/{rich}",
    "/updates/{rich}?did={action}",
    "/updates/{version}",
    "/updates/{version}?page=2",
    "/updates/{first}",
    "/updates/{newest}/older",
    "/hosts",
    "/hosts?page=20",
    "/hosts/{host_id}/merge",
    "/history",
    "/history?host={host}",
    "/history?q={search}",
    "/history?before=100-100",
    "/history?what=people",
    "/insights",
    "/tags",
    "/tags?page=2",
    "/tags/strip",
    "/connect",
    "/connect/heard",
    "/views",
    "/people",
    "/people?page=2",
    "/tokens",
    "/tokens?page=4",
    "/audit",
    "/audit?before=100",
    "/healthz",
    "/readyz",
]

NO_PAGES = {
    "/static/<path:name>": "a file of the package",
    "/favicon.ico": "a file of the package",
    "/icon/<int:pending>.svg": "a file of the package",
    "/login": "two fields",
    "/setup/<code>": "two fields",
    "/account": "two fields",
    "/oidc/begin": "leads to the provider",
    "/oidc/callback": "leads from the provider",
    "/audit.csv": "a file with every row, sent in parts",
    "/history/<int:notification_id>": "the body of one notification, byte for byte",
    "/webhook": "not for GET",
    "/ping/<path:sent>": "not for GET",
    "/webhook/": "not for GET",
    "/api/v1/updates": "for programs, which choose how many they ask for",
    "/api/v1/updates/<int:update_id>": "for programs",
    "/api/v1/tags": "for programs",
}


@dataclass(frozen=True)
class Filled:
    client: FlaskClient
    names: dict[str, str]


def long(text: str, filling: str = '"') -> str:
    """A name as long as names can be, of what takes the most room on a page."""
    return text + filling * (255 - len(text))


def body(image: str, hostname: str, **fields: object) -> bytes:
    stated = dict.fromkeys(("status", "platform", "mime_type", "diun_version"), long(""))
    fields = {"digest": long("sha256:"), "created": "2026-11-01T00:00:00Z", **stated, **fields}
    return json.dumps({"image": image, "hostname": hostname, **fields}).encode()


def filled(config: Config, hosts: int, updates: int, versions: int, history: int) -> Iterator[Filled]:
    store = open_store(config)
    client = create_app(config, store).test_client()
    try:
        yield Filled(client, fill(client, store, config, hosts, updates, versions, history))
    finally:
        store.close()


def fill(
    client: FlaskClient, store: Store, config: Config, hosts: int, updates: int, versions: int, history: int
) -> dict[str, str]:
    """Send and do the worst. Returns the names that the addresses of pages hold."""

    def post(image: str, hostname: str, **fields: object) -> int:
        update_id = store.record(parse(body(image, hostname, **fields)))
        assert update_id is not None
        return update_id

    def of_series(number: int) -> int:
        return post(f"{registry[0]}/{repository}:{long(f'1.{number}-')}", host[0], hub_link=link)

    def of_one_host(number: int) -> int:
        metadata = {"ctn_names": ",".join(long(f"{each}") for each in range(20)), "stack": tags[number]}
        image = f"{registry[number % 50]}/{long(f'b{number}/')}:{long('v1.2-')}"
        return post(image, host[1], provider=long(f"{number % 50}"), hub_link=link, metadata=metadata)

    def of_every_host(number: int) -> int:
        image = f"{registry[1]}/{repository}:{long('v3-')}"
        return post(image, host[number], provider=long("docker"), digest=long(f"{number}"))

    registry = [long(f"{number}.") for number in range(50)]
    repository = long("a/")
    host = [long(f"{number:04}") for number in range(hosts)]
    link = f"https://example.com/?{'&' * 2000}"
    tags = [f"{number:04}{'&' * 96}" for number in range(updates)]
    tag_id = store.create_tag("&" * 100).id
    for number in range(100):
        store.create_rule(f"*{number}{'&' * 290}", tag_id)
    # Together they share transactions, which takes a tenth of the time.
    with ThreadPoolExecutor(16) as threads:
        newest = list(threads.map(of_series, range(versions)))[-1]
        first = list(threads.map(of_one_host, range(updates)))[-1]
        list(threads.map(of_every_host, range(hosts)))
    containers = [long(f"{number}") for number in range(500)]
    for number in range(0, 500, 100):
        metadata = {f"{each:03}{'<' * 252}": "'" * 1000 for each in range(39)}
        metadata["ctn_names"] = ",".join(containers[number : number + 100])
        rich = post(f"{registry[2]}/{repository}:{long('v4-')}", host[2], provider="docker", metadata=metadata)
    store.rename_host(next(each.id for each in store.hosts() if each.hostname == host[2]), '"' * 100)
    action = 0
    for number in range(60):
        choice = Selection((first - number,))
        action = store.annotate(choice, f"{number}{'&' * 990}", '"' * 100).id
        action = store.tag_updates(choice, f"{number}{'&' * 98}", '"' * 100).id
    for number in range(30):
        store.annotate(Selection((newest,)), f"{number}{'&' * 990}", '"' * 100)
    for update in (first - 1, first - 2, rich - 1):
        store.acknowledge(Selection((update,)), '"' * 100)
    for number in range(VIEWS):
        store.add_account(f"{number:02}{'&' * 98}", Level.ADMIN, "hash")
        store.save_view(f"{number:02}{'&' * 98}", f"?q={number:02}{'%26' * 520}")
    for number in range(TOKENS):
        store.add_token(f"{number:03}{'&' * 97}", Level.READ, str(number), None, Actor("&" * 100))
    for _ in range(100):
        store.note(Actor('"' * 100, '"' * 100), "tag added", '"' * 600)
    for _ in range(REFUSALS_KEPT):
        store.refuse(Refusal(now(), '"' * 100, 400, '"' * 500, '"' * 200))
    if history and config.db_path:
        with sqlite3.connect(config.db_path) as connection:
            columns = "update_id, host_id, image, kind, received_at, status, digest, payload, search, spoke, current"
            connection.execute(
                f"""
                INSERT INTO notifications ({columns})
                SELECT {columns.replace("spoke", "0")}
                  FROM notifications, (SELECT value FROM json_each(?))
                 LIMIT ?
                """,
                (json.dumps(list(range(20))), history),
            )
            connection.execute(
                """
                INSERT INTO days (day, host_id, kind, notifications, opened, closed)
                SELECT today.day - past.value, today.host_id, kind.value, 1000000, 1000, 0
                  FROM (SELECT max(day) AS day, min(host_id) AS host_id FROM days) AS today,
                       (SELECT value FROM json_each(?)) AS past, (SELECT value FROM json_each(?)) AS kind
                """,
                (json.dumps(list(range(1, 371))), json.dumps(list(Kind))),
            )
        connection.close()
    nested = b'{"image": "n:1", "hostname": "nested", "x": ' + b"[" * 900 + b"1," * 7000 + b"1" + b"]" * 900 + b"}"
    for _ in range(30):
        assert client.post("/webhook", data=nested).status_code == 200
    return {
        "host": quote(host[0]),
        "tag": quote(tags[0]),
        "registry": quote(registry[0]),
        "provider": quote(long("7")),
        "search": quote('"' * 500),
        "found": quote('" ' * 250),
        "rich": str(rich),
        "version": str(newest - 1),
        "newest": str(newest),
        "first": str(first),
        "action": str(action),
        "host_id": str(store.hosts()[0].id),
    }


@pytest.fixture(scope="module")
def worst(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """1,000 hosts, 500 updates of one host, 300 versions of a series and 10,000 more notifications, on SQLite."""
    folder = tmp_path_factory.mktemp("worst")
    path = shutil.copy(migrated_file, folder / "diun.db")
    config = Config(db_path=str(path), spool_path=str(folder / "spool"), auth_mode=AuthMode.NONE)
    yield from filled(config, hosts=1000, updates=500, versions=300, history=10_000)


def check(filled: Filled, page: str) -> None:
    start = time.thread_time()
    answer = filled.client.get(page.format(**filled.names))
    took = time.thread_time() - start
    assert answer.status_code == 200
    assert len(answer.data) <= LARGEST_PAGE
    assert took < LONGEST


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_light_and_quick_with_the_worst_names_and_numbers(worst: Filled, page: str) -> None:
    check(worst, page)


@pytest.mark.postgres
def test_the_pages_are_as_light_on_postgres(config_of: Callable[[str], Config]) -> None:
    for worst in filled(config_of("postgres"), hosts=55, updates=60, versions=20, history=0):
        for page in PAGES:
            check(worst, page)


def test_every_page_that_get_reaches_is_among_them(worst: Filled) -> None:
    adapter = worst.client.application.url_map.bind("localhost")
    asked = {adapter.match(page.format(**worst.names).partition("?")[0], return_rule=True)[0].rule for page in PAGES}
    rules = {rule.rule for rule in worst.client.application.url_map.iter_rules() if "GET" in (rule.methods or {"GET"})}
    assert asked | set(NO_PAGES) == rules
