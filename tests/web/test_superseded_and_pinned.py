"""What pages say about superseded versions, pinned images and the metadata of containers."""

from __future__ import annotations

import html
import re

from flask.testing import FlaskClient

from diundashboard.model import Selection
from diundashboard.store import Store
from tests.store.asking import DIGEST, OTHER, record

PINNED = f"nginx:1.29.0@{OTHER}"


def words(page: str) -> str:
    """What a person reads, on one line."""
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", page)).split())


def superseded(store: Store) -> tuple[int, int]:
    """The ids of a version and of the one that runs above it."""
    low, high = (record(store, f"nginx:{version}", provider="docker") for version in ("1.27.0", "1.29.0"))
    store.acknowledge(Selection((high,)), "person")
    return low, high


def test_the_page_of_a_superseded_version_says_what_runs_and_gives_no_command(
    client: FlaskClient, store: Store
) -> None:
    low, _ = superseded(store)
    page = client.get(f"/updates/{low}").text
    assert "is below 1.29.0 , which runs." in words(page)
    assert "superseded" in words(page)
    assert "→" not in words(page)
    for absent in ("docker pull", "compose_update", "/act/acknowledge", "/act/snooze", "The names come from"):
        assert absent not in page


def test_a_superseded_version_is_named_so_among_its_series(client: FlaskClient, store: Store) -> None:
    _, high = superseded(store)
    (series,) = re.findall('<ol class="series">.*?</ol>', client.get(f"/updates/{high}").text, re.DOTALL)
    assert re.search('1.27.0</code></a>.*<span class="quiet">superseded</span>', series, re.DOTALL)


def test_a_superseded_version_asks_for_nothing(client: FlaskClient, store: Store) -> None:
    superseded(store)
    (row,) = re.findall('<li class="update".*?\n</li>', client.get("/?state=superseded").text, re.DOTALL)
    assert "superseded" in words(row)
    assert "/act/acknowledge" not in row
    assert "/act/snooze" not in row
    page = client.get("/?state=pending").text
    assert '<li class="update"' not in page
    assert "superseded" not in words(page)


def test_a_superseded_version_cannot_be_marked_as_done(client: FlaskClient, store: Store) -> None:
    low, _ = superseded(store)
    answer = client.patch(f"/api/v1/updates/{low}", json={"state": "acknowledged"})
    assert answer.json is not None
    assert (answer.status_code, answer.json["state"]) == (200, "superseded")
    assert client.patch(f"/api/v1/updates/{low}", json={"state": "superseded"}).status_code == 400


def test_the_api_lists_superseded_updates(client: FlaskClient, store: Store) -> None:
    superseded(store)
    for query, states in (("superseded", ["superseded"]), ("all&fold=no", ["acknowledged", "superseded"])):
        answer = client.get(f"/api/v1/updates?state={query}").json
        assert answer is not None
        assert [update["state"] for update in answer["updates"]] == states


def test_a_pinned_image_is_marked_and_its_page_says_which_digest_to_change(client: FlaskClient, store: Store) -> None:
    pinned = record(store, PINNED, provider="docker", metadata={"ctn_names": "web"}, status="update")
    record(store, "redis:7", provider="docker")
    assert client.get("/?state=pending").text.count(f'title="{OTHER}">pinned</small>') == 1
    page = client.get(f"/updates/{pinned}").text
    assert f'title="{OTHER}">pinned</small>' in page
    assert f"# Make sure compose.yml uses {DIGEST}, not {OTHER}." in words(page)
    assert "The names come from DIUN" in words(page)


def test_the_metadata_of_several_containers_is_not_blended(client: FlaskClient, store: Store) -> None:
    for metadata in ({"ctn_names": "api", "owner": "<me>"}, {"ctn_names": "web", "stack": "blog"}):
        update_id = record(store, metadata=metadata)
    page = client.get(f"/updates/{update_id}").text
    assert "<me>" not in page
    metadata_shown = words(page).partition(" Metadata ")[2]
    assert metadata_shown.startswith("api ctn_names api owner <me> web ctn_names web stack blog ")


def test_the_metadata_of_one_container_stand_without_its_name(client: FlaskClient, store: Store) -> None:
    update_id = record(store, metadata={"ctn_names": "api", "stack": "shop"})
    assert " Metadata ctn_names api stack shop History" in words(client.get(f"/updates/{update_id}").text)
