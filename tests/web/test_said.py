"""What a page says after a host, a tag, a rule or a view was changed: once, in fixed sentences, with Undo."""

from __future__ import annotations

import base64
import html
import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from diundashboard.store import Store
from tests.store.asking import record
from tests.web.test_hosts_page import ODD, id_of, words


def bar(page: str) -> str:
    """The message of a page, as HTML."""
    return page.partition('<div id="said" role="status">')[2].partition("</div>")[0]


def said(client: FlaskClient, address: str, **fields: Any) -> str:
    """What the page says that a form leads to."""
    answer = client.post(address, data=fields, follow_redirects=True)
    assert answer.status_code == 200, answer.text
    return words(bar(answer.text))


def undo(client: FlaskClient, page: str) -> str:
    """Send the form of the message of a page. What the page says that it leads to."""
    address = html.unescape(re.findall('action="([^"]*)"', bar(page))[0])
    fields = re.findall('name="([^"]*)" value="([^"]*)"', bar(page))
    return said(client, address, **{name: html.unescape(value) for name, value in fields})


def test_renaming_a_host_is_said_once_and_can_be_undone(client: FlaskClient, store: Store) -> None:
    record(store, hostname="nas")
    renamed = client.post(f"/hosts/{id_of(store)}/rename", data={"name": "storage"}, follow_redirects=True).text
    assert words(bar(renamed)) == "Host nas renamed to storage. Undo"
    assert bar(client.get("/hosts").text).strip() == ""
    assert undo(client, renamed) == "Host storage renamed to nas. Undo"
    assert store.hosts()[0].name == "nas"


def test_undo_gives_a_host_the_name_back_that_a_person_gave_it(client: FlaskClient, store: Store) -> None:
    record(store, hostname="nas")
    store.rename_host(id_of(store), ODD)
    renamed = client.post(f"/hosts/{id_of(store)}/rename", data={"name": ""}, follow_redirects=True).text
    assert words(bar(renamed)) == f"Host {ODD} renamed to nas. Undo"
    undo(client, renamed)
    assert store.hosts()[0].name == ODD


def test_a_host_that_keeps_its_name_says_nothing(client: FlaskClient, store: Store) -> None:
    record(store, hostname="nas")
    assert said(client, f"/hosts/{id_of(store)}/rename", name="nas") == ""


def test_merging_and_forgetting_a_host_are_said(client: FlaskClient, store: Store) -> None:
    for hostname in ("a", "b", "c"):
        record(store, hostname=hostname)
    assert said(client, f"/hosts/{id_of(store, 'a')}/merge", into=id_of(store, "b")) == "a merged into b."
    assert said(client, f"/hosts/{id_of(store, 'b')}/forget") == "b forgotten. Its history stays."


def test_after_a_host_is_forgotten_the_page_stays_at_its_neighbour(client: FlaskClient, store: Store) -> None:
    for hostname in ("a", "b", "c"):
        record(store, hostname=hostname)
    b, c, a = (id_of(store, hostname) for hostname in "bca")
    assert client.post(f"/hosts/{b}/forget").headers["Location"] == f"/hosts#host-{c}"
    assert client.post(f"/hosts/{c}/forget").headers["Location"] == f"/hosts#host-{a}"
    assert client.post(f"/hosts/{a}/forget").headers["Location"] == "/hosts"


def test_changes_of_tags_and_rules_are_said_and_undone(client: FlaskClient, store: Store) -> None:
    assert said(client, "/tags", name="media") == "Tag media created."
    tag = store.tags()[0]
    page = client.post(f"/tags/{tag.id}/change", data={"name": "films", "colour": 3}, follow_redirects=True).text
    assert words(bar(page)) == "Tag media renamed to films. Undo"
    undo(client, page)
    assert (store.tags()[0].name, store.tags()[0].colour) == (tag.name, tag.colour)
    assert said(client, f"/tags/{tag.id}/change", name="media", colour=4) == "Tag media changed. Undo"
    assert said(client, "/tags/rules", pattern="ghcr.io/*", tag=tag.id) == "Rule ghcr.io/* added."
    page = client.post(f"/tags/rules/{store.rules()[0].id}/delete", follow_redirects=True).text
    assert words(bar(page)) == "Rule ghcr.io/* deleted. Undo"
    undo(client, page)
    assert [rule.pattern for rule in store.rules()] == ["ghcr.io/*"]
    assert said(client, f"/tags/{tag.id}/delete") == "Tag media deleted."


def test_changes_of_views_are_said(client: FlaskClient, store: Store) -> None:
    view = store.save_view("mine", "?host=nas", False)
    assert said(client, "/views/start", view=view.id) == "View mine is the start page."
    assert said(client, "/views/start") == "View mine is no longer the start page."
    assert said(client, f"/views/{view.id}/delete") == "View mine deleted."


def test_names_in_a_message_are_escaped_and_cut(client: FlaskClient, store: Store) -> None:
    record(store, hostname="nas")
    for name in ("<script>alert(1)</script>", "{0.words}", "\N{SNOWMAN}" * 100):
        page = client.post(f"/hosts/{id_of(store)}/rename", data={"name": name}, follow_redirects=True).text
        assert "<script>alert" not in page
        assert words(bar(page)).endswith("Undo")
    record(store, hostname="n" * 250)
    assert len(said(client, f"/hosts/{id_of(store, 'n' * 250)}/forget")) < 150


def written(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "value",
    [
        "x",
        "%ff",
        "é",
        written("Your session ended. Log in at evil.example."),
        written(["host renamed", ["nas"], []]),
        written(["host renamed", ["nas", 5], []]),
        written(["host renamed", ["nas", "pi"], ["x", "y"]]),
        written(["host renamed", ["nas", "pi"], [1]]),
        written(["host merged", ["nas", "pi"], [1, "y"]]),
        written(["words of somebody else", [], []]),
        written([["host renamed"], [], []]),
        written(["host merged", ["\ud800", "pi"], []]),
        "W1tb" * 900,
    ],
)
def test_a_cookie_that_is_not_ours_says_nothing_and_is_deleted(client: FlaskClient, value: str) -> None:
    client.set_cookie("said", value)
    answer = client.get("/hosts")
    assert answer.status_code == 200
    assert bar(answer.text).strip() == ""
    assert "said=;" in answer.headers["Set-Cookie"]


def test_an_address_puts_no_message_on_a_page(client: FlaskClient) -> None:
    value = written(["tag deleted", ["media"], []])
    assert bar(client.get(f"/tags?said={value}").text).strip() == ""


def test_the_cookie_is_for_the_next_minute_below_the_prefix_and_no_script_reads_it(
    client: FlaskClient, store: Store
) -> None:
    record(store, hostname="nas")
    answer = client.post(f"/hosts/{id_of(store)}/forget", environ_overrides={"SCRIPT_NAME": "/diun"})
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("said=")
    for part in ("Max-Age=60", "HttpOnly", "Path=/diun", "SameSite=Lax"):
        assert part in cookie


def test_a_page_with_a_message_is_never_answered_304_but_a_refresh_is(client: FlaskClient, store: Store) -> None:
    record(store, hostname="nas")
    known = {"If-None-Match": client.get("/hosts").headers["ETag"]}
    assert client.get("/hosts", headers=known).status_code == 304
    client.set_cookie("said", written(["tag deleted", ["media"], []]))
    polled = client.get("/hosts", headers=known | {"X-Requested-With": "poll"})
    assert polled.status_code == 304
    assert "Set-Cookie" not in polled.headers
    assert "Tag media deleted." in bar(client.get("/hosts", headers=known).text)
    assert client.get("/hosts", headers=known).status_code == 304
