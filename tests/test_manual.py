"""The documentation names what the code has: settings, routes, commands, keys, tables. Its links lead somewhere."""

from __future__ import annotations

import re
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from diundashboard.cli import _parser
from diundashboard.config import SETTINGS, Setting
from diundashboard.image import Kind
from diundashboard.model import State
from diundashboard.store.carried import TABLES, Table

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [*ROOT.glob("*.md"), *sorted(DOCS.glob("*.md"))]
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def text(page: str) -> str:
    """One page of the documentation."""
    return (DOCS / page).read_text()


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_documented_with_its_default(setting: Setting) -> None:
    (row,) = [line for line in text("settings.md").splitlines() if line.startswith(f"| `{setting.name}`")]
    assert (f"`{setting.default}`" in row) if setting.default else True
    assert ("_FILE" in row) == setting.secret


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_that_containers_need_is_in_the_example_of_env(setting: Setting) -> None:
    passed = f"- {setting.name}\n" in (ROOT / "compose.yml").read_text()
    assert passed == (f"\n#{setting.name}=" in (ROOT / ".env.example").read_text())


@pytest.mark.parametrize("config", ["sqlite"], indirect=True)
def test_every_route_of_the_api_is_documented(client: FlaskClient) -> None:
    for rule in client.application.url_map.iter_rules():
        if rule.rule.startswith(("/api/", "/webhook", "/ping/", "/healthz", "/readyz")):
            name = "NAME" if rule.endpoint == "ping.receive" else "ID"
            assert re.sub(r"<[^>]*>", name, rule.rule).removesuffix("/") in text("api.md")


def commands(parser: ArgumentParser, path: str) -> Iterator[tuple[str, ArgumentParser]]:
    """The commands below a parser that do something, each with the words that call it."""
    below = [action for action in parser._actions if isinstance(action, _SubParsersAction)]
    if not below:
        yield path, parser
    for action in below:
        for name, command in action.choices.items():
            yield from commands(command, f"{path} {name}")


def test_every_command_and_option_is_documented() -> None:
    rows = text("commands.md").splitlines()
    for words, parser in commands(_parser(), "diundashboard"):
        (row,) = [row for row in rows if re.match(rf"\| `{words}[ `]", row)]
        for action in parser._actions:
            for option in {*action.option_strings} - {"-h", "--help"}:
                assert f"`{option}" in row, f"{words} {option}"


def test_every_key_is_documented() -> None:
    base = (ROOT / "diundashboard/web/templates/base.html").read_text()
    keys = re.findall(r"\('([^']+)', '[^']+'\)", base)
    assert keys
    table = text("pages.md").partition("## Keys")[2]
    for key in {key for row in keys for key in row.split()}:
        assert f"`{key}`" in table, key


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_is_documented(kind: Kind) -> None:
    assert f"\n| `{kind}` |" in text("states.md")


@pytest.mark.parametrize("state", State)
def test_every_state_is_documented(state: State) -> None:
    word = "done" if state == State.ACKNOWLEDGED else state
    assert f"\n| {word} |" in text("states.md")
    assert f"\n| **{word}** |" in text("glossary.md")
    assert f"`{state}`" in text("api.md")


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?://)([^)#]*)#?([^)]*)\)", FENCE.sub("", page.read_text())):
        file = (page.parent / target) if target else page
        assert file.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(file), f"{page.name} links to {target}#{anchor}"


def test_the_map_of_the_documentation_leads_to_every_page() -> None:
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", text("README.md")))
    assert linked == {page.name for page in DOCS.glob("*.md")} - {"README.md"}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_is_documented(table: Table) -> None:
    assert f"`{table.name}`" in text("files.md").partition("## The tables of the database")[2]
