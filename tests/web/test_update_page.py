"""The page of one update: its way through the list that led here, and what it says is to be done."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from flask.testing import FlaskClient

from diundashboard.limits import ROWS
from diundashboard.model import Selection
from diundashboard.store import Store
from tests.store.asking import record
from tests.web.test_updates_page import shown, text


def way(page: str) -> dict[str, str]:
    """The addresses that the page leads to, by `back`, `prev` and `next`."""
    found = page.partition('<nav class="way"')[2].partition("</nav>")[0].replace("&amp;", "&")
    return {rel or "back": address for rel, address in re.findall(r'<a(?: rel="(\w+)")? href="([^"]*)"', found)}


def number(address: str) -> int:
    return int(urlsplit(address).path.rpartition("/")[2])


HOSTS = [("a", "nas"), ("b", "pi"), ("c", "nas"), ("d", "nas")]


def test_a_person_walks_through_the_list_that_they_came_from(client: FlaskClient, store: Store) -> None:
    first, _, second, third = (record(store, f"{name}:1", hostname=host) for name, host in HOSTS)
    page = client.get(f"/updates/{third}", headers={"Referer": "http://localhost/?host=nas"}).text
    assert "prev" not in way(page)
    assert way(page)["back"] == "/?host=nas"
    for expected in (second, first):
        assert number(way(page)["next"]) == expected
        page = shown(client, way(page)["next"])
    assert "next" not in way(page)
    assert number(way(page)["prev"]) == second
    assert way(page)["back"] == "/?host=nas"


def test_the_last_row_of_a_page_leads_to_the_first_of_the_next_and_back(client: FlaskClient, store: Store) -> None:
    ids = [record(store, f"app{number}:1") for number in range(ROWS + 2)][::-1]
    page = client.get(f"/updates/{ids[ROWS - 1]}", headers={"Referer": "http://localhost/?state=pending"}).text
    following = shown(client, way(page)["next"])
    assert number(way(page)["next"]) == ids[ROWS]
    assert way(following)["back"] == "/?page=2"
    assert number(way(following)["prev"]) == ids[ROWS - 1]


def test_after_done_the_next_update_is_the_one_that_follows(client: FlaskClient, store: Store) -> None:
    third, second, first = (record(store, f"{name}:1") for name in "abc")
    page = shown(client, f"/updates/{second}?view=&at=1")
    assert 'name="at" value="1"' in page
    fields = {"only": second, "back": second, "view": "", "at": 1}
    answer = client.post("/act/acknowledge", data=fields)
    assert parse_qs(urlsplit(answer.headers["Location"]).query)["at"] == ["1"]
    page = shown(client, answer.headers["Location"])
    assert (number(way(page)["prev"]), number(way(page)["next"])) == (first, third)


def test_a_page_that_nothing_led_to_walks_through_what_is_pending(client: FlaskClient, store: Store) -> None:
    second, first = (record(store, f"{name}:1") for name in "ab")
    for elsewhere in ("", "http://evil.example/?host=nas", "http://localhost/hosts", "http://localhost/?page=nonsense"):
        page = client.get(f"/updates/{first}", headers={"Referer": elsewhere}).text
        assert way(page)["back"] == "/?state=pending"
        assert number(way(page)["next"]) == second
    assert client.get(f"/updates/{first}?view=%3Fpage%3Dx").status_code == 400
    for at in ("-1", "999999999"):
        assert client.get(f"/updates/{first}?view=&at={at}").status_code == 200
    assert "prev" not in way(shown(client, "/updates/" + str(first) + "?view=%3Fpage%3D7"))


def test_the_page_says_what_runs_after_done_and_folds_the_commands(client: FlaskClient, store: Store) -> None:
    update_id = record(store, "jellyfin:10.10.3", provider="docker")
    before = shown(client, f"/updates/{update_id}")
    assert "<h2>What to do</h2>" in before
    assert "Show the commands again" not in before
    store.acknowledge(Selection((update_id,)), "alice")
    page = shown(client, f"/updates/{update_id}")
    assert "<h2>What to do</h2>" not in page
    assert "by alice. 10.10.3 runs now." in text(page)
    assert "Show the commands again" in page


def test_an_older_version_has_nothing_to_do(client: FlaskClient, store: Store) -> None:
    newer = record(store, "jellyfin:10.10.3", provider="docker")
    store.acknowledge(Selection((newer,)), "")
    older = record(store, "jellyfin:10.9.0", provider="docker")
    page = shown(client, f"/updates/{older}")
    assert "Nothing to do" in page
    assert "10.9.0 is below 10.10.3, which runs." in text(page)
    assert "docker pull" not in page


def test_the_page_is_answered_304_until_something_changes(client: FlaskClient, store: Store) -> None:
    update_id = record(store, "a:1")
    tag = client.get(f"/updates/{update_id}").headers["ETag"]
    again = {"If-None-Match": tag}
    assert client.get(f"/updates/{update_id}", headers=again).status_code == 304
    store.annotate(Selection((update_id,)), "look here", "")
    assert client.get(f"/updates/{update_id}", headers=again).status_code == 200
