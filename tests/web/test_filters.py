"""Filters of the updates page: several values, chips, titles, groups as a whole and counts, without a browser."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from diundashboard.clock import now
from diundashboard.limits import VALUES
from diundashboard.model import NEXT_VERSION, Selection, State, UpdateQuery
from diundashboard.store import Store
from tests.conftest import Clock
from tests.store.asking import record


@pytest.fixture(autouse=True)
def filled(store: Store, clock: Clock) -> None:
    """Updates of three hosts, an hour ago."""
    clock.time = now() - timedelta(hours=1)
    for number in range(3):
        record(store, f"a{number}:1", metadata={"stack": "media"})
    record(store, "ghcr.io/x/b:1", hostname="pi", status="update")
    record(store, "c:1", hostname="", provider="docker")


def shown(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.text


def total(client: FlaskClient, path: str) -> int:
    return len(re.findall('<li class="update" id=', shown(client, path)))


def title(client: FlaskClient, path: str) -> str:
    (found,) = re.findall("<title>(.*) · DIUN Dashboard</title>", shown(client, path))
    return unescape(found)


def chips(page: str) -> dict[str, str]:
    """The words of each chip with the address that it leads to."""
    found = re.findall('<a class="chip" href="([^"]*)"[^>]*>(.*?) <span aria-hidden', page, re.DOTALL)
    return {" ".join(unescape(re.sub("<[^>]*>", "", words)).split()): unescape(link) for link, words in found}


def test_a_filter_takes_several_values_and_filters_narrow_each_other(client: FlaskClient) -> None:
    assert total(client, "/?host=nas&host=pi") == 4
    assert total(client, "/?host=-&host=pi") == 2
    assert total(client, "/?host=nas&host=pi&kind=rebuild&kind=major") == 1
    assert total(client, "/?tag=-&tag=media&registry=docker.io") == 4
    assert total(client, "/?stack=-") == 2
    answer = client.get("/api/v1/updates?host=nas&host=pi&registry=ghcr.io")
    assert [update["hostname"] for update in answer.get_json()["updates"]] == ["pi"]


def test_each_value_is_a_chip_that_removes_it_alone(client: FlaskClient) -> None:
    page = shown(client, "/?host=nas&host=-&kind=new&age=day&fold=no&page=1")
    assert chips(page) == {
        "Host unnamed host": "/?host=nas&kind=new&age=day&fold=no",
        "Host nas": "/?host=-&kind=new&age=day&fold=no",
        "Kind new": "/?host=-&host=nas&age=day&fold=no",
        "Age last 24 hours": "/?host=-&host=nas&kind=new&fold=no",
        "Older versions as separate rows": "/?host=-&host=nas&kind=new&age=day",
    }
    assert ">Filters · 5</button>" in page
    assert '<a href="/?state=pending">Clear filters</a>' in page
    assert chips(shown(client, "/")) == {}
    assert "Clear filters" not in shown(client, "/")


def test_boxes_of_a_menu_send_what_is_ticked_and_keep_values_that_nothing_has(client: FlaskClient) -> None:
    page = shown(client, "/?host=nas&host=gone&provider=-")
    ticked = re.findall('form="find" name="([a-z]+)" value="([^"]+)" checked', page)
    assert sorted(ticked) == [("host", "gone"), ("host", "nas"), ("provider", "-")]
    kinds = re.findall('name="kind" value="([a-z]+)"', shown(client, "/"))
    assert kinds == ["rebuild", "new"], "in the order of their weight"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/", "(5) Updates"),
        ("/?kind=new&host=nas", "3 new on nas"),
        ("/?host=nas&host=pi", "4 pending on nas or pi"),
        ("/?host=nas&host=pi&host=x", "4 pending on 3 hosts"),
        ("/?state=snoozed", "0 snoozed"),
        ("/?state=acknowledged&kind=rebuild", "0 rebuilt done"),
        ("/?state=all&tag=media&q=a1", "1 updates tagged media with “a1”"),
        ("/?tag=-&stack=-&host=-", "1 pending with no tag with no stack on unnamed host"),
        ("/?group=host&page=2", "(5) Updates, page 2"),
    ],
)
def test_the_title_says_what_the_page_shows(client: FlaskClient, path: str, words: str) -> None:
    assert title(client, path) == words


@pytest.mark.parametrize(
    ("group", "value", "count"), [("stack", "media", 3), ("stack", "", 2), ("tag", "-", 2), ("host", "nas", 3)]
)
def test_a_group_is_done_whole_with_one_undo(
    client: FlaskClient, store: Store, group: str, value: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diundashboard.web.reading.ROWS", 1)
    path = f"/?group={group}&sort=name"
    pages = [shown(client, f"{path}&page={number}") for number in range(1, 6)]
    button = f'name="group" value="{value}" aria-label="Mark all {count} of '
    (page, *_) = [page for page in pages if button in page]
    (seen,) = re.findall('name="seen" value="([0-9]+)"', page)
    fields = {"view": path[1:], "seen": seen, "group": value}
    answer = client.post("/act/acknowledge", data=fields)
    assert answer.status_code == 303
    assert store.updates(UpdateQuery()).total == 5 - count
    store.undo(int(answer.headers["Location"].rpartition("did=")[2]), "person")
    assert store.updates(UpdateQuery()).total == 5


@pytest.mark.parametrize("chosen", [{"group": "nas"}, {"all": "3"}])
def test_what_arrives_after_the_page_was_read_is_not_done_unseen(
    client: FlaskClient, store: Store, clock: Clock, chosen: dict[str, str]
) -> None:
    (seen,) = re.findall('name="seen" value="([0-9]+)"', shown(client, "/?group=host"))
    clock.time = now() + timedelta(hours=1)
    late = record(store, "late:1")
    client.post("/act/acknowledge", data={"view": "?group=host&host=nas", "seen": seen, **chosen})
    assert [update.id for update in store.updates(UpdateQuery(host=("nas",))).updates] == [late]


def test_nothing_pending_says_what_waits_elsewhere(client: FlaskClient, store: Store) -> None:
    store.snooze(Selection(query=UpdateQuery(host=("nas",))), NEXT_VERSION, "")
    store.acknowledge(Selection(query=UpdateQuery()), "")
    page = shown(client, "/")
    assert "All done</h1>" in page
    assert '<a href="/?state=snoozed">3 snoozed</a> · <a href="/?state=acknowledged">2 done</a>' in page
    page = shown(client, "/?host=pi")
    assert "No pending updates match.</h1>" in page
    assert '<a href="/?state=acknowledged&amp;host=pi">1 done</a>' in page
    assert '<a href="/?state=pending">Clear filters</a>' in page


def test_too_many_values_are_refused_in_words(client: FlaskClient) -> None:
    answer = client.get("/?" + urlencode([("host", str(number)) for number in range(VALUES + 1)]))
    assert answer.status_code == 400
    assert f"page filters by at most {VALUES} values" in answer.text
    many = urlencode([("kind", str(number)) for number in range(101)])
    assert client.get(f"/api/v1/updates?{many}").status_code == 400


def test_views_say_in_words_what_they_show(client: FlaskClient, store: Store) -> None:
    store.save_view("old", "?host=nas")
    store.save_view("new", "?state=acknowledged&host=-&host=nas&q=x&group=stack&sort=name")
    page = unescape(shown(client, "/views"))
    assert "Pending · Host: nas<" in page
    assert "Done · Host: unnamed host · Host: nas · Search: x · Group: stack · Sort: name" in page
    answer = client.post("/views", data={"name": "old", "query": "?host=pi"})
    assert (answer.status_code, "A view named old exists. Replace it?" in answer.text) == (409, True)
    assert store.updates(UpdateQuery(state=State.PENDING)).total == 5
