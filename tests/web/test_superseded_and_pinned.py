"""What pages say about superseded versions, pinned images and metadata, whatever store hands them out."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest
from flask.testing import FlaskClient

from diundashboard.app import create_app
from diundashboard.config import Config
from diundashboard.model import Choices, Page, State, Summary, Totals, Update, UpdateQuery
from diundashboard.store import Store
from tests.updates import SHA256, an_update

OLD = "sha256:" + "a" * 64


def serving(folder: Path, update: Update, *series: Update) -> FlaskClient:
    """The application with a store that knows one update, and the versions of its series."""
    store: Any = create_autospec(Store, instance=True)
    store.totals.return_value = Totals(1, 1)
    store.update.return_value = update
    store.series.return_value = series or (update,)
    store.timeline.return_value = ()
    store.digest_before.return_value = ""
    store.views.return_value = ()
    store.stamp.return_value = "1"
    store.summary.return_value = Summary({}, 1, None, (0,) * 7)
    store.choices.return_value = Choices((), (), (), (), (), (), ())
    store.updates.side_effect = lambda query: Page((update,), 1, query.page, query.per_page)
    return create_app(Config(db_path="", spool_path=str(folder)), store).test_client()


def words(page: str) -> str:
    """What a person reads, on one line."""
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", page)).split())


SUPERSEDED = an_update("nginx:1.27.0", provider="docker", containers=("web",), state=State.SUPERSEDED)


def test_the_page_of_a_superseded_version_says_what_runs_and_gives_no_command(tmp_path: Path) -> None:
    below = an_update("nginx:1.27.0", provider="docker", state=State.SUPERSEDED, running_version="1.29.0")
    page = serving(tmp_path, below).get("/updates/1").text
    assert "Nothing to do: 1.29.0 runs." in words(page).replace("runs .", "runs.")
    assert "superseded" in words(page)
    for absent in ("docker pull", "compose_update", "/act/acknowledge", "/act/snooze", "The names come from"):
        assert absent not in page


def test_a_superseded_version_is_named_so_among_its_series(tmp_path: Path) -> None:
    done = an_update("nginx:1.29.0", id=2, state=State.ACKNOWLEDGED)
    page = serving(tmp_path, done, done, SUPERSEDED).get("/updates/2").text
    (series,) = re.findall('<ol class="series">.*?</ol>', page, re.DOTALL)
    assert re.search('1.27.0</code></a>.*<span class="quiet">superseded</span>', series, re.DOTALL)


def test_the_row_of_a_superseded_version_asks_for_nothing(tmp_path: Path) -> None:
    page = serving(tmp_path, SUPERSEDED).get("/?state=superseded").text
    (row,) = re.findall('<li class="update".*?\n</li>', page, re.DOTALL)
    assert "superseded" in words(row)
    assert "/act/acknowledge" not in row
    assert "/act/snooze" not in row


@pytest.mark.parametrize("path", ["/", "/updates/1"])
def test_a_pinned_image_is_marked_with_its_digest(tmp_path: Path, path: str) -> None:
    pinned = an_update("nginx:1.29.0", provider="docker", containers=("web",), kind="rebuild", pinned=OLD)
    assert f'title="{OLD}">pinned</small>' in serving(tmp_path, pinned).get(path).text
    assert ">pinned<" not in serving(tmp_path, an_update("nginx:1.29.0")).get(path).text


def test_the_page_of_a_pinned_image_says_which_digest_to_change(tmp_path: Path) -> None:
    pinned = an_update("nginx:1.29.0", provider="docker", containers=("web",), kind="rebuild", pinned=OLD)
    page = words(serving(tmp_path, pinned).get("/updates/1").text)
    assert f"# First change {OLD} to {SHA256} in compose.yml." in page
    assert "The names come from what DIUN reported." in page


def test_the_metadata_of_several_containers_is_not_blended(tmp_path: Path) -> None:
    maps = {"api": {"stack": "shop", "owner": "<me>"}, "web": {"stack": "blog"}}
    update = an_update("nginx:1.29.0", metadata=maps["api"], container_metadata=maps)
    page = serving(tmp_path, update).get("/updates/1").text
    assert "<me>" not in page
    metadata = words(page).partition(" Metadata ")[2]
    assert metadata.startswith("api stack shop owner <me> web stack blog ")


def test_the_metadata_of_one_container_stands_without_its_name(tmp_path: Path) -> None:
    update = an_update("nginx:1.29.0", metadata={"stack": "shop"}, container_metadata={"api": {"stack": "shop"}})
    page = words(serving(tmp_path, update).get("/updates/1").text)
    assert " Metadata stack shop History" in page


def test_the_api_lists_superseded_updates(tmp_path: Path) -> None:
    answer = serving(tmp_path, SUPERSEDED).get("/api/v1/updates?state=superseded")
    assert answer.json is not None
    assert [update["state"] for update in answer.json["updates"]] == ["superseded"]


def test_superseded_is_no_state_that_a_program_can_set(tmp_path: Path) -> None:
    answer = serving(tmp_path, SUPERSEDED).patch("/api/v1/updates/1", json={"state": "superseded"})
    assert answer.status_code == 400


def test_superseded_is_a_state_to_ask_for() -> None:
    assert UpdateQuery(state=State.SUPERSEDED).state == "superseded"
