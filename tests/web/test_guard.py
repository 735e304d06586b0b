"""What holds for every route: the headers, and that other sites' pages cannot give orders."""

from __future__ import annotations

import re

from flask.testing import FlaskClient
from werkzeug.routing import Rule

from diundashboard.model import Selection
from diundashboard.store import Store
from tests.store.asking import record
from tests.updates import actions

SAFE = {"GET", "HEAD", "OPTIONS"}
REVALIDATED = {"updates.index", "connect.heard"}
"""What a browser may keep, and asks about each time whether it is still so."""


def routes(client: FlaskClient) -> list[Rule]:
    return list(client.application.url_map.iter_rules())


def address(rule: Rule) -> str:
    """An address that the rule matches."""
    return re.sub("<int:[^>]*>", "1", rule.rule).replace("<name>", "unknown.css")


def test_every_answer_keeps_to_itself(client: FlaskClient, store: Store) -> None:
    store.tag_updates(Selection((record(store),)), "media", "")
    pages = 0
    for rule in routes(client):
        for method in rule.methods or {"GET", "POST"}:
            answer = client.open(address(rule), method=method)
            assert answer.headers["X-Content-Type-Options"] == "nosniff", rule
            if answer.mimetype != "text/html" or (answer.status_code == 200 and method == "OPTIONS"):
                continue
            pages += 1
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; "), rule
            for part in ("script-src 'self'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'"):
                assert part in policy.split("; "), rule
            assert "unsafe" not in policy
            assert answer.headers["Referrer-Policy"] == "same-origin", rule
            if answer.status_code != 303:
                kept = answer.status_code == 200 and rule.endpoint in REVALIDATED
                assert answer.headers["Cache-Control"] == ("private, no-cache" if kept else "no-store"), rule
    assert pages > 10


PAGES = ["/", "/tags", "/hosts", "/history", "/insights", "/connect", "/views"]


def test_every_page_has_one_heading_of_the_first_level(client: FlaskClient, store: Store) -> None:
    update_id = 0
    for rows in range(3):
        paths = [*PAGES, "/?q=none", "/?page=2", "/?state=muted", "/nowhere"]
        for path in [*paths, f"/updates/{update_id}"] if rows else paths:
            assert client.get(path).text.count("<h1") == 1, (path, rows)
        for verb in ("snooze", "tag", "note", "commands") if rows else ():
            assert client.post(f"/act/{verb}", data={"id": update_id}).text.count("<h1") == 1, verb
        update_id = record(store, f"app{rows}:1", metadata={"stack": "media"})


def test_no_page_has_script_or_style_of_its_own(client: FlaskClient, store: Store) -> None:
    for path in (*PAGES, "/nowhere"):
        for _ in range(2):
            page = client.get(path).text
            assert page.count("<script") == page.count('<script type="module" src="/static/') == 1
            for inline in ("<style", " style=", " onclick=", "javascript:", "http-equiv"):
                assert inline not in page
            store.tag_updates(Selection((record(store),)), "media", "")


OTHERS = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "nonsense"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost:8081"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://evil.example/localhost"},
    {"Origin": "http://localhost@evil.example"},
    {"Origin": "null"},
    {"Origin": "http://["},
    {"Origin": "nonsense"},
]


def test_another_sites_page_cannot_change_anything(client: FlaskClient, store: Store) -> None:
    update_id = record(store)
    store.create_tag("media")
    form = {"id": update_id, "tag": "x", "name": "x", "theme": "dark", "until": "week", "note": "x", "pattern": "*"}
    for headers in OTHERS:
        for rule in routes(client):
            for method in (rule.methods or {"POST", "PUT"}) - SAFE:
                answer = client.open(address(rule), method=method, data=form, headers=headers)
                assert answer.status_code == 403, (headers, rule)
                assert "another site" in answer.text
    assert store.update(update_id).state == "pending"
    assert [tag.name for tag in store.tags()] == ["media"]
    update = store.update(update_id)
    assert (update.tag, update.note, actions(store, update_id), store.views(), store.rules()) == (None, "", [], (), ())


def test_the_own_pages_and_programs_can(client: FlaskClient) -> None:
    """Browsers tell Sec-Fetch-Site over TLS and to localhost only; otherwise the Origin has to do."""
    for number, headers in enumerate(
        [
            {},
            {"User-Agent": "curl/8.5.0", "Accept": "*/*"},
            {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
            {"Sec-Fetch-Site": "none"},
            {"Origin": "http://localhost"},
            {"Origin": "https://localhost"},
            {"Host": "nas.lan:8080", "Origin": "http://nas.lan:8080"},
            {"Host": "diun_dashboard:8080", "Origin": "http://diun_dashboard:8080"},
            {"Host": "[fd00::1]:8080", "Origin": "http://[fd00::1]:8080"},
        ]
    ):
        assert client.post("/tags", data={"name": f"tag {number}"}, headers=headers).status_code == 303, headers


def test_a_link_on_another_site_may_lead_here(client: FlaskClient) -> None:
    for headers in OTHERS:
        assert client.get("/", headers=headers).status_code == 200


def test_a_host_that_cannot_be_is_refused(client: FlaskClient) -> None:
    for host in ("..", "a..b", "a..b:80", ".a"):
        for path in ("/", "/tags", "/webhook", "/api/v1/updates"):
            answer = client.get(path, headers={"Host": host})
            assert (answer.status_code, answer.json) == (400, {"error": "the request could not be understood"}), host
