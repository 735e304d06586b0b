"""Check every page with the Nu HTML Checker: part of `make lint`. It needs Java."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from flask import Flask, request
from flask.testing import FlaskClient

from diundashboard.app import create_app
from diundashboard.config import AuthMode, Config
from diundashboard.model import NEXT_VERSION, Level, Selection
from diundashboard.notification import parse
from diundashboard.store import Store, open_store
from diundashboard.web.gate import key_of
from tests.dashboard import open_to_all
from tests.programs import npm_packages
from tests.store.asking import record
from tests.web.people import browser_of, logged_in

PAYLOADS = sorted((Path(__file__).parents[1] / "payloads").glob("*.json"))

PARTS = {
    "tags.strip",
    "updates.older",
    "connect.heard",
    "history.sent",
    "audit.sheet",
    "assets.static",
    "assets.favicon",
    "assets.counting_icon",
    "ops.healthz",
    "ops.readyz",
    "ping.receive",
    "oidc.begin",
    "oidc.callback",
    "api.updates",
    "api.update",
    "api.tags",
    "webhook.receive",
}
"""What answers GET with something else than a page: a part of one, a file, JSON, or a redirect."""

PAGES = [
    "/?state=pending",
    "/?state=pending&group=host",
    "/?state=all&fold=no",
    "/?state=acknowledged",
    "/?state=snoozed",
    "/?state=muted",
    "/?state=superseded",
    "/?state=pending&q=nothing",
    "/?state=all&host=nas&kind=new",
    "/?page=9",
    "/?did=1",
    "/hosts",
    "/history",
    "/insights",
    "/tags",
    "/views",
    "/connect",
    "/account",
    "/people",
    "/tokens",
    "/audit",
    "/nowhere",
]


def fill(store: Store) -> list[int]:
    """Store what makes pages with something of everything; returns the ids of updates whose pages differ."""
    for path in PAYLOADS:
        store.record(parse(path.read_bytes()))
    many = [record(store, f"app{number}:1", hostname=f"host{number % 3}") for number in range(60)]
    long = record(
        store, f"registry.example:5000/{'a/' * 120}app:1", metadata={"k" * 300: "v" * 3000}, platform="p" * 300
    )
    ran, newer, older = (record(store, f"app:{version}", provider="docker") for version in ("2.0", "2.1", "1.0"))
    store.acknowledge(Selection((many[0], ran)), "admin")
    store.snooze(Selection((many[1],)), NEXT_VERSION, "admin")
    store.mute(Selection((many[2],)), True, "admin")
    store.annotate(Selection((many[3],)), "<b>look</b> & see", "admin")
    store.tag_updates(Selection((many[3],)), "media", "admin")
    store.create_rule("docker.io/library/*", store.tags()[0].id)
    store.save_view("nas", "?host=nas")
    store.add_token("widget", Level.READ, key_of("x"))
    return [*many[:4], long, ran, newer, older]


def pages_of(app: Flask, store: Store) -> Iterator[tuple[str, str]]:
    """The name and the text of each page, first of an empty database, then of one with everything."""
    admin, stranger = logged_in(app, store, Level.ADMIN), browser_of(app)
    yield from shown(stranger, "stranger", ["/login", "/setup/x", "/login?next=/hosts"])
    yield from shown(admin, "empty", PAGES)
    updates = [f"/updates/{update_id}" for update_id in fill(store)]
    host = f"/hosts/{store.hosts()[0].id}/merge?into={store.hosts()[1].id}"
    yield from shown(admin, "full", [*PAGES, *updates, f"{updates[0]}?did=1", host])
    chosen = {"id": [1, 2], "view": "?state=pending"}
    for verb in ("commands", "snooze", "tag", "note"):
        yield f"asked {verb}", admin.post(f"/act/{verb}", data=chosen).text
    yield "asked again", admin.post("/act/tag", data={"id": [1], "tag": "x" * 101}).text
    anybody = create_app(open_to_all(app.extensions["diundashboard"][0]), store).test_client()
    yield from shown(anybody, "open to all", ["/?state=pending", "/connect"])


def shown(client: FlaskClient, who: str, paths: list[str]) -> Iterator[tuple[str, str]]:
    for path in paths:
        yield f"{who} {path}", client.get(path).text


def endpoints_of(app: Flask) -> set[str]:
    """What answers GET with a page."""
    return {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())} - PARTS


def check(folder: Path) -> int:
    """Write each page into a folder and check it there; 0 if there is nothing to say about any."""
    config = Config(db_path=str(folder / "diun.db"), spool_path=str(folder / "spool"))
    store, seen = open_store(config), set[str]()
    app = create_app(replace(config, auth_mode=AuthMode.PASSWORD), store)

    @app.before_request
    def note() -> None:
        seen.add(request.endpoint or "")

    names = {}
    for number, (name, text) in enumerate(pages_of(app, store)):
        assert text.startswith("<!doctype html>"), name
        file = folder / f"{number}.html"
        file.write_text(text, encoding="utf-8", errors="replace")
        names[str(file)] = name
    store.close()
    if missing := endpoints_of(app) - seen:
        print(f"not checked: {', '.join(sorted(missing))}", file=sys.stderr)
        return 1
    checker = npm_packages(Path(__file__).parent / "checker") / "node_modules/vnu-jar/build/dist/vnu.jar"
    command = ["java", "-jar", str(checker), "--stdout", "--exit-zero-always", *names]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for written, name in names.items():
        said = said.replace(f"file:{written}", name)
    print(said, end="", file=sys.stderr)
    return 1 if said else 0


if __name__ == "__main__":
    if not shutil.which("java"):
        sys.exit("the HTML checker needs Java: install default-jre-headless")
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(check(Path(temporary)))
