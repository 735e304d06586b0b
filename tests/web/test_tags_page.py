"""The tags page: create, rename, colour and delete, and the rules that tag by themselves."""

from __future__ import annotations

import html

import pytest
from flask.testing import FlaskClient

from diundashboard.model import Selection, Tag
from diundashboard.store import Store
from tests.store.asking import record


def page_of(client: FlaskClient) -> str:
    return html.unescape(client.get("/tags").text)


def test_the_page_of_nobody_who_has_a_tag_says_what_one_is(client: FlaskClient) -> None:
    page = page_of(client)
    assert "No tags yet" in page
    assert "Create a tag first." in page
    assert "diun.metadata.tag=media" in page


def test_a_tag_is_created_and_the_page_shown_again(client: FlaskClient, store: Store) -> None:
    answer = client.post("/tags", data={"name": " media "})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/tags#tag-{store.tags()[0].id}")
    assert [tag.name for tag in store.tags()] == ["media"]
    assert "1 tag" in page_of(client)


@pytest.mark.parametrize(("name", "status"), [("media", 409), ("", 400), ("x" * 101, 400)])
def test_a_name_that_cannot_be_is_answered_in_words(client: FlaskClient, name: str, status: int) -> None:
    client.post("/tags", data={"name": "media"})
    answer = client.post("/tags", data={"name": name})
    assert answer.status_code == status
    assert "<h1>" in answer.text


def test_a_tag_gets_another_name_and_colour(client: FlaskClient, store: Store) -> None:
    tag = store.create_tag("media")
    answer = client.post(f"/tags/{tag.id}/change", data={"name": "films", "colour": "7"})
    assert answer.status_code == 303
    assert store.tags() == (Tag(tag.id, "films", colour=7),)
    page = page_of(client)
    assert '<span class="label hue-7">films</span>' in page
    assert 'value="7" aria-label="cyan" title="cyan" checked>' in page
    assert page.count('type="radio"') == 12


@pytest.mark.parametrize("colour", ["12", "-1", "red"])
def test_there_are_twelve_colours(client: FlaskClient, store: Store, colour: str) -> None:
    tag = store.create_tag("media")
    assert client.post(f"/tags/{tag.id}/change", data={"name": "media", "colour": colour}).status_code == 400


def test_the_number_of_updates_leads_to_them(client: FlaskClient, store: Store) -> None:
    update_id = record(store)
    store.tag_updates(Selection((update_id,)), "a&b <c>", "")
    store.acknowledge(Selection((update_id,)), "")
    page = client.get("/tags").text
    assert "<c>" not in page
    link = html.unescape(page.partition("1 update<")[0].rpartition('href="')[2].partition('"')[0])
    assert link == "/?tag=a%26b+%3Cc%3E&state=all&fold=no"
    assert f'id="update-{update_id}"' in client.get(link).text


def test_a_tag_is_deleted_and_its_images_stay(client: FlaskClient, store: Store) -> None:
    update_id = record(store)
    store.tag_updates(Selection((update_id,)), "media", "")
    assert client.post(f"/tags/{store.tags()[0].id}/delete").status_code == 303
    assert (store.tags(), store.update(update_id).tag) == ((), None)


@pytest.mark.parametrize("path", ["/tags/4711/change", "/tags/4711/delete", "/tags/rules/4711/delete"])
def test_an_unknown_tag_or_rule_is_not_found(client: FlaskClient, path: str) -> None:
    assert client.post(path, data={"name": "x"}).status_code == 404


@pytest.mark.parametrize("path", ["/tags/1/change", "/tags/1/delete", "/tags/rules", "/tags/rules/1/delete"])
def test_a_link_changes_nothing(client: FlaskClient, store: Store, path: str) -> None:
    tag = store.create_tag("media")
    store.create_rule("a/*", tag.id)
    assert client.get(path).status_code == 405
    assert (len(store.tags()), len(store.rules())) == (1, 1)


def test_a_rule_tags_what_is_there_until_it_is_deleted(client: FlaskClient, store: Store) -> None:
    tag, update_id = store.create_tag("photos"), record(store, "ghcr.io/immich-app/server:v1")
    answer = client.post("/tags/rules", data={"pattern": "ghcr.io/immich-app/*", "tag": str(tag.id)})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/tags#rules")
    assert store.update(update_id).tag is not None
    assert "<code>ghcr.io/immich-app/*</code>" in page_of(client)
    answer = client.post(f"/tags/rules/{store.rules()[0].id}/delete")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/tags#rules")
    assert (store.rules(), store.update(update_id).tag) == ((), None)


@pytest.mark.parametrize(
    ("pattern", "tag", "status"), [("a/*", "1", 409), ("", "1", 400), ("b/*", "4711", 404), ("b/*", "x", 400)]
)
def test_a_rule_that_cannot_be_is_answered_in_words(
    client: FlaskClient, store: Store, pattern: str, tag: str, status: int
) -> None:
    store.create_rule("a/*", store.create_tag("media").id)
    answer = client.post("/tags/rules", data={"pattern": pattern, "tag": tag})
    assert answer.status_code == status
    assert len(store.rules()) == 1


def test_the_page_says_which_tag_wins(client: FlaskClient) -> None:
    assert "A tag that you set by hand wins over a tag from metadata, and that wins over a rule" in page_of(client)


def test_the_strip_for_dragged_rows_has_every_tag(client: FlaskClient, store: Store) -> None:
    for name in ("media", '"<b>'):
        store.create_tag(name)
    strip = client.get("/tags/strip").text
    assert "<html" not in strip
    assert "<b>" not in strip
    assert [name in html.unescape(strip) for name in ('value="media"', 'value=""<b>"', 'value=""')] == [True] * 3
