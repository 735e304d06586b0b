"""The short form of `make soak`, and that it finds what grows."""

from __future__ import annotations

import pytest

from tests.soak.measure import Sample, growth
from tests.soak.run import soak


@pytest.mark.postgres
def test_mixed_load_grows_nothing_and_loses_nothing() -> None:
    assert soak(5) == []


@pytest.mark.parametrize(
    ("last", "found"),
    [
        (Sample(116, 60, 30), []),
        (Sample(117, 60, 30), ["memory: 117, before 100, at most 16 more"]),
        (Sample(100, 61, 30), ["descriptors: 61, before 50, at most 10 more"]),
        (Sample(100, 50, 31), ["threads: 31, before 20, at most 10 more"]),
    ],
)
def test_the_last_third_is_compared_with_the_second(last: Sample, found: list[str]) -> None:
    assert growth([Sample(1, 1, 1), Sample(100, 50, 20), last]) == found
