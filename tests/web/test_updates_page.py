"""The updates page without a browser: what it shows, what one does on it, and how it answers nonsense."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import escape, unescape

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from diundashboard.app import create_app
from diundashboard.config import Config
from diundashboard.model import State, UpdateQuery, now
from diundashboard.store import Store
from tests.conftest import PAYLOADS, Clock
from tests.store.test_contract import OTHER, record

IMAGE = "<img src=x onerror=alert(0)>"
HTML = "<img src=x onerror=alert(1)>\"'</textarea></code><script>alert(2)</script>&amp;"
UNKNOWN = [0, 4711, 2**63 - 1, 2**63, 10**18]


def shown(client: FlaskClient, path: str = "/") -> str:
    """The page at this address, which must be there."""
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (200, "text/html"), path
    return answer.text


def waiting(page: str) -> int:
    """How many updates a page shows that one can acknowledge."""
    return page.count('aria-label="Acknowledge ')


def states(store: Store) -> list[State]:
    return [update.state for update in store.updates(UpdateQuery(state=None)).updates]


def check_error_page(answer: TestResponse, status: int, words: str = "") -> None:
    """The answer is a page with this status that says what happened and leads back."""
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert re.search("<h1>[A-Z][a-z]+ .+</h1>", answer.text)
    assert '<a href="/">Back to the updates</a>' in answer.text
    assert words.lower() in unescape(answer.text).lower()


def test_the_payloads_of_diun_are_shown(client: FlaskClient) -> None:
    for path in PAYLOADS:
        client.post("/webhook", data=path.read_bytes())
    page = shown(client)
    assert "<title>(12) Updates · DIUN Dashboard</title>" in page
    assert waiting(page) == 12
    for text in ("immich-app/immich-server", "v1.119.0", "7c1f0a9b3e55", "edge, edge2", "testnotif", "rebuilt", "new"):
        assert text in page
    assert "127.0.0.1:5000/library/traefik" in page
    assert "None" not in page


def test_an_update_is_shown_with_what_a_person_wants_to_know(client: FlaskClient, store: Store, clock: Clock) -> None:
    clock.time = now() - timedelta(hours=2, minutes=5)
    record(store, "ghcr.io/immich-app/server:v1.2", metadata={"ctn_names": "two,one"}, created="2026-11-01T10:00:00Z")
    page = shown(client)
    for text in ("<strong>server</strong>", "ghcr.io/immich-app/server", "v1.2", "nas", "one, two", ">2 h</time>"):
        assert text in page
    assert f'title="{clock.time.replace(tzinfo=None).isoformat(" ", "seconds")} UTC"' in page
    assert 'title="2026-11-01 10:00:00 UTC"' in page


def test_docker_hub_goes_without_saying(client: FlaskClient, store: Store) -> None:
    record(store, "nginx:1")
    record(store, "grafana/loki:1")
    page = shown(client)
    assert "docker.io" not in page
    assert "library/" not in page
    assert "grafana/loki" in page


def test_the_digest_is_shown_where_it_matters(client: FlaskClient, store: Store) -> None:
    record(store, "a:1")
    assert "a" * 12 not in shown(client)
    record(store, "a:1", digest=OTHER)
    assert "<code>bbbbbbbbbbbb</code>" in shown(client)


def test_what_diun_left_out_leaves_no_hole(client: FlaskClient) -> None:
    client.post("/webhook", json={"image": f"ghcr.io/a/b@{OTHER}", "digest": OTHER, "created": None, "metadata": None})
    page = shown(client)
    for text in ("unnamed host", "by digest", "bbbbbbbbbbbb"):
        assert text in page
    assert "published" not in page


def test_a_hub_link_to_the_web_is_a_link(client: FlaskClient, store: Store) -> None:
    for link in ("https://hub.docker.com/_/nginx", "http://nas.lan:5000/ui?a=1&b=2", "HTTPS://a.example"):
        record(store, hub_link=link, hostname=link)
        assert f'<a href="{escape(link)}" rel="noopener noreferrer">nginx</a>' in shown(client)


def test_any_other_hub_link_is_none(client: FlaskClient, store: Store) -> None:
    for number, link in enumerate(
        [
            "javascript:alert(1)",
            "JavaScript://example.org/%0aalert(1)",
            " javascript:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,<script>alert(1)</script>",
            "vbscript:x",
            "file:///etc/passwd",
            "//example.org",
            "/updates",
            "example.org",
            "https:",
            "https:///path",
            "http://[",
            "",
        ]
    ):
        record(store, f"app{number}:1", hub_link=link)
    page = shown(client)
    assert waiting(page) == 14
    assert "noopener" not in page
    assert "alert" not in page


def test_html_in_any_field_is_text(client: FlaskClient, store: Store) -> None:
    record(
        store,
        f"{IMAGE}:{IMAGE}",
        hostname=HTML,
        digest=HTML,
        status=HTML,
        provider=HTML,
        platform=HTML,
        hub_link=f"https://example.org/{HTML}",
        created=HTML,
        metadata={"ctn_names": HTML, HTML: HTML},
    )
    store.tag_update(1, HTML[:100])
    for path in ("/", "/?state=all", "/tags"):
        page = shown(client, path)
        assert "<img" not in page
        assert "<script>" not in page
        assert not re.search(r"<(?!input|option|a |button|summary|svg|use|nav|form|time)[^>]*alert", page)
        assert HTML[:100] in unescape(page)
    assert f'value="{escape(HTML[:100], quote=False).replace(chr(34), "&#34;").replace(chr(39), "&#39;")}"' in page


def test_fifty_rows_are_a_page(client: FlaskClient, store: Store) -> None:
    for number in range(120):
        record(store, f"app{number:03}:1")
    path, seen = "/", []
    for rows, newer in ((50, False), (50, True), (20, True)):
        page = shown(client, path)
        assert waiting(page) == rows
        assert "120 pending" in page
        assert ('rel="prev"' in page) is newer
        seen += re.findall(r'aria-label="Tag of (app\d+)"', page)
        following = re.search(r'<a rel="next" href="([^"]+)"', page)
        path = unescape(following[1]) if following else ""
    assert not path
    assert seen == [f"app{number:03}" for number in reversed(range(120))]


def test_a_page_beyond_the_last_says_so(client: FlaskClient, store: Store) -> None:
    record(store)
    for path in ("/?page=2", "/?state=all&page=1000000"):
        assert "Nothing on page" in shown(client, path)


def test_the_state_is_a_choice(client: FlaskClient, store: Store) -> None:
    done, _ = record(store, "done:1"), record(store, "todo:1")
    store.acknowledge([done], "person")
    for path, texts, missing in (
        ("/", ["1 pending", "Tag of todo", "Acknowledge todo on nas"], "Tag of done"),
        ("/?state=", ["1 pending", "Tag of todo"], "Tag of done"),
        ("/?state=pending", ["1 pending", "Tag of todo"], "Tag of done"),
        ("/?state=acknowledged", ["1 acknowledged", "Tag of done", "Take done on nas back"], "Tag of todo"),
        ("/?state=all", ["2 updates", "Tag of todo", "Tag of done"], "nothing"),
        ("/?state=muted", ["0 muted"], "Tag of"),
    ):
        page = shown(client, path)
        for text in texts:
            assert text in page, path
        assert missing not in page, path


def test_an_empty_page_tells_diun_the_address_that_the_client_used(client: FlaskClient) -> None:
    for host in ("nas.lan:8080", "192.168.1.2:9000", "[fd00::1]:8080", "diun_dashboard:8080", "NAS"):
        page = client.get("/", headers={"Host": host}).text
        assert f"endpoint: http://{host}/webhook" in page
        assert f"DIUN_NOTIF_WEBHOOK_ENDPOINT=http://{host}/webhook" in page
        assert "WEBHOOK_SECRET" not in page


def test_an_empty_page_mentions_the_secret_without_telling_it(config: Config, store: Store) -> None:
    client = create_app(replace(config, webhook_secret="Token123456"), store).test_client()
    page = shown(client)
    assert "authorization: the value of WEBHOOK_SECRET" in page
    assert "DIUN_NOTIF_WEBHOOK_HEADERS_AUTHORIZATION=the value of WEBHOOK_SECRET" in page
    assert "Token123456" not in page


@pytest.mark.parametrize(("proxies", "address"), [(0, "http://localhost"), (1, "https://diun.example.org/updates")])
def test_the_address_behind_a_proxy_is_the_proxys(config: Config, store: Store, proxies: int, address: str) -> None:
    client = create_app(replace(config, trusted_proxies=proxies), store).test_client()
    forwarded = {"Proto": "https", "Host": "diun.example.org", "Prefix": "/updates"}
    page = client.get("/", headers={f"X-Forwarded-{name}": value for name, value in forwarded.items()}).text
    assert f"endpoint: {address}/webhook" in page
    links = re.findall('(?:href|src|action)="(/[^"]*)"', page)
    assert len(links) > 8
    assert all(link.startswith("/updates/") is bool(proxies) for link in links)


def test_nothing_pending_is_not_the_same_as_nothing_known(client: FlaskClient, store: Store) -> None:
    assert "Point DIUN here" in shown(client)
    assert "Nothing acknowledged yet" in shown(client, "/?state=acknowledged")
    store.acknowledge([record(store)], "person")
    page = shown(client)
    assert "All done" in page
    assert "Point DIUN here" not in page


def test_one_and_several_are_acknowledged_and_taken_back(client: FlaskClient, store: Store) -> None:
    ids = [record(store, f"app:{number}") for number in range(3)]
    for path, chosen, after in (
        ("/updates/acknowledge", ids[:1], ["pending", "pending", "acknowledged"]),
        ("/updates/acknowledge", ids, ["acknowledged"] * 3),
        ("/updates/reopen", ids[1:], ["pending", "pending", "acknowledged"]),
        ("/updates/reopen", [*ids, *ids], ["pending"] * 3),
    ):
        answer = client.post(path, data={"id": chosen})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")
        assert states(store) == after


@pytest.mark.parametrize("path", ["/updates/acknowledge", "/updates/reopen"])
def test_ids_that_are_unknown_or_none_change_nothing(client: FlaskClient, store: Store, path: str) -> None:
    pending, done = record(store, "a:1"), record(store, "b:1")
    store.acknowledge([done], "person")
    for unknown in UNKNOWN:
        check_error_page(client.post(path, data={"id": [pending, done, unknown]}), 404, "no ")
    for nonsense in ("", "x", "-1", "1.0", " 1", "٣", "\0", "9" * 100, "1; DROP TABLE updates"):
        check_error_page(client.post(path, data={"id": [str(pending), nonsense]}), 400, "id must be a whole number")
    check_error_page(client.post(path), 400, "nothing was chosen")
    assert states(store) == ["acknowledged", "pending"]


def test_a_tag_is_set_changed_and_taken_by_its_name(client: FlaskClient, store: Store) -> None:
    update_id, other = record(store, "nginx:1"), record(store, "nginx:2", hostname="other")
    for typed, name in ((" web ", "web"), ("media", "media"), ("", None), ("media", "media"), ("  ", None)):
        answer = client.post(f"/updates/{update_id}/tag", data={"tag": typed})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")
        for tag in (store.update(update_id).tag, store.update(other).tag):
            assert (tag and tag.name) == name
    assert [tag.name for tag in store.tags()] == ["media", "web"]


def test_the_tags_are_offered_where_one_types(client: FlaskClient, store: Store) -> None:
    store.create_tag("net & co")
    store.tag_update(record(store), "media")
    page = shown(client)
    assert '<option value="media">' in page
    assert '<option value="net &amp; co">' in page
    assert 'aria-label="Tag of nginx" value="media"' in page


def test_a_tag_that_cannot_be_set_is_refused_in_words(client: FlaskClient, store: Store) -> None:
    update_id = record(store)
    for name in ("x" * 101, "日" * 10_000):
        check_error_page(client.post(f"/updates/{update_id}/tag", data={"tag": name}), 400, "at most 100 characters")
    for unknown in UNKNOWN:
        check_error_page(client.post(f"/updates/{unknown}/tag", data={"tag": "media"}), 404)
    assert store.tags() == ()


def test_what_changes_something_requires_post(client: FlaskClient, store: Store) -> None:
    update_id = record(store)
    for path in ("/updates/acknowledge", "/updates/reopen", f"/updates/{update_id}/tag"):
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            check_error_page(client.open(path, method=method, data={"id": update_id, "tag": "media"}), 405)
    assert (states(store), store.tags()) == (["pending"], ())


QUERIES = [
    "state=all",
    "state=pending&page=1",
    "x=%3Cscript%3E&x=2",
    "update_id=7&endpoint=x&values=y&_external=1&_anchor=a&_scheme=ftp&_method=PUT",
    "n%C3%A4s=%F0%9F%90%B3&raw=%ff",
    'q="onclick=1',
]


def test_after_a_change_one_is_where_one_was(client: FlaskClient, store: Store) -> None:
    update_id = record(store)
    for query in QUERIES:
        for path in ("/updates/acknowledge", "/updates/reopen", f"/updates/{update_id}/tag"):
            answer = client.post(f"{path}?{query}", data={"id": update_id, "tag": "media"})
            assert (answer.status_code, answer.headers["Location"]) == (303, f"/?{query.replace(chr(34), '%22')}")


def test_the_forms_carry_the_query_string(client: FlaskClient, store: Store) -> None:
    update_id = record(store)
    for query in QUERIES:
        page = shown(client, f"/?{query}")
        for path in ("/updates/acknowledge", f"/updates/{update_id}/tag"):
            assert f'action="{path}?{escape(query)}"'.replace("&quot;", "&#34;") in page.replace("%22", "&#34;")


def test_an_error_is_a_page_in_words(client: FlaskClient) -> None:
    for path, status, words in (
        ("/?page=0", 400, "page must be from 1 to 1000000"),
        ("/?page=abc", 400, "page must be a whole number"),
        ("/?page=-1", 400, "page must be"),
        ("/?page=999999999", 400, "page must be"),
        ("/?state=nonsense", 400, "state must be one of pending, snoozed, acknowledged, muted or all"),
        ("/nowhere", 404, "nothing is at this address"),
        ("/%ff%00", 404, "nothing is at this address"),
        ("/updates", 404, "nothing is at this address"),
        ("/updates/x/tag", 404, "nothing is at this address"),
    ):
        check_error_page(client.get(path), status, words)


def test_a_form_over_one_mebibyte_is_too_large(client: FlaskClient) -> None:
    check_error_page(client.post("/updates/acknowledge", data={"id": "1" * 2**20}), 413, "larger than 1048576 bytes")
