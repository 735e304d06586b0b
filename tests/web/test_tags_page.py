"""The tags page without a browser: create, rename, delete, and what is refused."""

from __future__ import annotations

import re
from html import unescape

from flask.testing import FlaskClient

from diundashboard.store import Store
from tests.store.test_contract import record
from tests.web.test_updates_page import UNKNOWN, check_error_page, shown


def names(client: FlaskClient) -> list[str]:
    """The tags that the page shows, in their order."""
    return [unescape(name) for name in re.findall(r'value="([^"]*)" aria-label="Name of ', shown(client, "/tags"))]


def test_without_tags_it_says_what_they_are_for(client: FlaskClient) -> None:
    page = shown(client, "/tags")
    assert "<title>Tags · DIUN Dashboard</title>" in page
    assert "No tags yet" in page


def test_tags_are_listed_by_name_with_the_number_of_their_updates(client: FlaskClient, store: Store) -> None:
    store.tag_update(record(store, "nginx:1"), "web")
    record(store, "nginx:2")
    store.tag_update(record(store, "redis:1"), "Cache")
    store.create_tag("empty")
    assert names(client) == ["Cache", "empty", "web"]
    text = re.sub("<[^>]*>|\\s+", " ", shown(client, "/tags"))
    assert "3 tags" in text
    assert [int(count) for count in re.findall(r"(\d+) updates? ", text)] == [1, 0, 2]


def test_a_tag_is_created_renamed_and_deleted(client: FlaskClient, store: Store) -> None:
    for path, form, after in (
        ("/tags", {"name": " media "}, ["media"]),
        ("/tags", {"name": "Network"}, ["media", "Network"]),
        ("/tags/1/rename", {"name": "photos"}, ["Network", "photos"]),
        ("/tags/1/rename", {"name": "photos"}, ["Network", "photos"]),
        ("/tags/2/delete", {}, ["photos"]),
    ):
        answer = client.post(path, data=form)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/tags")
        assert names(client) == after
    assert len(store.tags()) == 1


def test_deleting_a_tag_keeps_its_updates(client: FlaskClient, store: Store) -> None:
    update_id = record(store)
    tag = store.tag_update(update_id, "media")
    assert tag
    client.post(f"/tags/{tag.id}/delete")
    assert store.update(update_id).tag is None


def test_a_name_that_exists_is_refused_in_words(client: FlaskClient, store: Store) -> None:
    store.create_tag("media")
    other = store.create_tag("it's <b>")
    check_error_page(client.post("/tags", data={"name": "media "}), 409, "'media'")
    check_error_page(client.post("/tags", data={"name": "it's <b>"}), 409, "it's <b>")
    check_error_page(client.post(f"/tags/{other.id}/rename", data={"name": "media"}), 409, "'media'")
    assert names(client) == ["it's <b>", "media"]


def test_a_name_that_is_empty_or_too_long_is_refused_in_words(client: FlaskClient, store: Store) -> None:
    tag = store.create_tag("media")
    for path in ("/tags", f"/tags/{tag.id}/rename"):
        for form in ({}, {"name": ""}, {"name": " \t\n"}):
            check_error_page(client.post(path, data=form), 400, "a tag needs a name")
        for name in ("x" * 101, "日" * 10_000):
            check_error_page(client.post(path, data={"name": name}), 400, f"100 characters, not {len(name)}")
    assert names(client) == ["media"]


def test_an_unknown_tag_is_not_found(client: FlaskClient, store: Store) -> None:
    store.create_tag("media")
    for unknown in (*UNKNOWN, "x", -1):
        check_error_page(client.post(f"/tags/{unknown}/rename", data={"name": "x"}), 404)
        check_error_page(client.post(f"/tags/{unknown}/delete"), 404)
    assert names(client) == ["media"]


def test_what_changes_something_requires_post(client: FlaskClient, store: Store) -> None:
    tag = store.create_tag("media")
    for path in (f"/tags/{tag.id}/rename", f"/tags/{tag.id}/delete"):
        for method in ("GET", "PUT", "DELETE"):
            check_error_page(client.open(path, method=method, data={"name": "x"}), 405)
    check_error_page(client.put("/tags", data={"name": "x"}), 405)
    assert names(client) == ["media"]
