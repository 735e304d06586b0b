"""The dashboard as it is installed: a wheel, in a virtual environment with nothing else in it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from diundashboard.config import Config
from tests.conftest import PAYLOADS, STORES
from tests.dashboard import open_to_all, running

TREE = Path(__file__).parents[1]
SOURCES = ("setup.cfg", "pyproject.toml", "README.md", "diundashboard", "migrations")


def run(*command: str | Path) -> str:
    """What a command prints; it must succeed."""
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the tree, in which building may leave what it likes."""
    copy, wheels = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheels")
    for name in SOURCES:
        if (TREE / name).is_dir():
            shutil.copytree(TREE / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(TREE / name, copy)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, copy)
    (built,) = wheels.iterdir()
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an empty virtual environment in which the wheel was installed."""
    # The brackets are a pattern to whoever forgets that a path may have them.
    environment = tmp_path_factory.mktemp("elsewhere") / "venv [1]"
    run(sys.executable, "-m", "venv", "--without-pip", environment)
    programs = environment / "bin"
    run(sys.executable, "-m", "pip", "--python", programs / "python", "install", "--quiet", wheel)
    return programs


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel: Path) -> None:
    expected = {
        path.relative_to(TREE).as_posix()
        for path in (TREE / "diundashboard").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    } | {
        f"diundashboard/{path.relative_to(TREE).as_posix()}"
        for path in (TREE / "migrations").rglob("*")
        if path.suffix in (".sql", ".py")
    }
    with ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if not re.match(r"diundashboard-[^/]+\.dist-info/", name)}
    assert held == expected


def test_it_runs_from_where_it_was_installed(installed: Path, tmp_path: Path) -> None:
    result = subprocess.run(
        [installed / "python", "-I", "-c", "import diundashboard.migrations as m; print(*m.__path__)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert result.stdout.startswith(str(installed.parent))
    assert run(sys.executable, "-m", "pip", "--python", installed / "python", "check").startswith("No broken")


@pytest.mark.parametrize("backend", STORES)
def test_it_migrates_either_database_and_answers(
    installed: Path, backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    config = open_to_all(Config(db_path="data/diun.db"))
    if backend == "postgres":
        config = open_to_all(Config(database_url=request.getfixturevalue("empty_postgres_url")))
    with running(config, [str(installed / "diundashboard"), "serve"]) as dashboard:
        assert dashboard.request("GET", "/healthz").json == {"status": "ok"}
        assert dashboard.request("GET", "/readyz").json["status"] == "ok"
        assert dashboard.request("POST", "/webhook", PAYLOADS[0].read_bytes()).json["status"] == "stored"
        page = dashboard.request("GET", "/")
        assert page.status == 200
        text = page.body.decode()
        assert "nginx" in text
        links = re.findall(r'(?:href|src)="(/[^"#]*\.(?:css|js|svg)[^"#]*)', text)
        assert len(links) >= 3
        assert {dashboard.request("GET", link).status for link in links} == {200}
        assert dashboard.stop() == 0
    assert (tmp_path / "data" / "diun.db").exists() == (backend == "sqlite")
