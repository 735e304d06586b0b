"""The image is built from the packages that the lock files name, and from no others."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-build.lock")


def locked(name: str) -> dict[str, Requirement]:
    """The packages of a lock file that this Python needs."""
    lines = re.findall(r"^(\S+==.*?)(?: \\)?$", (ROOT / name).read_text(), re.MULTILINE)
    found = [Requirement(line) for line in lines]
    return {canonicalize_name(each.name): each for each in found if not each.marker or each.marker.evaluate()}


def needed(name: str, extras: tuple[str, ...] = ("",)) -> set[Requirement]:
    """What a package and its dependencies require, as they say themselves."""
    found: set[Requirement] = set()
    waiting = [(name, extras)]
    while waiting:
        package, chosen = waiting.pop()
        for requirement in map(Requirement, requires(package) or []):
            wanted = not requirement.marker or any(requirement.marker.evaluate({"extra": each}) for each in chosen)
            if wanted and requirement not in found:
                found.add(requirement)
                waiting.append((requirement.name, ("", *requirement.extras)))
    return found


def test_the_lock_names_what_the_program_needs_and_nothing_else() -> None:
    versions = locked("requirements.lock")
    wanted = needed("diundashboard", ("", "oidc"))
    assert set(versions) == {canonicalize_name(each.name) for each in wanted}
    for requirement in wanted:
        (pinned,) = versions[canonicalize_name(requirement.name)].specifier
        assert requirement.specifier.contains(pinned.version, prereleases=True), requirement


def test_the_lock_for_building_names_what_the_build_needs() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    versions = locked("requirements-build.lock")
    for requirement in map(Requirement, build):
        (pinned,) = versions[requirement.name].specifier
        assert requirement.specifier.contains(pinned.version)


@pytest.mark.parametrize("name", LOCKS)
def test_each_locked_package_has_a_hash_and_nothing_names_a_machine(name: str) -> None:
    text = (ROOT / name).read_text()
    for block in re.split(r"\n(?=\S+==)", text)[1:]:
        assert re.search(r" --hash=sha256:[0-9a-f]{64}\b", block), block
    assert not re.findall(r"://|--index|--find-links|^/| /\w|file:", text, re.MULTILINE)


def test_the_image_takes_packages_from_the_locks_alone() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"pip install (.*?)(?: \\)?$", dockerfile, re.MULTILINE) == [
        "--require-hashes -r requirements.lock -r requirements-build.lock",
        "--no-deps --no-build-isolation $EDITABLE .",
    ]
    assert re.match(r"#.*\nARG BASE=python:3\.13-slim-trixie(@sha256:[0-9a-f]{64})?\n", dockerfile)
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) == {"$BASE"}
