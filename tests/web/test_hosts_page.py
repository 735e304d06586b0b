"""The hosts page: what waits where, who is silent, and rename, merge and forget."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from diundashboard.clock import now
from diundashboard.model import HistoryQuery, Selection, UpdateQuery
from diundashboard.store import Store
from tests.conftest import Clock
from tests.store.asking import OTHER, record

ODD = 'a&b=c #1+2%20/"<ü>'


def page_of(client: FlaskClient) -> str:
    answer = client.get("/hosts")
    assert answer.status_code == 200
    return answer.text


def words(page: str) -> str:
    """What a person reads, on one line."""
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", page)).split())


def links(page: str, path: str) -> list[dict[str, list[str]]]:
    """The query strings of the links to a page, as the server will read them."""
    main = page.partition('<main id="main">')[2]
    found = (urlsplit(html.unescape(link)) for link in re.findall('href="([^"]*)"', main))
    return [parse_qs(link.query) for link in found if link.path == path and link.query]


def id_of(store: Store, hostname: str = "nas") -> int:
    return next(host.id for host in store.hosts() if host.hostname == hostname)


def test_without_hosts_the_page_says_what_to_do(client: FlaskClient) -> None:
    page = page_of(client)
    assert "No hosts yet" in page
    assert 'href="/connect"' in page


def test_a_host_is_listed_with_what_waits_there_by_kind(client: FlaskClient, store: Store) -> None:
    record(store, "a:1", provider="docker", diun_version="4.33.0")
    record(store, "b:1")
    record(store, "b:1", digest=OTHER, provider="docker", diun_version="4.34.0")
    page = page_of(client)
    assert links(page, "/") == [
        {"host": ["nas"]},
        {"host": ["nas"], "kind": ["rebuild"]},
        {"host": ["nas"], "kind": ["new"]},
    ]
    assert links(page, "/history") == [{"host": ["nas"]}]
    for words_of_it in (
        "1 host",
        "2 pending",
        "3 notifications",
        "first",
        "docker",
        "DIUN 4.34.0",
        "Last notification",
    ):
        assert words_of_it in words(page)


def test_a_host_where_all_is_done_says_so(client: FlaskClient, store: Store) -> None:
    store.acknowledge(Selection((record(store),)), "")
    page = page_of(client)
    assert "Nothing pending" in page
    assert links(page, "/") == []


@pytest.mark.parametrize("hostname", [ODD, "a+b", "", "-", "--", "-a", "all", "../x", "?q=1"])
def test_links_keep_their_meaning_whatever_a_host_is_called(client: FlaskClient, store: Store, hostname: str) -> None:
    record(store, "a:1", hostname=hostname)
    record(store, "elsewhere:1", hostname="other")
    written = f"-{hostname}" if hostname[:1] in ("", "-") else hostname
    queries = [query for query in links(page_of(client), "/") if query["host"] == [written]]
    assert queries == [{"host": [written]}, {"host": [written], "kind": ["new"]}]
    shown = client.get("/", query_string=queries[0]).text
    assert "a on" in shown
    assert "elsewhere on" not in shown


def test_a_host_without_a_name_is_called_so(client: FlaskClient, store: Store) -> None:
    record(store, hostname="")
    assert "unnamed host" in page_of(client)
    assert "Host: unnamed host" in client.get("/history?host=-").text


def test_names_are_escaped(client: FlaskClient, store: Store) -> None:
    record(store, hostname="<b>x</b>", provider="<i>", diun_version="<u>")
    record(store, hostname="plain")
    store.rename_host(id_of(store, "plain"), "<script>alert(1)</script>")
    page = page_of(client)
    for text in ("<b>x", "<i>", "<u>", "<script>alert"):
        assert text not in page
        assert html.escape(text) in page


def test_a_host_that_is_silent_for_longer_than_usual_is_marked_in_words(
    client: FlaskClient, store: Store, clock: Clock
) -> None:
    start = clock.time
    for days in (0, 1, 3, 6, 8, 10):
        clock.time = start + timedelta(days=days)
        record(store, f"a:{days}")
    assert "Silent" not in page_of(client)
    clock.time = start + timedelta(days=15)
    assert "A notification usually arrives within 3 days" in words(page_of(client))


@pytest.mark.parametrize(("hostname", "hint"), [("7c1f0a9b3e55", True), ("nas", False)])
def test_a_container_id_as_hostname_gets_the_hint_how_to_set_it(
    client: FlaskClient, store: Store, hostname: str, hint: bool
) -> None:
    record(store, hostname=hostname)
    page = page_of(client)
    for text in ("looks like a container", "hostname: nas", "docker run --hostname nas"):
        assert (text in page) == hint


def test_a_renamed_host_shows_both_names_and_an_empty_name_takes_it_back(client: FlaskClient, store: Store) -> None:
    record(store)
    host = id_of(store)
    answer = client.post(f"/hosts/{host}/rename", data={"name": "Cellar"})
    assert (answer.status_code, answer.location) == (303, f"/hosts#host-{host}")
    page = words(page_of(client))
    assert "Cellar" in page
    assert "Reports as nas" in page
    client.post(f"/hosts/{host}/rename", data={"name": ""})
    assert "Reports as" not in page_of(client)
    assert "Cellar" not in page_of(client)


def test_a_merged_host_is_named_at_the_one_that_it_counts_as(client: FlaskClient, store: Store) -> None:
    record(store, hostname="7c1f0a9b3e55")
    record(store)
    into = id_of(store)
    answer = client.post(f"/hosts/{id_of(store, '7c1f0a9b3e55')}/merge", data={"into": into})
    assert (answer.status_code, answer.location) == (303, f"/hosts#host-{into}")
    page = words(page_of(client))
    assert "1 host" in page
    assert "with 7c1f0a9b3e55" in page


def test_merging_is_offered_with_every_other_host_and_not_with_itself(client: FlaskClient, store: Store) -> None:
    record(store, hostname="nas")
    assert "/merge" not in page_of(client)
    record(store, hostname="pi")
    record(store, hostname="tv")
    path = f"/hosts/{id_of(store)}/merge"
    assert f'href="{path}"' in page_of(client)
    options = re.findall(r'<option value="(\d+)">(\w+)', client.get(path).text)
    assert options == [(str(id_of(store, "pi")), "pi"), (str(id_of(store, "tv")), "tv")]
    assert client.get("/hosts/4711/merge").status_code == 404


def test_hosts_come_in_pages_and_a_change_leads_to_the_page_of_its_host(client: FlaskClient, store: Store) -> None:
    for number in range(60):
        record(store, hostname=f"vm-{number:02}")
    first, second = client.get("/hosts").text, client.get("/hosts?page=2").text
    assert ("60 hosts" in words(first), "vm-49" in first, "vm-50" in first) == (True, True, False)
    assert ("vm-49" in second, "vm-59" in second, "Page 2 of 2" in second) == (False, True, True)
    last = id_of(store, "vm-59")
    assert client.post(f"/hosts/{last}/rename", data={"name": "z"}).location == f"/hosts?page=2#host-{last}"


def test_a_forgotten_host_is_gone_and_its_history_stays(client: FlaskClient, store: Store) -> None:
    record(store)
    answer = client.post(f"/hosts/{id_of(store)}/forget")
    assert (answer.status_code, answer.location) == (303, "/hosts")
    assert "No hosts yet" in page_of(client)
    assert store.updates(UpdateQuery(state=None)).total == 0
    assert len(store.notifications(HistoryQuery())) == 1


def test_metadata_that_diun_shares_among_containers_is_ignored_until_a_person_says_otherwise(
    client: FlaskClient, store: Store, clock: Clock
) -> None:
    clock.time = now() - timedelta(hours=2, minutes=5)
    leaked = {"ctn_id": "ee5c140c", "ctn_names": "web", "stack": "shop"}
    record(store, "a:1", metadata=leaked)
    record(store, "a:1", hostname="<b>pi", metadata=leaked)
    assert "Container metadata is ignored" not in page_of(client)
    record(store, "b:1", metadata=leaked)
    page = page_of(client)
    assert "<b>pi" not in page
    assert words(page).count("Container metadata is ignored for nas.") == 1
    assert "2 h ago" in words(page)
    assert "defaults.metadata" in page
    answer = client.post(f"/hosts/{id_of(store)}/metadata")
    assert (answer.status_code, answer.location) == (303, f"/hosts#host-{id_of(store)}")
    assert "Container metadata is ignored" not in page_of(client)


@pytest.mark.parametrize("action", ["rename", "merge", "forget", "metadata"])
def test_what_changes_a_host_requires_post_and_a_host_that_exists(
    client: FlaskClient, store: Store, action: str
) -> None:
    record(store)
    assert client.get(f"/hosts/{id_of(store)}/{action}").status_code == (200 if action == "merge" else 405)
    for unknown in (0, 4711, 2**63, 10**30):
        answer = client.post(f"/hosts/{unknown}/{action}", data={"into": id_of(store)})
        assert answer.status_code == 404
        words = answer.text.lower()
        assert "no host has the id" in words or "this id is too large" in words
    assert client.post(f"/hosts/x/{action}").status_code == 404


@pytest.mark.parametrize(
    ("action", "form", "message"),
    [
        ("rename", {"name": "x" * 101}, "at most 100 characters"),
        ("merge", {}, "choose the host to merge into"),
        ("merge", {"into": ""}, "choose the host to merge into"),
        ("merge", {"into": "nas"}, "into must be a whole number"),
        ("merge", {"into": "{self}"}, "cannot be merged into itself"),
    ],
)
def test_a_form_that_makes_no_sense_is_answered_in_words(
    client: FlaskClient, store: Store, action: str, form: dict[str, str], message: str
) -> None:
    record(store)
    host = id_of(store)
    answer = client.post(
        f"/hosts/{host}/{action}", data={name: value.format(self=host) for name, value in form.items()}
    )
    assert answer.status_code == 400
    assert message.lower() in html.unescape(answer.text).lower()
    assert len(store.hosts()) == 1


def test_a_host_cannot_be_changed_from_another_sites_page(client: FlaskClient, store: Store) -> None:
    record(store)
    answer = client.post(f"/hosts/{id_of(store)}/forget", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert len(store.hosts()) == 1
