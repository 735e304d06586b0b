"""The updates page and the page of one update, without a browser: what they show, what one does on them, and how they
answer nonsense.
"""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import replace
from datetime import timedelta
from html import escape, unescape
from html.parser import HTMLParser
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from diundashboard.app import create_app
from diundashboard.clock import now
from diundashboard.config import Config
from diundashboard.model import NEXT_VERSION, Selection, State, UpdateQuery
from diundashboard.notification import parse
from diundashboard.store import Store
from diundashboard.web.appearance import version_change
from diundashboard.web.deeds import date
from tests.conftest import PAYLOADS, Clock
from tests.store.asking import DIGEST, OTHER, record
from tests.updates import actions, an_update

IMAGE = "<img src=x onerror=alert(0)>"
HTML = "<img src=x onerror=alert(1)>\"'</textarea></code><script>alert(2)</script>&amp;"
UNKNOWN = [0, 4711, 2**63 - 1, 2**63, 10**18]


def shown(client: FlaskClient, path: str = "/") -> str:
    """The page at this address, which must be there."""
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (200, "text/html"), path
    return answer.text


@pytest.fixture(autouse=True)
def present(clock: Clock) -> None:
    """The store lives an hour ago: pages ask the machine's clock, and nothing comes out of the future."""
    clock.time = now() - timedelta(hours=1)


def rows(page: str) -> str:
    """The part of a page that lists updates."""
    return page.partition('<div class="list" id="list">')[2].partition('<p class="foot">')[0]


def names(page: str) -> list[str]:
    """What the rows of a page are called, in order."""
    return [unescape(name) for name in re.findall(r'aria-label="Select (.*?) on [^"]*"', rows(page))]


def text(markup: str) -> str:
    """What a person reads of it."""
    return " ".join(unescape(re.sub("<[^>]*>", "", markup)).split())


def one(*ids: int) -> Selection:
    return Selection(ids)


def check_back(answer: TestResponse, location: str) -> None:
    """The answer leads back to a page."""
    assert (answer.status_code, answer.headers["Location"]) == (303, location)


def done(client: FlaskClient, verb: str, **fields: object) -> str:
    """The page after something was done on it."""
    answer = client.post(f"/act/{verb}", data=fields, follow_redirects=True)
    assert answer.status_code == 200
    return answer.text


def said(page: str) -> str:
    """What the bar says was done, with the label of its button."""
    bar = re.search('<form class="did".*?</form>', page, re.DOTALL)
    return text(bar[0]) if bar else ""


def undo(client: FlaskClient, page: str) -> str:
    """The page after the button of the bar was pressed."""
    bar = re.search('<form class="did" method="post" action="([^"]*)".*?</form>', page, re.DOTALL)
    assert bar
    fields = re.findall('name="([a-z]+)" value="([^"]*)"', bar[0])
    answer = client.post(bar[1], data={name: unescape(value) for name, value in fields}, follow_redirects=True)
    assert answer.status_code == 200
    return answer.text


def waiting(page: str) -> int:
    """How many updates a page shows that can be marked as done."""
    return page.count('aria-label="Done ')


def states(store: Store) -> list[State]:
    return [update.state for update in store.updates(UpdateQuery(state=None, fold=False)).updates]


def check_asked_again(client: FlaskClient, field: str, update_id: int, answer: str, words: str) -> None:
    """An answer that makes no sense leads to the question again: what was chosen and what was typed is kept."""
    verb = {"until": "snooze", "version": "running"}.get(field, field)
    page = client.post(f"/act/{verb}", data={"id": [update_id], "back": update_id, field: answer})
    assert page.status_code == 400
    assert re.search(f'role="alert"><strong>Not saved: .*{words}', page.text)
    assert page.text.count(f'name="id" value="{update_id}"') == (2 if field in ("until", "tag") else 1)
    assert field == "until" or str(escape(answer)) in page.text
    assert f'<a href="/updates/{update_id}">Cancel</a>' in page.text


def check_error_page(answer: TestResponse, status: int, words: str = "") -> None:
    """The answer is a page with this status that says what happened and leads back."""
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert re.search("<h1>[A-Z][a-z]+ .+</h1>", answer.text)
    assert answer.text.count("<h1") == 1
    assert re.search('<a href="/[^"]*">Back( to updates)?</a>', answer.text)
    assert words.lower() in unescape(answer.text).lower()


def test_the_payloads_of_diun_are_shown(client: FlaskClient) -> None:
    for path in PAYLOADS:
        client.post("/webhook", data=path.read_bytes())
    page = shown(client)
    assert "<title>(10) Updates · DIUN Dashboard</title>" in page
    assert waiting(page) == 10
    for words in ("immich-app/immich-server", "v1.119.0", "7c1f0a9b3e55", "edge, edge2", "rebuilt", "new"):
        assert words in page
    assert "127.0.0.1:5000/library/traefik" in page
    assert "testnotif" not in page
    assert "None" not in page.replace(">None</a>", "")


def test_an_update_is_shown_with_what_a_person_wants_to_know(client: FlaskClient, store: Store, clock: Clock) -> None:
    clock.time, clock.step = now() - timedelta(hours=2, minutes=5), timedelta(0)
    record(store, "ghcr.io/immich-app/server:v1.2", metadata={"ctn_names": "two,one"}, created="2026-11-01T10:00:00Z")
    page = shown(client)
    for words in ("server on nas", "ghcr.io/immich-app/server", "v1.2", "nas", "one, two", ">2 h</time>"):
        assert words in rows(page)
    assert f'title="{clock.time.replace(tzinfo=None).isoformat(" ", "seconds")} UTC"' in page
    assert 'title="2026-11-01 10:00:00 UTC"' in page


def test_docker_hub_goes_without_saying(client: FlaskClient, store: Store) -> None:
    record(store, "nginx:1")
    record(store, "grafana/loki:1")
    page = rows(shown(client))
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
    for words in ("unnamed host", '<span class="to">bbbbbbbbbbbb</span>'):
        assert words in page
    assert "published" not in page


def test_a_hub_link_to_the_web_is_a_link(client: FlaskClient, store: Store) -> None:
    for link in ("https://hub.docker.com/_/nginx", "http://nas.lan:5000/ui?a=1&b=2", "HTTPS://a.example"):
        record(store, hub_link=link, hostname=link)
        assert f'<a class="hub" href="{escape(link)}" rel="noopener noreferrer" ' in shown(client)


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
    store.tag_updates(one(1), HTML[:100], "")
    store.annotate(one(1), HTML, HTML)
    store.save_view(HTML[:100], f"?q={quote(HTML)}")
    pages = ["/", "/?state=all", f"/?q={quote(HTML)}", "/?group=host", "/?group=tag", "/updates/1", "/views", "/tags"]
    for path in pages:
        page = shown(client, path)
        check_inert(page)
        assert HTML[:100] in unescape(page), path
    check_inert(client.post("/act/commands", data={"id": 1}).text)
    check_inert(client.post("/act/tag", data={"id": 1, "view": f"?q={HTML}", "back": HTML}).text)


def check_inert(page: str) -> None:
    """Nothing on the page is an element or an attribute that came from outside."""

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, dict(attrs)))

    found: list[tuple[str, dict[str, str | None]]] = []
    Reader().feed(page)
    assert [tag for tag, _ in found].count("script") == 1
    for tag, attributes in found:
        assert tag != "img"
        assert not [name for name in attributes if name.startswith("on") or not re.fullmatch("[a-z][a-zA-Z-]*", name)]
        for name in ("href", "src", "action", "formaction"):
            assert (attributes.get(name) or "/").startswith(("/", "#", "https://")), attributes


def test_fifty_rows_are_a_page(client: FlaskClient, store: Store) -> None:
    for number in range(120):
        record(store, f"app{number:03}:1")
    path, seen = "/", list[str]()
    for length, newer in ((50, False), (50, True), (20, True)):
        page = shown(client, path)
        assert waiting(page) == length
        assert "<strong>120</strong> pending" in page
        assert ('rel="prev"' in page) is newer
        seen += names(page)
        following = re.search(r'<a rel="next" href="([^"]+)"', page)
        path = unescape(following[1]) if following else ""
    assert not path
    assert seen == [f"app{number:03}" for number in reversed(range(120))]


def test_a_page_beyond_the_last_says_so(client: FlaskClient, store: Store) -> None:
    record(store)
    for path in ("/?page=2", "/?state=all&page=1000000"):
        assert "is empty</h1>" in shown(client, path)


def test_the_state_is_a_choice(client: FlaskClient, store: Store, clock: Clock) -> None:
    ids = {name: record(store, f"{name}:1") for name in ("done", "late", "mute", "todo")}
    store.acknowledge(one(ids["done"]), "person")
    store.snooze(one(ids["late"]), clock.time + timedelta(days=3), "person")
    store.mute(one(ids["mute"]), True, "person")
    for path, found, button in (
        ("/", ["todo"], "Done todo on nas"),
        ("/?state=", ["todo"], "Done todo on nas"),
        ("/?state=pending", ["todo"], "Done todo on nas"),
        ("/?state=acknowledged", ["done"], "Reopen done on nas"),
        ("/?state=snoozed", ["late"], "Unsnooze late on nas"),
        ("/?state=muted", ["mute"], "Unmute mute on nas"),
        ("/?state=all", ["todo", "mute", "late", "done"], "Snooze todo on nas"),
    ):
        page = shown(client, path)
        assert names(page) == found, path
        assert f'aria-label="{button}"' in page
        tabs = re.search('<nav class="choice" aria-label="State">.*?</nav>', page, re.DOTALL)
        assert tabs
        assert text(tabs[0]) == "Pending 1 Snoozed 1 Done 1 Muted 1 All images 4"
        (current,) = re.findall('aria-current="true">(.*?)</a>', tabs[0])
        assert text(current).split()[0].lower() in (path.partition("=")[2] or "pending", "done")


def test_an_empty_page_tells_diun_the_address_that_the_client_used(client: FlaskClient) -> None:
    for host in ("nas.lan:8080", "192.168.1.2:9000", "[fd00::1]:8080", "diun_dashboard:8080", "NAS"):
        page, address = unescape(client.get("/", headers={"Host": host}).text), f"http://{host}/webhook"
        assert f'endpoint: "{address}"' in page
        assert f"DIUN_NOTIF_WEBHOOK_ENDPOINT={shlex.quote(address)}" in page
        assert "the value of WEBHOOK_SECRET" not in page


def test_an_empty_page_mentions_the_secret_without_telling_it(config: Config, store: Store) -> None:
    client = create_app(replace(config, webhook_secret="Token123456"), store).test_client()
    page = shown(client)
    assert "The secret is hidden" in page
    assert re.search("DIUN_NOTIF_WEBHOOK_HEADERS_AUTHORIZATION=.*•••", page)
    assert "Token123456" not in page


@pytest.mark.parametrize(("proxies", "address"), [(0, "http://localhost"), (1, "https://diun.example.org/updates")])
def test_the_address_behind_a_proxy_is_the_proxys(config: Config, store: Store, proxies: int, address: str) -> None:
    client = create_app(replace(config, trusted_proxies=proxies, allowed_hosts=(".example.org",)), store).test_client()
    forwarded = {"Proto": "https", "Host": "diun.example.org", "Prefix": "/updates"}
    page = client.get("/", headers={f"X-Forwarded-{name}": value for name, value in forwarded.items()}).text
    assert f'endpoint: "{address}/webhook"' in unescape(page)
    check_prefix(page, proxies)
    update_id, headers = record(store), {f"X-Forwarded-{name}": value for name, value in forwarded.items()}
    record(store, "nginx:1.28.0")
    store.save_view("all", "")
    for path in ("/", f"/updates/{update_id}", "/?state=all&q=nothing", "/views", "/tags/strip"):
        check_prefix(client.get(path, headers=headers).text, proxies)
    for verb in ("snooze", "tag", "note", "commands"):
        check_prefix(client.post(f"/act/{verb}", data={"id": update_id}, headers=headers).text, proxies)
    for path, data in (("/act/acknowledge", {"id": update_id}), ("/views", {"name": "x"}), ("/views/start", {})):
        location = client.post(path, data=data, headers=headers).headers["Location"]
        assert location.startswith("/updates/") is bool(proxies), path


def check_prefix(page: str, proxies: int) -> None:
    """Every path of this site on the page stands behind the proxy's prefix, and behind none without a proxy."""
    links = re.findall('(?:href|src|action|data-open|data-copy)="(/[^"]*)"', page)
    own = [link for link in links if not re.fullmatch("/updates/[0-9]+.*", link)]
    assert own
    assert [link for link in own if link.startswith("/updates/") is not bool(proxies)] == []


def test_nothing_pending_is_not_the_same_as_nothing_known(client: FlaskClient, store: Store) -> None:
    for path in ("/", "/?state=acknowledged", "/?q=nginx"):
        assert "Connect DIUN" in shown(client, path)
    store.acknowledge(one(record(store)), "person")
    for path, words in (
        ("/", "All done"),
        ("/?state=snoozed", "Nothing snoozed"),
        ("/?state=muted", "Nothing muted"),
        ("/?state=all&q=redis", "No updates match."),
        ("/?host=other", "No pending updates match."),
    ):
        page = shown(client, path)
        assert f'<h1 tabindex="-1">{words}</h1>' in page
        assert "Connect DIUN" not in page
    store.reopen(one(1), "person")
    assert '<h1 tabindex="-1">Nothing done</h1>' in shown(client, "/?state=acknowledged")


def test_one_and_several_are_marked_as_done_and_reopened(client: FlaskClient, store: Store) -> None:
    ids = [record(store, f"app{number}:1") for number in range(3)]
    for action, (verb, chosen, after) in enumerate(
        (
            ("acknowledge", ids[:1], ["pending", "pending", "acknowledged"]),
            ("acknowledge", ids, ["acknowledged"] * 3),
            ("reopen", ids[1:], ["pending", "pending", "acknowledged"]),
            ("reopen", [*ids, *ids], ["pending"] * 3),
        ),
        1,
    ):
        check_back(client.post(f"/act/{verb}", data={"id": chosen}), f"/?state=pending&did={action}")
        assert states(store) == after
    check_back(client.post("/act/reopen", data={"id": ids}), "/?state=pending")


@pytest.mark.parametrize(
    "verb", ["acknowledge", "reopen", "snooze", "wake", "mute", "unmute", "tag", "note", "commands"]
)
def test_ids_that_are_unknown_or_none_change_nothing(client: FlaskClient, store: Store, verb: str) -> None:
    pending, finished = record(store, "a:1"), record(store, "b:1")
    store.acknowledge(one(finished), "person")
    path, fields = f"/act/{verb}", {"until": "week", "tag": "media", "note": "x"}
    for unknown in UNKNOWN:
        check_error_page(client.post(path, data={"id": [pending, finished, unknown], **fields}), 404, "no ")
    for nonsense in ("", "x", "-1", "1.0", " 1", "٣", "\0", "9" * 100, "1; DROP TABLE updates"):
        answer = client.post(path, data={"id": [str(pending), nonsense], **fields})
        check_error_page(answer, 400, "id must be a whole number")
    check_error_page(client.post(path, data=fields), 400, "select at least one update")
    assert (states(store), store.tags(), store.update(pending).note) == (["acknowledged", "pending"], (), "")


def test_a_tag_is_set_changed_and_taken_by_its_name(client: FlaskClient, store: Store) -> None:
    update_id, other = record(store, "nginx:1"), record(store, "nginx:2", hostname="other")
    for typed, name in ((" web ", "web"), ("media", "media"), ("", None), ("media", "media"), ("  ", None)):
        answer = client.post("/act/tag", data={"only": update_id, "tag": typed})
        assert answer.status_code == 303
        for tag in (store.update(update_id).tag, store.update(other).tag):
            assert (tag and tag.name) == name
    assert [tag.name for tag in store.tags()] == ["media", "web"]


def test_the_tags_are_offered_where_one_types(client: FlaskClient, store: Store) -> None:
    store.create_tag("net & co")
    store.tag_updates(one(record(store)), "media", "")
    store.change_tag(store.tags()[0].id, "films", 7)
    chosen = '<button class="label hue-7" name="tag" value="films" aria-current="true">films</button>'
    for page in (client.post("/act/tag", data={"id": 1}).text, shown(client, "/updates/1")):
        assert chosen in page
        assert 'name="tag" value="net &amp; co">net &amp; co</button>' in page
        assert '<button class="quiet" name="tag" value="">No tag</button>' in page
        assert '<input name="tag" maxlength="100" value="films"' in page
    assert chosen.replace(' aria-current="true"', "") in shown(client)


def test_a_page_offers_the_tags_that_most_updates_have_and_the_present_one(client: FlaskClient, store: Store) -> None:
    for number in range(90):
        store.create_tag(f"tag {number:02}")
    store.tag_updates(one(record(store, "nginx:1")), "tag 88", "")
    store.tag_updates(one(record(store, "redis:7")), "zebra", "")
    offered = re.findall('name="tag" value="(.+?)"', shown(client, "/updates/2"))
    assert offered == [*(f"tag {number:02}" for number in range(78)), "tag 88", "zebra"]
    assert 'data-tags="11"' in shown(client, "/updates/2")


def test_the_tag_of_a_row_is_shown_in_its_colour(client: FlaskClient, store: Store) -> None:
    store.tag_updates(one(record(store)), "media", "")
    store.change_tag(store.tags()[0].id, "films", 7)
    assert '<span class="label hue-7">films</span>' in rows(shown(client))


def test_a_tag_that_cannot_be_set_is_refused_in_words(client: FlaskClient, store: Store) -> None:
    update_id = record(store)
    for name in ("x" * 101, "日" * 101):
        check_asked_again(client, "tag", update_id, name, "at most 100 characters")
    for unknown in UNKNOWN:
        check_error_page(client.post("/act/tag", data={"only": unknown, "tag": "media"}), 404)
    assert store.tags() == ()


VERBS = ["acknowledge", "reopen", "snooze", "wake", "mute", "unmute", "tag", "note", "running", "commands", "undo"]


def test_what_changes_something_requires_post(client: FlaskClient, store: Store) -> None:
    form = {"id": record(store), "tag": "media", "until": "week", "note": "x", "version": "1.27.0", "name": "x"}
    for path in [*(f"/act/{verb}" for verb in VERBS), "/views/start", "/views/1/delete"]:
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            check_error_page(client.open(path, method=method, data=form), 405)
    assert (states(store), store.tags(), actions(store, 1)) == (["pending"], (), [])


def test_after_a_change_one_is_where_one_was(client: FlaskClient, store: Store) -> None:
    update_id = record(store)
    for view, back in (
        ("", "/?state=pending"),
        ("?", "/?state=pending"),
        ("?state=all", "/?state=all"),
        ("?state=pending&page=1&x=%3Cscript%3E&x=2", "/?state=pending"),
        (
            "?host=n%C3%A4s&group=tag&page=3&until=1795000000000000",
            "/?host=n%C3%A4s&group=tag&page=3&until=1795000000000000",
        ),
        ("?update_id=7&endpoint=x&_external=1&_anchor=a&_scheme=ftp", "/?state=pending"),
        ('?q="onclick=1', "/?q=%22onclick%3D1"),
        ("//evil.example/?q=1", "/?state=pending"),
    ):
        for verb, fields in (("note", {"note": view}), ("note", {"note": f"{view} "}), ("snooze", {"until": "week"})):
            answer = client.post(f"/act/{verb}", data={"only": update_id, "view": view, **fields})
            assert answer.status_code == 303
            location = answer.headers["Location"]
            assert re.fullmatch(re.escape(back) + r"(&did=\d+)?", location), view
    check_error_page(client.post("/act/mute", data={"only": update_id, "view": "?page=x"}), 400, "page must be")
    check_error_page(client.post("/act/mute", data={"only": update_id, "back": "x"}), 400, "back must be")
    assert states(store) == ["snoozed"]
    answer = client.post("/act/mute", data={"only": update_id, "back": update_id})
    assert re.fullmatch(rf"/updates/{update_id}\?did=\d+", answer.headers["Location"])


def test_the_forms_carry_the_view(client: FlaskClient, store: Store) -> None:
    for number in range(51):
        record(store, f"app{number}:1", hostname='n"ä<s')
    for path, view in (
        ("/", ""),
        ("/?", ""),
        ("/?page=2", "?page=2"),
        ("/?x=1&state=all", "?state=all"),
        ("/?host=n%22%C3%A4%3Cs&group=host", "?host=n%22%C3%A4%3Cs&group=host"),
    ):
        page = shown(client, path)
        for form in ('<form id="act" .*?</form>', '<form method="post" action="/views">.*?</form>'):
            found = re.search(form, page, re.DOTALL)
            assert found
            values = re.findall('<input type="hidden" name="(?:view|query)" value="([^"]*)"', found[0])
            assert [unescape(value) for value in values] == [view], path


def test_an_error_is_a_page_in_words(client: FlaskClient) -> None:
    for path, status, words in (
        ("/?page=0", 400, "page must be from 1 to 1000000"),
        ("/?page=abc", 400, "page must be a whole number"),
        ("/?page=-1", 400, "page must be"),
        ("/?page=999999999", 400, "page must be"),
        ("/?state=nonsense", 400, "state must be one of pending, snoozed, acknowledged, muted, superseded or all"),
        ("/nowhere", 404, "there is nothing at this address"),
        ("/%ff%00", 404, "there is nothing at this address"),
        ("/updates", 404, "there is nothing at this address"),
        ("/?until=x", 400, "until must be a time in microseconds since 1970"),
        ("/?until=-1", 400, "until must be a time in microseconds since 1970"),
        ("/?until=2026-11-21", 400, "until must be a time in microseconds since 1970"),
        (f"/?until={'9' * 18}", 400, "until must be a time in microseconds since 1970"),
        ("/?age=year", 400, "age must be one of day, week, month, older"),
        ("/?sort=size", 400, "sort must be one of age, done, waiting, name, host, kind"),
        ("/?group=kind", 400, "group must be one of nothing, tag, host, stack, registry"),
        ("/?fold=maybe", 400, "fold must be one of yes, no"),
        ("/?did=x", 400, "did must be a whole number"),
        ("/?did=4711", 404, "no action has the id 4711"),
        ("/updates/4711", 404, "no update has the id 4711"),
        ("/updates/4711/older", 404, "no update has the id 4711"),
        ("/updates/x", 404, "there is nothing at this address"),
        ("/updates/x/tag", 404, "there is nothing at this address"),
    ):
        check_error_page(client.get(path), status, words)


def test_a_form_over_one_mebibyte_is_too_large(client: FlaskClient) -> None:
    check_error_page(client.post("/act/acknowledge", data={"id": "1" * 2**20}), 413, "too large (limit 1 MiB)")


# Versions fold


@pytest.mark.parametrize(
    ("before", "after", "shown_as"),
    [
        ("1.27.0", "1.29.0", ("1.", "29.0", "")),
        ("2.2.3-alpine", "2.2.4-alpine", ("2.2.", "4", "-alpine")),
        ("5.7.0-ls223", "5.7.1-ls224", ("5.7.", "1-ls224", "")),
        ("3.12-slim-bookworm", "3.13-slim-bookworm", ("3.", "13", "-slim-bookworm")),
        ("1.1.1", "1.1.1.1", ("1.1.", "1.1", "")),
        ("16", "17", ("", "17", "")),
    ],
)
def test_what_changes_in_a_version_is_told_from_what_stays(
    before: str, after: str, shown_as: tuple[str, str, str]
) -> None:
    assert version_change(an_update(f"nginx:{after}", from_version=before)) == shown_as


def test_older_versions_fold_under_the_newest(client: FlaskClient, store: Store) -> None:
    store.acknowledge(one(record(store, "jellyfin/jellyfin:10.9.0")), "person")
    newest = record(store, "jellyfin/jellyfin:10.10.3")
    record(store, "jellyfin/jellyfin:10.10.1")
    record(store, "jellyfin/jellyfin:10.10.1-rc1")
    page = rows(shown(client))
    assert re.findall('id="update-([0-9]+)"', page) == [str(newest)]
    assert "10.9.0 →to 10.10.3" in text(page)
    assert '<span class="to"><span class="same">10.</span>10.3</span>' in page
    assert '<summary class="kind minor" title="Why?">minor</summary>' in page
    assert "The second number differs, 10.9.0 to 10.10.3." in page
    assert "+2 older" in page
    below = client.get(f"/updates/{newest}/older").text
    assert [text(version) for version in re.findall("<code>(.*?)</code>", below, re.DOTALL)] == [
        "10.9.0 →to 10.10.1",
        "10.9.0 →to 10.10.1-rc1",
    ]
    assert "Select" not in below
    unfolded = shown(client, "/?fold=no")
    assert names(unfolded) == ["jellyfin"] * 3
    for page in (unfolded, shown(client, f"/updates/{newest}")):
        assert "older</a>" not in page


def test_a_row_tells_since_when_it_waits_and_the_oldest_leads_to_what_waits_longest(
    client: FlaskClient, store: Store, clock: Clock
) -> None:
    clock.time = now() - timedelta(days=70, hours=1)
    record(store, "redis:1.0")
    clock.time += timedelta(days=40)
    record(store, "nginx:1.0")
    clock.time += timedelta(days=20)
    newest = record(store, "redis:1.1")
    page = shown(client)
    assert names(page) == ["redis", "nginx"]
    when = re.findall('<div class="when">(.*?)</div>', page)
    assert [text(each) for each in when] == ["10 d first 70 d", "30 d"]
    (link,) = re.findall('<a href="([^"]*)">oldest', page)
    assert re.search("oldest <time[^>]*>70 d<", page)
    assert names(shown(client, unescape(link))) == ["redis", "nginx"]
    store.acknowledge(Selection((newest,)), "")
    assert "first" not in "".join(re.findall('<div class="when">.*?</div>', shown(client, "/?state=acknowledged")))


def test_what_is_folded_under_a_row_is_superseded_when_the_row_is_done(client: FlaskClient, store: Store) -> None:
    ids = [record(store, f"nginx:1.{minor}.0") for minor in (27, 28, 29)]
    page = done(client, "acknowledge", only=ids[2])
    assert (states(store), said(page)) == (["acknowledged", "superseded", "superseded"], "nginx on nas done Undo")
    assert "All done" in page
    page = undo(client, page)
    assert (states(store), said(page), names(page)) == (["pending"] * 3, "Undone: nginx 1.29.0 on nas done", ["nginx"])


# Find


@pytest.fixture
def several(store: Store) -> Store:
    """A store with five updates that differ in all that one can ask for."""
    for image, host, provider, metadata in (
        ("nginx:1.27.0", "nas", "docker", {"ctn_names": "web", "stack": "proxy"}),
        ("ghcr.io/immich-app/server:v1.2", "nas", "docker", {"ctn_names": "immich_server", "tag": "photos"}),
        ("redis:7.4.0", "vps", "swarm", {"note": "queue of the shop"}),
        ("redis:7.2.0-alpine", "pi & co", "file", {}),
        ("quay.io/a/b:latest", "vps", "file", {"stack": "proxy"}),
    ):
        record(store, image, hostname=host, provider=provider, metadata=metadata)
    record(store, "redis:7.4.0", hostname="vps", provider="swarm", digest=OTHER)
    return store


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["redis", "b", "redis", "server", "nginx"]),
        ("q=IMMICH", ["server"]),
        ("q=web", ["nginx"]),
        ("q=vps+redis", ["redis"]),
        ("q=shop", []),
        ("host=nas", ["server", "nginx"]),
        ("host=pi+%26+co", ["redis"]),
        ("tag=photos", ["server"]),
        ("tag=-", ["redis", "redis"]),
        ("registry=docker.io", ["redis", "redis", "nginx"]),
        ("provider=file", ["b", "redis"]),
        ("kind=rebuild", ["redis"]),
        ("kind=new&host=nas&q=nginx", ["nginx"]),
        ("age=day", ["redis", "b", "redis", "server", "nginx"]),
        ("age=older", []),
        ("sort=age", ["redis", "b", "redis", "server", "nginx"]),
        ("sort=waiting", ["nginx", "server", "redis", "redis", "b"]),
        ("sort=name", ["b", "nginx", "redis", "redis", "server"]),
        ("sort=host", ["server", "nginx", "redis", "redis", "b"]),
        ("sort=kind", ["redis", "b", "redis", "server", "nginx"]),
    ],
)
def test_one_finds_by_the_query_string(client: FlaskClient, several: Store, query: str, found: list[str]) -> None:
    assert names(shown(client, f"/?{query}")) == found


@pytest.mark.parametrize(
    ("group", "headings"),
    [
        ("nothing", []),
        ("host", ["nas 2", "pi & co 1", "vps 2"]),
        ("tag", ["photos 1", "proxy 2", "no tag 2"]),
        ("stack", ["proxy 2", "no stack 3"]),
        ("registry", ["docker.io 3", "ghcr.io 1", "quay.io 1"]),
    ],
)
def test_rows_stand_under_the_headings_of_their_group(
    client: FlaskClient, several: Store, group: str, headings: list[str]
) -> None:
    page = shown(client, f"/?group={group}")
    found = [text(heading) for heading in re.findall('<div class="group">.*?(<h2>.*?</h2>)', page, re.DOTALL)]
    assert sorted(found) == sorted(headings)
    assert len(names(page)) == 5


def test_the_number_beside_each_choice_is_what_it_shows(client: FlaskClient, several: Store) -> None:
    several.acknowledge(one(1), "person")
    for path in ("/", "/?host=vps", "/?host=nas&provider=docker", "/?q=redis&tag=-", "/?state=acknowledged"):
        page = shown(client, path)
        filters = page.partition('<div class="filters"')[2].partition("<nav")[0]
        box = 'name="([a-z]+)" value="([^"]*)"[^>]*><span>[^<]*</span><span class="count">([0-9]+)<'
        boxes = re.findall(box, filters)
        assert len(boxes) > 4
        others = parse_qsl(path.partition("?")[2])
        for name, value, count in boxes:
            query = urlencode([each for each in others if each[0] != name] + [(name, unescape(value))])
            assert len(names(shown(client, f"/?{query}"))) == int(count), (path, name, value)
        tabs = re.findall(
            '<a href="([^"]*)"[^>]*>([A-Z][a-z ]+) <span class="count">([0-9]+)<',
            page.partition('<nav class="choice"')[2],
        )
        assert [label for _, label, _ in tabs] == ["Pending", "Snoozed", "Done", "Muted", "All images"]
        for link, label, count in tabs:
            assert len(names(shown(client, unescape(link)))) == int(count), (path, label)


def test_a_count_that_stopped_early_says_so(
    client: FlaskClient, several: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[type(several).choices.__module__], "COUNTED_DONE", 2)
    several.acknowledge(Selection(query=UpdateQuery()), "person")
    assert "Done 5 Muted 0" in text(shown(client))
    page = shown(client, "/?host=vps")
    assert "Done 2+ Muted 0" in text(page)
    assert 'title="Among the newest 5,000"' in page
    assert "Pending 0 Snoozed 0 Done Muted 0 All" in text(shown(client, "/?host=nowhere"))


def test_the_navigation_counts(client: FlaskClient, store: Store) -> None:
    def rooms(path: str) -> str:
        return text(shown(client, path).partition('<nav class="rooms"')[2].partition("</nav>")[0].partition(">")[2])

    assert rooms("/hosts") == "Updates Hosts History Insights Tags Connect"
    record(store, "a:1")
    record(store, "a:2")
    record(store, "b:1", hostname="pi")
    for path in ("/", "/?q=nothing", "/updates/1", "/hosts", "/history", "/insights", "/tags", "/connect", "/views"):
        assert rooms(path) == "Updates 2 Hosts 2 History Insights Tags Connect", path


def test_choices_count_what_their_links_show_although_a_page_is_of_the_past(
    client: FlaskClient, store: Store, clock: Clock
) -> None:
    record(store, "a:1")
    until = int(clock.time.timestamp() * 1_000_000)
    record(store, "b:1")
    page = shown(client, f"/?until={until}")
    assert names(page) == ["a"]
    assert "Last 24 hours 2" in text(page.replace("</span>", "</span> "))


def test_an_error_asks_the_database_for_nothing(
    client: FlaskClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(store)
    assert "Updates 1" in text(shown(client, "/tags"))
    monkeypatch.setattr(store, "totals", None)
    page = client.get("/nowhere")
    assert (page.status_code, "Updates Hosts" in text(page.text)) == (404, True)


def test_the_search_keeps_the_rest_of_the_view(client: FlaskClient, several: Store) -> None:
    page = shown(client, "/?host=nas&group=tag&q=x&page=2&until=1795000000000000")
    form = re.search('<form class="search".*?</form>', page, re.DOTALL)
    assert form
    assert re.findall('name="([a-z]+)" value="([^"]*)"', form[0]) == [("group", "tag"), ("q", "x")]
    assert re.findall('form="find" name="([a-z]+)" value="([^"]+)" checked', page) == [("host", "nas")]


def test_pages_stay_as_they_are_while_new_ones_arrive(client: FlaskClient, store: Store, clock: Clock) -> None:
    for number in range(60):
        record(store, f"app{number:02}:1")
    older = re.search('<a rel="next" href="([^"]*)"', shown(client))
    assert older
    path = unescape(older[1])
    second = names(shown(client, path))
    clock.time = now() + timedelta(seconds=1)
    record(store, "late:1")
    page = shown(client, path)
    assert names(page) == second == [f"app{number:02}" for number in reversed(range(10))]
    newer = re.search('<a rel="prev" href="([^"]*)"', page)
    assert newer
    assert names(shown(client, unescape(newer[1])))[0] == "app59"
    # What is another view begins with the present.
    for link in re.findall('<a href="(/[?][^"]*)"', page):
        assert "until" not in link
    assert names(shown(client))[0] == "late"


# Views


def test_a_view_is_kept_under_a_name_and_stands_in_the_navigation(client: FlaskClient, several: Store) -> None:
    query = "?host=pi+%26+co&state=all"
    form = {"name": ' "Pi" ', "query": f"{query}&page=3&until=1795000000000000&x=1"}
    check_back(client.post("/views", data=form), "/?state=all&host=pi+%26+co")
    (view,) = several.views()
    assert (view.name, view.query) == ('"Pi"', "?state=all&host=pi+%26+co")
    for path, current in (("/", False), (f"/{view.query}", True)):
        assert (f'href="/{escape(view.query)}" aria-current="true">&#34;Pi&#34;</a>' in shown(client, path)) is current
    assert "&#34;Pi&#34;</a>" in shown(client, "/views")
    asked = client.post("/views", data={"name": ' "Pi"', "query": "?host=vps"})
    assert (asked.status_code, several.views()) == (409, (view,))
    assert text(asked.text.partition("<main")[2].partition("</main>")[0]).endswith(
        'A view named "Pi" exists. Replace it? '
        "You can't undo this. The view will show: Pending · Host: vps. Replace Cancel"
    )
    fields = {"query": "?host=vps", "replace": "1", "name": '"Pi"'}
    for name, value in fields.items():
        assert f'name="{name}" value="{value}"' in unescape(asked.text)
    check_back(client.post("/views", data=fields), "/?host=vps")
    assert [(known.name, known.query) for known in several.views()] == [('"Pi"', "?host=vps")]
    check_back(client.post(f"/views/{view.id}/delete"), "/views")
    assert several.views() == ()
    check_error_page(client.post(f"/views/{view.id}/delete"), 404)


def test_a_view_that_cannot_be_kept_is_refused_in_words(client: FlaskClient, store: Store) -> None:
    for name, query, words in (
        ("", "", "a view needs a name"),
        ("x" * 101, "", "at most 100 characters"),
        ("x", "?state=no", "state must"),
    ):
        check_error_page(client.post("/views", data={"name": name, "query": query}), 400, words)
    assert store.views() == ()


def test_a_view_can_be_the_start_page(client: FlaskClient, several: Store) -> None:
    view = several.save_view("vps", "?host=vps")
    assert names(shown(client))[-1] == "nginx"
    check_back(client.post("/views/start", data={"view": view.id}), "/views")
    answer = client.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/?host=vps")
    page = shown(client, "/?host=vps")
    pending = re.search('<nav class="choice" aria-label="State">\\s*<a href="([^"]*)"', page)
    assert pending
    assert names(shown(client, unescape(pending[1]))) == ["redis", "b"]
    assert "<title>(2) vps · DIUN Dashboard</title>" in page
    (anywhere,) = re.findall(r'<a href="([^"]*)">All updates</a>\s*</p>', page)
    assert f'<a href="{anywhere}" aria-current="page">Updates' in page
    (tabs,) = re.findall('<nav class="choice".*?</nav>', page, re.DOTALL)
    assert re.findall('aria-current="true">(.*?)</a>', tabs) == ["vps"]
    assert len(names(shown(client, unescape(anywhere)))) == 5
    assert len(names(done(client, "note", only=1, note="x", view=""))) == 5
    check_back(client.post("/views/start"), "/views")
    assert len(names(shown(client))) == 5


def test_a_start_page_of_all_that_is_pending_is_no_circle(client: FlaskClient, several: Store) -> None:
    client.post("/views", data={"name": "all", "query": ""})
    client.post("/views/start", data={"view": several.views()[0].id})
    answer = client.get("/", follow_redirects=True)
    assert (answer.status_code, len(names(answer.text))) == (200, 5)


# Act


ACTS = [
    ("acknowledge", {}, "{} done"),
    ("snooze", {"until": "week"}, f"{{}} snoozed until {date(now() + timedelta(days=7))}"),
    ("snooze", {"until": "next"}, "{} snoozed until the next version"),
    ("mute", {}, "{} muted"),
    ("tag", {"tag": "media"}, "{} tagged media"),
    ("note", {"note": "after the holidays"}, "Note saved for {}"),
]


def facts(store: Store) -> list[tuple[object, ...]]:
    """What a person can change about each update."""
    query = UpdateQuery(state=None, per_page=200, fold=False, until=None)
    found = sorted(store.updates(query).updates, key=lambda update: update.id)
    return [(each.id, each.state, each.snoozed_until, each.note, each.tag and each.tag.name) for each in found]


@pytest.mark.parametrize(("verb", "fields", "words"), ACTS)
def test_one_row_those_ticked_and_all_that_match_are_acted_on_and_undone(
    client: FlaskClient, store: Store, verb: str, fields: dict[str, str], words: str
) -> None:
    for number in range(60):
        record(store, f"app{number:02}:1", hostname="nas" if number < 55 else "vps")
    before = facts(store)
    view = "?host=nas&page=2"
    cases: list[tuple[dict[str, object], int, str]] = [
        ({"only": 1, "id": [2, 3], "all": 1}, 1, "app00 on nas"),
        ({"id": [1, 2, 3]}, 3, "3 updates"),
        ({"shown": "4 5"}, 2, "2 updates"),
        ({"id": [1], "all": 1}, 55, "55 updates"),
    ]
    for chosen, count, label in cases:
        page = done(client, verb, view=view, zone=0, **chosen, **fields)
        made = store.action(int(page.partition('name="action" value="')[2].partition('"')[0]))
        assert (said(page), made.count) == (f"{words.format(label)} Undo", count)
        after = facts(store)
        assert sum(old != new for old, new in zip(before, after, strict=True)) == count
        page = undo(client, page)
        # A version is named where another one of the row could be meant.
        assert (facts(store), said(page).replace("app00 1 on", "app00 on")) == (
            before,
            f"Undone: {words.format(label)}",
        )
        assert store.action(made.id).undone


def test_an_action_is_undone_once(client: FlaskClient, store: Store) -> None:
    page = done(client, "mute", only=record(store))
    undo(client, page)
    again = client.post("/act/undo", data={"action": 1}, follow_redirects=True)
    assert (again.status_code, said(again.text)) == (200, "Undone: nginx on nas muted")
    check_error_page(client.post("/act/undo", data={"action": 4711}), 404)
    assert states(store) == ["pending"]


def test_undo_goes_back_step_by_step(client: FlaskClient, several: Store) -> None:
    before = facts(several)
    for update in (1, 2):
        done(client, "acknowledge", only=update)
    page = done(client, "tag", only=3, tag="media")
    labels = [several.action(number).label for number in (1, 2)]
    page = client.post("/act/undo", follow_redirects=True).text
    assert said(page).startswith("Undone: ")
    assert said(page).endswith(f" tagged media Undo again: {labels[1]} done")
    page = undo(client, page)
    assert said(page).endswith(f" done Undo again: {labels[0]} done")
    assert [state for _, state, *_ in facts(several)].count(State.ACKNOWLEDGED) == 1
    page = client.post("/act/undo", follow_redirects=True).text
    assert ("Undo again" in said(page), facts(several)) == (False, before)
    page = client.post("/act/undo", data={"view": "?host=vps", "back": ""}, follow_redirects=True).text
    assert said(page) == "Nothing left to undo."
    assert "Clear filters" in page


def test_what_is_older_than_a_day_is_not_undone_unasked(client: FlaskClient, store: Store, clock: Clock) -> None:
    clock.time = now() - timedelta(hours=25)
    store.mute(Selection((record(store),)), True, "127.0.0.1")
    assert said(client.post("/act/undo", follow_redirects=True).text) == "Nothing left to undo."
    assert states(store) == ["muted"]


def test_a_snooze_ends_when_one_said(client: FlaskClient, store: Store) -> None:
    update_id = record(store)
    day = (now() + timedelta(days=10)).date()
    for until, zone, expected in (
        (day.isoformat(), 0, f"{day} 06:00:00+00:00"),
        (day.isoformat(), -120, f"{day} 04:00:00+00:00"),
        (day.isoformat(), 300, f"{day} 11:00:00+00:00"),
        ("next", 0, str(NEXT_VERSION)),
    ):
        done(client, "snooze", only=update_id, until=until, zone=zone)
        assert str(store.update(update_id).snoozed_until) == expected
    assert "until the next version" in shown(client, "/?state=snoozed")
    for name, days in (("tomorrow", 1), ("week", 7), ("month", 30)):
        today = now().date()
        done(client, "snooze", only=update_id, until=name)
        end = store.update(update_id).snoozed_until
        assert end is not None
        assert end.date() - timedelta(days=days) in (today, now().date())
        assert end.date().isoformat() in rows(shown(client, "/?state=snoozed"))
    assert names(done(client, "wake", only=update_id)) == ["nginx"]
    for nonsense in ("yesterday", "2020-01-01", "9999-12-31", "2026-13-01", "x", "0001-01-01"):
        words = "in the future" if nonsense[0].isdigit() and nonsense != "2026-13-01" else "until must be tomorrow"
        check_asked_again(client, "until", update_id, nonsense, words)
    assert states(store) == ["pending"]


def test_what_is_refused_leads_back_to_where_one_was(client: FlaskClient, store: Store) -> None:
    update_id = record(store)
    nowhere = '<a href="/">Back to updates<'
    for page, back in (
        ("/tags?x=1", '<a href="/tags?x=1">Back<'),
        ("/", nowhere),
        ("//evil.example/", nowhere),
    ):
        answer = client.post("/tags", data={"name": ""}, headers={"Referer": f"http://localhost{page}"})
        assert (answer.status_code, back in answer.text) == (400, True), page
    assert nowhere in client.post("/tags", headers={"Referer": "http://evil.example/tags"}).text
    # A question without JavaScript stands at an address that takes only POST.
    asked = {"Referer": "http://localhost/act/snooze"}
    for fields, back in (
        ({"back": update_id}, f'<a href="/updates/{update_id}">Back<'),
        ({"view": "?host=a&q=b"}, '<a href="/?q=b&amp;host=a">Back<'),
        ({}, nowhere),
        ({"view": "?page=x"}, nowhere),
    ):
        answer = client.post("/act/undo", data={"action": 4711, **fields}, headers=asked)
        assert (answer.status_code, back in answer.text) == (400 if fields.get("view") == "?page=x" else 404, True)


def test_a_row_shows_ten_containers_and_its_page_the_others(client: FlaskClient, store: Store) -> None:
    names = [f"web-{number:02}" for number in range(60)]
    update_id = record(store, metadata={"ctn_names": ",".join(names)})
    row = text(shown(client, "/"))
    assert f"+50{', '.join(names[:10])}" in row.replace(" +50 ", "+50")
    assert "web-10" not in row
    assert ", ".join(names) in text(shown(client, f"/updates/{update_id}"))


def test_a_page_has_fifty_rows_however_many_it_is_asked_for(client: FlaskClient, store: Store) -> None:
    for number in range(60):
        record(store, f"a{number}:1")
    page = shown(client, "/?per_page=200")
    assert page.count('<li class="update"') == 50
    assert "Page 1 of 2" in page


def test_filters_that_would_make_every_link_long_are_refused_in_words(client: FlaskClient, store: Store) -> None:
    record(store)
    check_error_page(client.get("/", query_string={"q": "x" * 1601}), 400, "too long")
    check_error_page(client.get("/history", query_string={"q": "x" * 1601}), 400, "too long")
    check_error_page(client.post("/views", data={"name": "v", "query": f"?q={'x' * 1_000_000}"}), 400, "too long")
    check_error_page(client.post("/act/acknowledge", data={"id": list(range(1, 1002))}), 400, "at most 1,000")
    assert store.views() == ()


def test_a_long_note_is_cut_in_the_row_and_whole_where_it_is_edited(client: FlaskClient, store: Store) -> None:
    update_id = record(store)
    store.annotate(Selection((update_id,)), "x" * 1000, "")
    row = shown(client, "/")
    assert 'class="note said" data-cut' in row
    assert "x" * 300 not in row
    assert "x" * 1000 in client.post("/act/note", data={"only": update_id}).text


def test_a_note_is_shown_in_the_row(client: FlaskClient, store: Store) -> None:
    page = done(client, "note", only=record(store), note=" wait for <1.28> ")
    assert "wait for &lt;1.28&gt;</p>" in rows(page)
    check_asked_again(client, "note", 1, f"<b>{'x' * 1000}", "at most 1000 characters")
    assert "wait for" not in done(client, "note", only=1, note="")


@pytest.mark.parametrize(
    ("verb", "answer"), [("snooze", {"until": "week"}), ("tag", {"tag": "media"}), ("note", {"note": "x"})]
)
@pytest.mark.parametrize("chosen", [{"id": [1, 2]}, {"only": 1}, {"all": 3, "id": [1]}])
def test_without_javascript_a_page_asks(
    client: FlaskClient, store: Store, verb: str, answer: dict[str, str], chosen: dict[str, object]
) -> None:
    for number in range(3):
        record(store, f"app{number}:1")
    view = "?host=nas&group=tag"
    page = client.post(f"/act/{verb}", data={"view": view, **chosen})
    assert (page.status_code, actions(store, 1)) == (200, [])
    assert f'<a href="/{escape(view)}">Cancel</a>' in page.text
    about = "3 updates" if "all" in chosen else "2 updates" if "id" in chosen else "app0 on nas"
    assert about in text(re.findall("<h1>.*?</h1>", page.text)[0])
    forms = re.findall(rf'<form method="post" action="/act/{verb}">.*?</form>', page.text, re.DOTALL)
    assert len(forms) == (1 if verb == "note" else 2)
    for form in forms:
        hidden: dict[str, list[str]] = {}
        for name, value in re.findall('<input type="hidden" name="([a-z]+)" value="([^"]*)"', form):
            hidden.setdefault(name, []).append(unescape(value))
    bar = done(client, verb, **hidden, **answer)
    count = 3 if "all" in chosen else 2 if chosen.get("id") else 1
    assert store.action(1).count == count
    assert said(bar).endswith("Undo")


def test_the_commands_of_a_selection_are_one_script_by_host(client: FlaskClient, several: Store) -> None:
    view = "?host=vps&sort=name"
    for chosen, hosts in (({"id": [1, 3]}, ["nas", "vps"]), ({"all": 1}, ["vps"]), ({"only": 4}, ["pi - co"])):
        answer = client.post("/act/commands", data={"view": view, **chosen})
        assert answer.status_code == 200
        assert f'<a href="/{escape(view)}">Back to updates</a>' in answer.text
        script = unescape(re.findall("<pre[^>]*><code>(.*?)</code></pre>", answer.text, re.DOTALL)[0])
        assert script.startswith(": 'Run each block on the host that it names.")
        assert script.count("\n: 'Host ") == len(hosts)
        assert all(host.split()[0] in script for host in hosts)
    assert actions(several, 1) == []


# One update


def test_the_page_of_an_update_tells_everything(client: FlaskClient, store: Store) -> None:
    store.acknowledge(one(record(store, "ghcr.io/immich-app/server:v1.2.0")), "10.0.0.7")
    update_id = record(store, "ghcr.io/immich-app/server:v1.3.0", digest=OTHER)
    record(
        store,
        "ghcr.io/immich-app/server:v1.3.0",
        provider="docker",
        platform="linux/arm64",
        mime_type="application/vnd.oci.image.index.v1+json",
        created="2026-11-01T10:00:00Z",
        hub_link="https://github.com/immich-app/immich/pkgs/container/server",
        diun_version="4.33.0",
        status="update",
        metadata={"ctn_names": "immich", "short": "<&>", "pod_status": "x" * 6000},
    )
    store.annotate(one(update_id), "first read the notes", "10.0.0.8")
    page = shown(client, f"/updates/{update_id}")
    words = text(page.replace("</dt>", "</dt> "))
    for fact in (
        "server on nas",
        "v1.2.0 →to v1.3.0",
        "Runs in immich",
        "Provider docker",
        "Image ghcr.io/immich-app/server:v1.3.0",
        f"Digest {DIGEST}",
        f"Digest before {OTHER}",
        "Platform linux/arm64",
        "Type application/vnd.oci.image.index.v1+json",
        "DIUN 4.33.0",
        "short <&>",
        "first read the notes",
        "10.0.0.7: done",
        "10.0.0.8: note",
    ):
        assert fact in words, fact
    assert f'title="{OTHER}"' in page
    assert 'title="2026-11-01 10:00:00 UTC"' in page
    assert 'href="https://github.com/immich-app/immich/pkgs/container/server" rel="noopener noreferrer"' in page
    assert f"{'x' * 40}… 6000 characters{'x' * 6000}" in words
    assert "<dd>&lt;&amp;&gt;</dd>" in page
    timeline = re.findall("<li>.*?</li>", page.partition('<ol class="timeline">')[2], re.DOTALL)
    assert ["note" in timeline[0], "minor" in timeline[1], "minor" in timeline[2]] == [True] * 3
    assert len(timeline) == 5
    assert '"hostname": "nas"' in unescape(timeline[1])
    assert 'id="versions"' in page
    versions = re.findall("<li.*?</li>", page.partition('<ol class="series">')[2].partition("</ol>")[0], re.DOTALL)
    assert [text(each).split()[:3] for each in versions] == [["v1.3.0", "minor", "pending"], ["v1.2.0", "new", "done"]]
    assert ["aria-current" in version for version in versions] == [True, False]


def test_the_digest_before_is_told_after_any_number_of_repetitions(client: FlaskClient, store: Store) -> None:
    update_id = record(store, "a:1", digest=OTHER)
    for _ in range(30):
        record(store, "a:1")
    for page in ("", "?page=2"):
        words = text(shown(client, f"/updates/{update_id}{page}"))
        assert f"Digest before{OTHER}" in words


def test_the_history_of_an_update_comes_in_pages(client: FlaskClient, store: Store) -> None:
    update_id = record(store, "a:1")
    for number in range(44):
        store.annotate(one(update_id), f"note-{number:02}", "")
    page, seen = f"/updates/{update_id}", []
    while page:
        shown_page = shown(client, page)
        history = shown_page.partition('<ol class="timeline">')[2]
        seen.append(re.findall("note-[0-9]+|DIUN reported", history))
        older = re.search('href="([^"]*)">Older', history)
        page = older[1] if older else ""
    assert [len(each) for each in seen] == [20, 20, 5]
    assert [each for page in seen for each in page] == [f"note-{number:02}" for number in reversed(range(44))] + [
        "DIUN reported"
    ]
    assert f'href="/updates/{update_id}?page=2#history">Newer' in shown_page
    assert "Nothing on this page" in shown(client, f"/updates/{update_id}?page=9")
    for nonsense in ("0", "-1", "x", "1000001"):
        check_error_page(client.get(f"/updates/{update_id}?page={nonsense}"), 400, "page must be")


def test_an_update_with_many_versions_and_long_names_stays_a_page(client: FlaskClient, store: Store) -> None:
    for number in range(30):
        update_id = record(store, f"a:1.{number}", metadata={"note": "é" * 6000})
        for again in range(3):
            record(store, f"a:1.{number}", metadata={"again": str(again)})
    page = shown(client, f"/updates/{update_id}")
    assert len(page.encode()) < 150 * 1024
    assert "20 more" in text(page)
    metadata = {"huge": "h" * 500_000}
    long = record(store, metadata=metadata)
    page = shown(client, f"/updates/{long}")
    assert len(page.encode()) < 150 * 1024
    assert f"{'h' * 40}… 65532 characters" in text(page)


@pytest.mark.parametrize("body", [b'{"image": "a:1", "x": [1,\n 2]}', PAYLOADS[0].read_bytes()])
def test_a_notification_is_given_back_as_it_was_sent(client: FlaskClient, store: Store, body: bytes) -> None:
    update_id = store.record(parse(body))
    for path in (f"/updates/{update_id}", "/history"):
        link = re.search('<a href="(/history/[0-9]+)">Open the original', shown(client, path))
        assert link
        answer = client.get(link[1])
        assert (answer.mimetype, answer.data) == ("application/json", body)
    check_error_page(client.get("/history/4711"), 404, "No notification has the id 4711")


def test_the_running_version_is_said_on_the_page_of_an_update(client: FlaskClient, store: Store) -> None:
    update_id = record(store, "nginx:1.29.0")
    assert '<span class="kind new">' in shown(client, f"/updates/{update_id}")
    fields = {"only": update_id, "back": update_id}
    for version, kind in (("1.27.0", "minor"), ("0.9", "major"), ("1.29.0", "new")):
        page = done(client, "running", version=version, **fields)
        assert f'<summary class="kind {kind}"' in page.partition("</header>")[2]
        assert f'name="version" maxlength="128" value="{version}"' in page
        assert said(page).endswith(f"set to {version} Undo")
    page = undo(client, page)
    assert 'value="0.9"' in page
    for nonsense in ("latest", "1.27.0-alpine", "x" * 200):
        check_asked_again(client, "version", fields["only"], nonsense, "does not compare")
    check_error_page(client.post("/act/running", data={"version": "1", "id": [1, 1]}), 400, "choose one update")
    assert 'value=""' in done(client, "running", version="", **fields)


def test_one_acts_on_the_page_of_an_update_and_stays_there(client: FlaskClient, store: Store) -> None:
    update_id = record(store)
    page = shown(client, f"/updates/{update_id}")
    for verb in ("acknowledge", "mute", "snooze", "tag", "note", "running"):
        assert f'action="/act/{verb}"' in page
    for verb, fields, words in ACTS:
        page = done(client, verb, only=update_id, back=update_id, **fields)
        assert '<h1 class="clamp">nginx <span' in page
        assert words.format("nginx on nas") in said(page)
        page = undo(client, page)
        assert '<h1 class="clamp">nginx <span' in page
        assert states(store) == ["pending"]


# Stay current


def test_a_page_is_not_sent_again_while_nothing_has_changed(client: FlaskClient, store: Store) -> None:
    update_id = record(store)
    tag = store.create_tag("media")
    for path in ("/", "/?state=all", "/?host=nas&group=tag"):
        etag = client.get(path).headers["ETag"]
        for known in (etag, etag.removeprefix("W/"), f'"x", {etag}'):
            answer = client.get(path, headers={"If-None-Match": known})
            assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", etag)
            assert answer.headers["Cache-Control"] == "no-store"
        assert client.get(path, headers={"If-None-Match": '"x"'}).status_code == 200
    seen = {etag}
    for change in (
        lambda: record(store, "redis:7"),
        lambda: record(store, "redis:7"),
        lambda: store.acknowledge(one(update_id), ""),
        lambda: store.undo(1, ""),
        lambda: store.change_tag(tag.id, "films", 3),
        lambda: store.assign_tag("nginx", tag.id),
        lambda: store.save_view("all", "?state=all"),
        lambda: store.rename_host(store.hosts()[0].id, "attic"),
        lambda: client.post("/theme", data={"theme": "dark"}),
    ):
        change()
        answer = client.get(path, headers={"If-None-Match": etag})
        etag = answer.headers["ETag"]
        assert (answer.status_code, etag in seen) == (200, False)
        seen.add(etag)


def test_a_snooze_that_ends_changes_the_page(client: FlaskClient, store: Store, clock: Clock) -> None:
    store.snooze(one(record(store)), clock.time + timedelta(minutes=10), "")
    etag = client.get("/").headers["ETag"]
    assert client.get("/", headers={"If-None-Match": etag}).status_code == 304
    clock.time += timedelta(minutes=11)
    answer = client.get("/", headers={"If-None-Match": etag})
    assert (answer.status_code, names(answer.text)) == (200, ["nginx"])


def test_the_title_and_the_icon_show_the_number_pending(client: FlaskClient, store: Store) -> None:
    assert "<title>Updates · DIUN Dashboard</title>" in shown(client)
    for number in range(3):
        record(store, f"app{number}:1")
    assert "<title>(3) Updates · DIUN Dashboard</title>" in shown(client)
    page = shown(client, "/?host=other")
    assert "<title>0 pending on other · DIUN Dashboard</title>" in page
    assert '<link rel="icon" href="/icon/3.svg" type="image/svg+xml">' in page
    for pending, words in ((1, "1"), (99, "99"), (100, "99+"), (10**9, "99+")):
        answer = client.get(f"/icon/{pending}.svg")
        assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")
        assert f">{words}</text></svg>" in answer.text
        assert "max-age" in answer.headers["Cache-Control"]


def test_the_numbers_at_the_top_lead_to_what_they_count(client: FlaskClient, several: Store) -> None:
    several.acknowledge(one(1), "person")
    page = shown(client, "/?state=all")
    numbers = page.partition('<section class="numbers"')[2].partition("</section>")[0]
    assert "on 3 hosts" in text(numbers)
    assert "1 done this week" in text(numbers)
    links = re.findall('<a href="([^"]*)"><strong>([0-9]+)</strong>', numbers)
    assert [count for _, count in links] == ["4", "1", "3"]
    for link, count in links:
        assert dict(parse_qsl(unescape(link).partition("?")[2]))["state"] == "pending"
        assert len(names(shown(client, unescape(link)))) == int(count)


def test_the_list_of_what_is_done_says_when_and_by_whom_the_last_first(client: FlaskClient, store: Store) -> None:
    first, second = record(store, "a:1"), record(store, "b:1")
    store.acknowledge(Selection((second,)), "192.168.1.5")
    store.acknowledge(Selection((first,)), "alice")
    page = client.get("/?state=acknowledged").text
    assert page.index(f'id="update-{first}"') < page.index(f'id="update-{second}"')
    whens = re.findall(r'<div class="when"><time datetime="([^"]*)".*?</time>(.*?)</div>', page)
    done = [store.update(each).acknowledged_at for each in (first, second)]
    assert [when for when, _ in whens] == [each.isoformat()[:19] + "Z" for each in done if each]
    assert "by alice" in whens[0][1]
    assert "by" not in whens[1][1], "the address of a browser is not a name"
    assert "Sort: done last" in page
    assert "Sort: newest" in client.get("/?state=acknowledged&sort=age").text
    assert "done last" not in client.get("/").text
