"""The sentence that says why an update is of its kind."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from diundashboard.model import Cause
from diundashboard.web.why import why
from tests.updates import an_update

MAY = datetime(2026, 5, 3, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("image", "fields", "sentence"),
    [
        ("nginx:2.0.0", {"kind": "major", "from_version": "1.29.0"}, "The first number differs, 1.29.0 to 2.0.0."),
        ("nginx:1.29", {"kind": "minor", "from_version": "1.27"}, "The second number differs, 1.27 to 1.29."),
        ("nginx:1.27.5", {"kind": "patch", "from_version": "1.27.4"}, "The third number differs, 1.27.4 to 1.27.5."),
        (
            "a/b:4.0.1-ls2",
            {"kind": "build", "from_version": "4.0.1-ls1"},
            "Only the build differs, 4.0.1-ls1 to 4.0.1-ls2.",
        ),
        ("nginx:latest", {"kind": "rebuild", "from_version": "latest"}, "The same tag with another digest."),
        ("nginx:1.27", {"kind": "new"}, "No running version is known to compare with."),
        ("nginx:pr-2", {"kind": "new", "from_version": "pr-1"}, "pr-2 does not compare with pr-1, which runs."),
        ("nginx:1.27", {"kind": "new", "from_version": "1.27"}, "1.27 runs already."),
    ],
)
def test_a_kind_is_explained_by_the_versions_that_it_compares(
    image: str, fields: dict[str, Any], sentence: str
) -> None:
    assert why(an_update(image, **fields)) == sentence


@pytest.mark.parametrize(
    ("fields", "ending"),
    [
        ({"running_cause": Cause.DONE}, "which runs because it was marked as done on 3 May 2026."),
        ({"running_cause": Cause.PERSON}, "which runs because it was set as the running version on 3 May 2026."),
        ({"running_cause": Cause.LABEL}, "which runs because a container label says so since 3 May 2026."),
        ({"running_cause": Cause.DONE, "running_at": None}, "which runs because it was marked as done."),
        ({"running_cause": Cause.LABEL, "running_at": None}, "which runs because a container label says so."),
        ({}, "which runs."),
        ({"running_version": "6.0.0"}, "which ran before."),
    ],
)
def test_an_older_version_says_what_runs_and_how_that_is_known(fields: dict[str, Any], ending: str) -> None:
    known = {"kind": "older", "from_version": "5.5.3", "running_version": "5.5.3", "running_at": MAY}
    assert why(an_update("redis:2.8.2", **known | fields)) == f"2.8.2 is below 5.5.3, {ending}"


def test_versions_of_any_length_leave_the_sentence_short() -> None:
    update = an_update(f"nginx:1.2-{'x' * 100}", kind="patch", from_version='"' * 100)
    assert len(why(update).encode()) < 150
