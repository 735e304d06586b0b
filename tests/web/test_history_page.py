"""The history page: what DIUN sent and what people did."""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime
from time import thread_time
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask.testing import FlaskClient

from diundashboard.model import NEXT_VERSION, Selection
from diundashboard.notification import parse
from diundashboard.store import Store
from tests.conftest import PAYLOADS
from tests.store.asking import OTHER, record

LARGEST_PAGE = 150_000
"""In bytes, before compression."""


def page_of(client: FlaskClient, **query: str | int) -> str:
    answer = client.get("/history", query_string=query)
    assert answer.status_code == 200
    return answer.text


def listed(page: str) -> list[str]:
    """The names and versions of the rows."""
    rows = re.findall(r'<div class="what">\s*<strong>(.*?)</strong>', page)
    return [html.unescape(re.sub("<[^>]*>", "", row)) for row in rows]


def link(page: str, label: str) -> dict[str, str]:
    """The query string of the link with this text, as the server will read it."""
    found = re.search(rf'href="([^"]*)"[^>]*>(?:<span[^>]*>)*{re.escape(html.escape(label))}<', page)
    assert found, label
    return dict(parse_qsl(urlsplit(html.unescape(found[1])).query))


def test_without_notifications_the_page_says_what_to_do(client: FlaskClient) -> None:
    page = page_of(client)
    assert "No notifications yet" in page
    assert 'href="/connect"' in page


def test_everything_that_came_is_listed_newest_first(client: FlaskClient, store: Store) -> None:
    first = record(store, "nginx:1")
    record(store, "nginx:1", digest=OTHER)
    last = record(store, "ghcr.io/x/redis:7", hostname="pi")
    page = page_of(client)
    assert listed(page) == ["redis:7", "nginx:1", "nginx:1"]
    for text in ("ghcr.io/x/redis", "rebuilt", "new", "b" * 12, f'href="/updates/{first}"', f'href="/updates/{last}"'):
        assert text in page


def test_what_diun_sends_is_listed_with_what_it_sent(client: FlaskClient, store: Store) -> None:
    for path in PAYLOADS:
        store.record(parse(path.read_bytes()))
    page = page_of(client)
    assert len(listed(page)) == len(PAYLOADS)
    shown = [html.unescape(body) for body in re.findall(r"<code>(.*?)</code></pre>", page, re.DOTALL)]
    assert [json.loads(body) for body in shown] == [json.loads(path.read_bytes()) for path in reversed(PAYLOADS)]


def test_a_forgotten_hosts_notifications_stay_without_a_link(client: FlaskClient, store: Store) -> None:
    update_id = record(store)
    store.forget_host(store.hosts()[0].id)
    page = page_of(client)
    assert listed(page) == ["nginx:1.27.0"]
    assert f"/updates/{update_id}" not in page


def test_an_image_pinned_by_its_digest_has_a_row(client: FlaskClient, store: Store) -> None:
    record(store, "ghcr.io/x/app@sha256:" + "c" * 64)
    assert listed(page_of(client)) == ["app"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"host": "pi"}, ["redis:7"]),
        ({"kind": "rebuild"}, ["nginx:1"]),
        ({"q": "REDIS pi"}, ["redis:7"]),
        ({"host": "nas", "kind": "new"}, ["nginx:1"]),
        ({"host": "", "kind": "", "q": "", "before": ""}, ["redis:7", "nginx:1", "nginx:1"]),
    ],
    ids=str,
)
def test_the_history_is_filtered_by_its_address(
    client: FlaskClient, store: Store, query: dict[str, str], found: list[str]
) -> None:
    record(store, "nginx:1")
    record(store, "nginx:1", digest=OTHER)
    record(store, "ghcr.io/x/redis:7", hostname="pi")
    assert listed(page_of(client, **query)) == found


def test_a_filter_that_finds_nothing_says_so_and_leads_back(client: FlaskClient, store: Store) -> None:
    record(store)
    assert "No notifications or actions match." in page_of(client, q="nothing is like this")
    assert "Nothing older" in page_of(client, before=1)


def test_filters_are_kept_by_each_other_and_by_the_search(client: FlaskClient, store: Store) -> None:
    record(store, hostname='a&b "c"')
    page = page_of(client, q="x&y=z", host='a&b "c"', kind="new")
    assert link(page, "Any host") == {"q": "x&y=z", "kind": "new"}
    assert link(page, "Any kind") == {"q": "x&y=z", "host": 'a&b "c"'}
    assert f'name="host" value="{html.escape("a&b ")}&#34;c&#34;"' in page
    assert 'name="kind" value="new"' in page


@pytest.mark.parametrize("hostname", ["a&b=c #1+2%20/?", "a+b", '"<ü>"'])
def test_links_keep_their_meaning_whatever_a_host_is_called(client: FlaskClient, store: Store, hostname: str) -> None:
    record(store, hostname=hostname)
    record(store, "other:1", hostname="other")
    page = page_of(client)
    hosts = {query.get("host") for query in links(page)}
    assert hosts >= {hostname, "other"}
    assert listed(page_of(client, host=hostname)) == ["nginx:1.27.0"]


def links(page: str) -> list[dict[str, str]]:
    return [dict(parse_qsl(urlsplit(html.unescape(each)).query)) for each in re.findall('href="([^"]*)"', page)]


def test_pages_of_fifty_follow_each_other_and_keep_the_filter(client: FlaskClient, store: Store) -> None:
    for number in range(101):
        record(store, f"app:{number}")
    record(store, "app:1", hostname="pi")
    first = page_of(client, host="nas")
    older = link(first, "Older")
    record(store, "late:1")
    second = page_of(client, **older)
    third = page_of(client, **link(second, "Older"))
    assert [len(listed(page)) for page in (first, second, third)] == [50, 50, 1]
    assert listed(first) + listed(second) + listed(third) == [f"app:{number}" for number in reversed(range(101))]
    assert ">Older<" not in third
    assert link(third, "Newest") == {"host": "nas"}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"kind": "huge"}, "kind must be one of major, minor,"),
        ({"before": "x"}, "before must be a whole number"),
    ],
)
def test_an_address_that_makes_no_sense_is_answered_in_words(
    client: FlaskClient, query: dict[str, str], message: str
) -> None:
    answer = client.get("/history", query_string=query)
    assert answer.status_code == 400
    assert message.lower() in answer.text.lower()


def test_the_history_takes_no_post(client: FlaskClient) -> None:
    assert client.post("/history").status_code == 405


def test_what_came_is_escaped(client: FlaskClient, store: Store) -> None:
    record(store, "x/<b>:1", hostname="<i>", digest="<u>", metadata={"a": "</code><script>"})
    page = page_of(client, q="<s>")
    page += page_of(client)
    for text in ("<b>", "<i>", "<u>", "</code><script>", "<s>"):
        assert text not in page


@pytest.mark.parametrize("filling", ["x", '\\"', "<", "\U0001f4a9"], ids=["plain", "quoted", "marked up", "emoji"])
def test_a_page_of_large_payloads_stays_light_and_says_what_it_leaves_out(
    client: FlaskClient, store: Store, filling: str
) -> None:
    name = "registry.example.net/some/group/of/projects/image-with-a-name"
    for number in range(50):
        body = f'{{"image": "{name}:{number}", "hostname": "{"h" * 40}", "metadata": {{"a": "{filling * 6000}"}}}}'
        store.record(parse(body.encode()))
    page = page_of(client)
    assert len(page.encode()) < LARGEST_PAGE
    assert f"This is the beginning of {len(body.encode()):,} bytes" in page
    assert 'href="/history/1">Open the original' in page


def test_deeply_nested_payloads_cost_no_more_than_what_is_shown(client: FlaskClient, store: Store) -> None:
    nested = "[" * 900 + "1," * 7000 + "1" + "]" * 900
    for number in range(50):
        store.record(parse(f'{{"image": "a:{number}", "nested": {nested}}}'.encode()))
    page_of(client)
    start = thread_time()
    page = page_of(client)
    assert thread_time() - start < 2
    assert len(page.encode()) < LARGEST_PAGE
    assert page.count("This is the beginning of") == 50


def test_a_payload_of_the_largest_size_is_shortened(client: FlaskClient, store: Store) -> None:
    record(store, metadata={"a": "é" * 500_000})
    assert "This is the beginning of" in page_of(client)


def test_a_payload_with_what_no_page_can_hold_is_shown(client: FlaskClient, store: Store) -> None:
    update_id = store.record(parse(b'{"image": "nginx:1", "metadata": {"a": "\\ud800\\u0000x"}}'))
    for path in ("/history", f"/updates/{update_id}"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "x&#34;" in answer.text


def deeds(page: str) -> list[str]:
    """What people did, with the way back."""
    rows = re.findall(r'<li class="deed".*?</li>', page, re.DOTALL)
    words = [re.sub("<svg.*?</svg>|<time.*?</time>|<[^>]*>", " ", row, flags=re.DOTALL) for row in rows]
    return [html.unescape(" ".join(each.split())) for each in words]


def test_what_people_did_is_listed_beside_what_diun_sent_by_time(client: FlaskClient, store: Store) -> None:
    first = record(store, "nginx:1", hostname="nas")
    store.acknowledge(Selection((first,)), "alice")
    second = record(store, "redis:1", hostname="pi")
    store.mute(Selection((first, second)), True, "bob")
    page = page_of(client)
    order = [page.index(each) for each in ("bob", "redis:1</a>", "alice", "nginx:1</a>")]
    assert order == sorted(order)
    assert deeds(page) == [
        "bob muted 2 updates Undo : 2 updates muted",
        "alice marked nginx on nas as done Undo : nginx on nas done",
    ]
    assert (deeds(page_of(client, what="notifications")), listed(page_of(client, what="notifications"))) == (
        [],
        ["redis:1", "nginx:1"],
    )
    assert (len(deeds(page_of(client, what="people"))), listed(page_of(client, what="people"))) == (2, [])
    assert (len(deeds(page_of(client, host="pi"))), listed(page_of(client, host="pi"))) == (1, ["redis:1"])
    assert (len(deeds(page_of(client, q="alice"))), listed(page_of(client, q="alice"))) == (1, [])
    assert (deeds(page_of(client, kind="new")), len(listed(page_of(client, kind="new")))) == ([], 2)


def test_every_deed_is_told_in_words(client: FlaskClient, store: Store) -> None:
    one = Selection((record(store, "nginx:1.2", hostname="nas"),))
    until = datetime(2100, 11, 28, 6, tzinfo=UTC)
    store.snooze(one, until, "bob")
    store.snooze(one, NEXT_VERSION, "bob")
    store.snooze(one, None, "bob")
    store.mute(one, True, "bob")
    store.mute(one, False, "bob")
    store.tag_updates(one, "media", "bob")
    store.tag_updates(one, None, "bob")
    store.annotate(one, "later", "bob")
    store.annotate(one, "", "bob")
    store.say_running(one.ids[0], "1.1", "bob")
    store.say_running(one.ids[0], "", "bob")
    store.acknowledge(one, "10.0.0.7")
    store.reopen(one, "bob")
    assert [each.partition(" Undo")[0] for each in reversed(deeds(page_of(client)))] == [
        "bob snoozed nginx on nas until Sun 28 Nov 2100",
        "bob snoozed nginx on nas until the next version",
        "bob unsnoozed nginx on nas",
        "bob muted nginx on nas",
        "bob unmuted nginx on nas",
        "bob tagged nginx on nas media",
        "bob removed the tag from nginx on nas",
        "bob saved a note for nginx on nas later",
        "bob removed the note from nginx on nas",
        "bob set the running version of nginx on nas to 1.1",
        "bob unset the running version of nginx on nas",
        "nginx 1.2 on nas done",
        "bob reopened nginx 1.2 on nas",
    ]


def test_a_deed_is_undone_in_the_history_which_stays_where_it_is(client: FlaskClient, store: Store) -> None:
    update_id = record(store, hostname="nas")
    store.acknowledge(Selection((update_id,)), "alice")
    page = page_of(client, host="nas", what="people")
    form = dict(re.findall('name="(action|past)" value="([^"]*)"', page))
    answer = client.post("/act/undo", data={name: html.unescape(value) for name, value in form.items()})
    assert answer.headers["Location"] == "/history?host=nas&what=people&did=1"
    page = client.get(answer.headers["Location"]).text
    assert "Undone: nginx 1.27.0 on nas done" in page
    assert deeds(page) == ["alice marked nginx 1.27.0 on nas as done Undone"]
    assert store.update(update_id).state == "pending"


def test_a_deed_whose_host_is_forgotten_offers_no_undo(client: FlaskClient, store: Store) -> None:
    store.acknowledge(Selection((record(store),)), "alice")
    store.forget_host(store.hosts()[0].id)
    assert deeds(page_of(client)) == ["alice marked 1 update as done"]


@pytest.mark.parametrize("past", ["//evil.example", "host=//evil.example&before=3-4", "what=people"])
def test_an_undo_leads_back_to_the_history_alone(client: FlaskClient, store: Store, past: str) -> None:
    store.acknowledge(Selection((record(store),)), "alice")
    answer = client.post("/act/undo", data={"action": 1, "past": past})
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(("/history?", "/history&"))


def test_pages_of_both_lists_follow_each_other_by_time(client: FlaskClient, store: Store) -> None:
    for number in range(60):
        update_id = record(store, f"app:{number}")
        store.annotate(Selection((update_id,)), f"note {number}", "bob")
    first = page_of(client)
    second = page_of(client, **link(first, "Older"))
    third = page_of(client, **link(second, "Older"))
    assert [(len(listed(page)), len(deeds(page))) for page in (first, second, third)] == [
        (25, 25),
        (25, 25),
        (10, 10),
    ]
    notes = re.findall("note ([0-9]+)<", first + second + third)
    assert notes == [str(number) for number in reversed(range(60))]
    assert ">Older<" not in third
