"""What holds for every route: the headers, and that other sites' pages cannot give orders."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from diundashboard.address import site
from diundashboard.app import create_app
from diundashboard.config import Config
from diundashboard.model import HistoryQuery, Selection
from diundashboard.store import Store
from diundashboard.web.context import SESSION_COOKIE
from tests.store.asking import record
from tests.updates import actions

SAFE = {"GET", "HEAD", "OPTIONS"}

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


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
            for name, value in ALWAYS.items():
                assert answer.headers[name] == value, (rule, name)
            kept = answer.headers["Cache-Control"] != "no-store"
            assert kept == (
                rule.endpoint == "assets.counting_icon" and answer.status_code == 200 and method != "OPTIONS"
            )
            assert kept or answer.headers["Vary"] == "Cookie, Authorization, Accept-Encoding", rule
            assert "Strict-Transport-Security" not in answer.headers
            if answer.mimetype != "text/html" or (answer.status_code == 200 and method == "OPTIONS"):
                continue
            pages += 1
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; "), rule
            for part in ("script-src 'self'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'"):
                assert part in policy.split("; "), rule
            assert "unsafe" not in policy
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
    {"Origin": "https://localhost"},
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


def test_the_answer_to_a_notification_is_short_and_kept_by_no_cache(client: FlaskClient) -> None:
    answer = client.post("/webhook", data=b'{"image": "nginx:1"}')
    assert dict(answer.headers) == {
        "Content-Type": "application/json",
        "Content-Length": str(len(answer.data)),
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


def test_answers_over_https_ask_for_https_from_then_on(client: FlaskClient) -> None:
    for path in ("/", "/nowhere", "/healthz", "/static/unknown.css"):
        answer = client.get(path, base_url="https://localhost")
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000", path


def test_a_page_over_http_gives_no_orders_over_https(client: FlaskClient) -> None:
    for origin, status in (("https://localhost", 303), ("http://localhost", 403), ("https://localhost:443", 403)):
        answer = client.post("/tags", data={"name": origin}, base_url="https://localhost", headers={"Origin": origin})
        assert answer.status_code == status, origin
    behind_a_proxy = client.post("/tags", data={"name": "x"}, headers={"Origin": "https://localhost"})
    assert "set PUBLIC_URL or TRUSTED_PROXIES" in behind_a_proxy.text


def test_the_public_address_counts_where_a_proxy_rewrites_the_host(config: Config, store: Store) -> None:
    client = create_app(replace(config, public_url=site("https://diun.example.org:8443/d")), store).test_client()
    for origin, status in (
        ("https://diun.example.org:8443", 303),
        ("http://localhost", 303),
        ("https://diun.example.org", 403),
        ("http://diun.example.org:8443", 403),
    ):
        answer = client.post("/tags", data={"name": origin}, headers={"Origin": origin})
        assert answer.status_code == status, origin


def test_a_session_says_which_page_its_orders_come_from(client: FlaskClient, store: Store) -> None:
    client.set_cookie(SESSION_COOKIE, "x")
    for number, (headers, status) in enumerate(
        (
            ({}, 403),
            ({"Authorization": "Bearer x"}, 403),
            ({"Origin": "http://localhost"}, 303),
            ({"Sec-Fetch-Site": "same-origin"}, 303),
            ({"Authorization": "Bearer x", "Origin": "https://evil.example"}, 403),
        )
    ):
        assert client.post("/tags", data={"name": f"tag {number}"}, headers=headers).status_code == status, headers
    assert client.get("/").status_code == 200
    assert len(store.tags()) == 2


def test_only_a_program_can_send_a_bearer_token(client: FlaskClient) -> None:
    """A browser adds the password of HTTP Basic by itself, also to what another site's page sends."""
    for number, (authorization, status) in enumerate((("Bearer x", 303), ("bearer x", 303), ("Basic eDp4", 403))):
        headers = {"Authorization": authorization, "Origin": "https://evil.example"}
        assert client.post("/tags", data={"name": f"tag {number}"}, headers=headers).status_code == status


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT"])
def test_the_webhook_takes_nothing_from_another_sites_page(client: FlaskClient, store: Store, method: str) -> None:
    for more in ({}, {"Authorization": "Bearer x"}):
        headers = {"Origin": "https://evil.example", **more}
        answer = client.open("/webhook", method=method, data=b'{"image": "nginx:1"}', headers=headers)
        assert answer.status_code == 403
    assert store.notifications(HistoryQuery(limit=1)) == ()
