"""What the code knows, the manual names: settings, routes and commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from diundashboard.cli import _parser
from diundashboard.config import SETTINGS, Setting

ROOT = Path(__file__).parents[1]
MANUAL = "\n".join(path.read_text() for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_in_the_readme_with_its_default(setting: Setting) -> None:
    (row,) = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith(f"| `{setting.name}`")]
    assert (f"`{setting.default}`" in row) if setting.default else True
    assert ("_FILE" in row) == setting.secret


@pytest.mark.parametrize("config", ["sqlite"], indirect=True)
def test_every_route_of_the_api_is_in_the_manual(client: FlaskClient) -> None:
    for rule in client.application.url_map.iter_rules():
        if rule.rule.startswith(("/api/", "/webhook", "/ping/", "/healthz", "/readyz")):
            assert (
                re.sub(r"<[^>]*>", "NAME" if rule.endpoint == "ping.receive" else "ID", rule.rule).removesuffix("/")
                in MANUAL
            )


def test_every_command_is_in_the_manual() -> None:
    (commands,) = [action for action in _parser()._actions if action.dest == "command"]
    assert commands.choices
    for command in commands.choices:
        assert f"diundashboard {command}" in MANUAL


def test_every_file_that_the_manual_links_to_exists() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
