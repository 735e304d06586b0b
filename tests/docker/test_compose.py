"""The image and the compose files, on a real Docker engine: `make test-docker`."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, TypeVar

import pytest

from diundashboard.config import SETTINGS
from tests.dashboard import free_port

ROOT = Path(__file__).parents[2]
PAYLOAD = ROOT / "tests/payloads/01-file-new.json"
IMAGE = json.loads(PAYLOAD.read_text())["image"]

SOURCES = (
    *("diundashboard", "migrations", "pyproject.toml", "setup.cfg", "README.md"),
    *("requirements.lock", "requirements-build.lock", ".dockerignore", "Dockerfile"),
)
COMPOSE_FILES = ("compose.yml", "compose.dev.yml")

SQLITE = "Using SQLite database at /data/diun.db"
POSTGRES = "Using PostgreSQL database"

STOP_SECONDS = 2.0
"""A second for the dashboard, and one for the engine."""

PROFILE = ("--profile", "postgres")
DEV = ("-f", "compose.dev.yml")
DEV_ON_POSTGRES = ("-f", "compose.yml", "-f", "compose.dev.yml", *PROFILE)


Found = TypeVar("Found")


def wait_for(
    what: str, found: Callable[[], Found | None], seconds: float = 90, log: Callable[[], str] = lambda: ""
) -> Found:
    """The first answer of `found` that says yes; `log` tells why there was none."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, f"not within {seconds} seconds: {what}\n{log()}"
        time.sleep(0.2)
    return answer


def docker(*arguments: str, check: bool = True) -> str:
    """What `docker` prints, on either of its streams."""
    done = subprocess.run(
        ["docker", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False
    )
    assert done.returncode == 0 or not check, f"docker {' '.join(arguments)}:\n{done.stdout}"
    return done.stdout.strip()


def request(port: int, method: str, path: str, body: bytes | None = None) -> Any:
    """The JSON of a 200 or 202; None if there is no such answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        content = response.read()
        return json.loads(content) if response.status in (200, 202) else None
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


def seconds_to_stop(container: str) -> float:
    """How long the container takes from SIGTERM to its end."""
    start = time.monotonic()
    docker("stop", "--time", "10", container)
    return time.monotonic() - start


def user(container: str) -> str:
    return docker("exec", container, "id", "-u")


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the image is built from, so that nobody's .env takes part."""
    folder = tmp_path_factory.mktemp("docker") / "diundashboard"
    folder.mkdir(mode=0o755)
    _copy(ROOT, folder)
    return folder


def _copy(source: Path, target: Path) -> None:
    for name in (*SOURCES, *COMPOSE_FILES):
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source / name, target / name)


@pytest.fixture(scope="session")
def image(tree: Path) -> Iterator[str]:
    tag = f"diundashboard-test-{secrets.token_hex(4)}"
    docker("build", "--tag", tag, str(tree))
    yield tag
    docker("image", "rm", "--force", tag)


@pytest.fixture
def run(image: str) -> Iterator[Callable[..., str]]:
    """Start a container of the image with options of `docker run`; its id."""
    containers: list[str] = []

    def start(*options: str, command: tuple[str, ...] = ()) -> str:
        containers.append(docker("create", *options, image, *command))
        docker("start", containers[-1])
        return containers[-1]

    yield start
    for container in containers:
        docker("rm", "--force", "--volumes", container)


@dataclass(frozen=True, slots=True)
class Project:
    """One deployment: a directory with the compose files, and the name and the port that it goes by."""

    name: str
    folder: Path
    port: int

    def compose(self, *arguments: str, check: bool = True, environment: Mapping[str, str] | None = None) -> str:
        """What `docker compose` prints, without any variable of the person who runs the tests."""
        ours = {"LISTEN", "POSTGRES_PASSWORD", *(setting.name for setting in SETTINGS)}
        inherited = {k: v for k, v in os.environ.items() if k not in ours and not k.startswith("COMPOSE_")}
        # With `--project-name`, `down` would take every container that has the name and not ask the file.
        chosen = {"COMPOSE_PROJECT_NAME": self.name, "LISTEN": f"127.0.0.1:{self.port}"}
        done = subprocess.run(
            ["docker", "compose", *arguments],
            cwd=self.folder,
            env={**inherited, **chosen, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0 or not check, f"docker compose {' '.join(arguments)}:\n{done.stdout}\n{self.log}"
        return done.stdout

    def container(self, service: str = "dashboard") -> str:
        return f"{self.name}-{service}-1"

    @property
    def log(self) -> str:
        return docker("logs", self.container(), check=False)

    @property
    def databases(self) -> list[str]:
        """What each start of the present container said about its database."""
        return re.findall(r"^Using .*", self.log, re.MULTILINE)

    def answers(self, path: str = "/readyz") -> Any:
        return wait_for(path, lambda: request(self.port, "GET", path), log=lambda: self.log)

    def runs_on(self, database: str) -> bool:
        """Whether it is up, and this is the database of its latest start."""
        return bool(request(self.port, "GET", "/readyz")) and self.databases[-1:] == [database]

    def notify(self) -> None:
        self.answers()
        stored = request(self.port, "POST", "/webhook", PAYLOAD.read_bytes())
        assert stored, self.log
        assert stored["status"] == "stored"

    @property
    def images(self) -> list[str]:
        return [update["image"] for update in self.answers("/api/v1/updates")["updates"]]


@pytest.fixture
def project(tree: Path, tmp_path: Path) -> Iterator[Project]:
    """A deployment that nothing was started of yet."""
    folder = tmp_path / "diundashboard"
    folder.mkdir(mode=0o755)
    _copy(tree, folder)
    project = Project(f"diundashboard-test-{secrets.token_hex(4)}", folder, free_port())
    yield project
    project.compose(*PROFILE, "down", "--volumes", "--rmi", "local", "--remove-orphans", "--timeout", "1")


@dataclass(frozen=True, slots=True)
class Way:
    """A way in which a person chooses the database."""

    flags: tuple[str, ...]
    env_file: str
    database: str


WAYS = [
    pytest.param(Way((), "", SQLITE), id="no profile"),
    pytest.param(Way(PROFILE, "", POSTGRES), id="--profile postgres"),
    pytest.param(Way((), "COMPOSE_PROFILES=postgres\n", POSTGRES), id="COMPOSE_PROFILES in .env"),
]


def test_the_image_runs_as_a_user_without_rights(run: Callable[..., str]) -> None:
    container = run()
    assert user(container) == "1000"
    assert "CapEff:\t0000000000000000" in docker("exec", container, "grep", "CapEff", "/proc/1/status")
    assert "Permission denied" in docker("exec", container, "touch", "/opt/diundashboard/x", check=False)


@pytest.mark.parametrize("port", ["8080", "9000"])
def test_the_health_check_turns_healthy_on_any_port(run: Callable[..., str], port: str) -> None:
    container = run("--env", f"PORT={port}")
    wait_for(
        "healthy", lambda: docker("inspect", "--format", "{{.State.Health.Status}}", container) == "healthy", seconds=60
    )


def test_the_health_check_says_when_nothing_answers(run: Callable[..., str]) -> None:
    container = run("--health-interval", "1s", "--health-start-period", "1s", "--entrypoint", "sleep", command=("99",))
    wait_for("unhealthy", lambda: docker("inspect", "--format", "{{.State.Health.Status}}", container) == "unhealthy")


@pytest.mark.parametrize(
    "options",
    [
        ("--user", "12345"),
        ("--read-only", "--tmpfs", "/tmp"),
        ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", "12345:12345"),
    ],
    ids=" ".join,
)
def test_the_image_stores_with_less_rights_still(run: Callable[..., str], options: tuple[str, ...]) -> None:
    port = free_port()
    container = run(*options, "--publish", f"127.0.0.1:{port}:8080")
    wait_for(f"an answer with {options}", lambda: request(port, "GET", "/readyz"), seconds=30)
    assert request(port, "POST", "/webhook", PAYLOAD.read_bytes())
    assert {"diun.db", "diun-spool"} <= set(docker("exec", container, "ls", "/data").split())


def test_sigterm_stops_it_on_sqlite(run: Callable[..., str]) -> None:
    port = free_port()
    container = run("--publish", f"127.0.0.1:{port}:8080")
    wait_for("an answer", lambda: request(port, "GET", "/readyz"), seconds=30)
    assert seconds_to_stop(container) < STOP_SECONDS
    assert docker("inspect", "--format", "{{.State.ExitCode}}", container) == "0"


def test_sigterm_stops_it_on_postgres(project: Project) -> None:
    project.compose(*PROFILE, "up", "--detach")
    project.notify()
    assert seconds_to_stop(project.container()) < STOP_SECONDS
    assert docker("inspect", "--format", "{{.State.ExitCode}}", project.container()) == "0"


def test_sigterm_stops_it_while_postgres_does_not_answer(run: Callable[..., str]) -> None:
    silent = "import socket, time; server = socket.create_server(('127.0.0.1', 5432)); print('!', flush=True)"
    listener = run("--entrypoint", "python", "--stop-signal", "KILL", command=("-c", f"{silent}; time.sleep(99)"))
    wait_for("a server that accepts and says nothing", lambda: docker("logs", listener) == "!")
    container = run("--network", f"container:{listener}", "--env", "DATABASE_URL=postgresql://127.0.0.1/x")
    wait_for("the start", lambda: POSTGRES in docker("logs", container), seconds=10)
    assert seconds_to_stop(container) < STOP_SECONDS


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_up_keeps_a_notification_over_down_and_up(project: Project, way: Way) -> None:
    (project.folder / ".env").write_text(way.env_file)
    project.compose(*way.flags, "up", "--detach")
    project.notify()
    assert project.databases == [way.database]
    project.compose(*way.flags, "down")
    assert not request(project.port, "GET", "/healthz")
    project.compose(*way.flags, "up", "--detach")
    assert project.images == [IMAGE]
    assert project.databases == [way.database]


@pytest.mark.parametrize("way", WAYS)
def test_up_waits_until_it_is_healthy(project: Project, way: Way) -> None:
    (project.folder / ".env").write_text(way.env_file)
    project.compose(*way.flags, "up", "--detach", "--wait")
    assert project.runs_on(way.database)


def test_without_the_profile_there_is_no_postgres(project: Project) -> None:
    project.compose("up", "--detach")
    project.answers()
    assert project.compose("ps", "--all", "--services").split() == ["dashboard"]


@pytest.mark.parametrize("way", WAYS[1:])
@pytest.mark.parametrize(
    "command", [("restart",), ("restart", "dashboard"), ("up", "--detach", "dashboard")], ids=" ".join
)
def test_a_restart_stays_on_postgres(project: Project, way: Way, command: tuple[str, ...]) -> None:
    (project.folder / ".env").write_text(way.env_file)
    project.compose(*way.flags, "up", "--detach")
    project.notify()
    (project.folder / ".env").write_text("")
    project.compose(*command)
    assert project.images == [IMAGE]
    assert set(project.databases) == {POSTGRES}


def test_started_before_postgres_it_ends_up_on_postgres(project: Project) -> None:
    """As the engine may do after a reboot: it knows no order."""
    project.compose(*PROFILE, "up", "--detach")
    project.notify()
    docker("stop", project.container(), project.container("postgres"))
    docker("start", project.container())
    wait_for("a start without it", lambda: "postgres does not run" in project.log)
    wait_for("an answer", lambda: request(project.port, "GET", "/healthz"))
    docker("start", project.container("postgres"))
    assert project.images == [IMAGE]
    assert set(project.databases) == {POSTGRES}


def test_what_diun_sends_while_postgres_is_stopped_is_kept_over_a_restart_and_stored(project: Project) -> None:
    project.compose(*PROFILE, "up", "--detach")
    project.answers()
    docker("stop", project.container("postgres"))
    assert request(project.port, "POST", "/webhook", PAYLOAD.read_bytes()) == {"status": "kept"}
    docker("stop", project.container())
    docker("start", project.container("postgres"), project.container())
    wait_for("what was kept", lambda: project.images == [IMAGE], log=lambda: project.log)


def test_the_profile_left_out_later_changes_nothing(project: Project) -> None:
    project.compose(*PROFILE, "up", "--detach")
    project.notify()
    project.compose("up", "--detach")
    assert project.images == [IMAGE]
    project.compose("down")
    project.compose("up", "--detach")
    assert project.images == [IMAGE]
    assert project.databases == [POSTGRES]


def test_without_its_postgres_it_waits_for_it(project: Project) -> None:
    project.compose(*PROFILE, "up", "--detach")
    project.notify()
    project.compose(*PROFILE, "down")
    project.compose("up", "--detach")
    wait_for("an answer", lambda: request(project.port, "GET", "/healthz"))
    assert not request(project.port, "GET", "/readyz")
    assert set(project.databases) == {POSTGRES}
    assert "postgres does not run: docker compose --profile postgres up\n" in project.log
    assert re.search(r"^PostgreSQL at postgres, port 5432, .*$", project.log, re.MULTILINE)
    assert "Traceback" not in project.log
    project.compose(*PROFILE, "up", "--detach")
    assert project.images == [IMAGE]


@pytest.mark.parametrize("service", ["", "postgres"], ids=["everything", "postgres alone"])
def test_the_profile_later_moves_a_running_dashboard_to_postgres(project: Project, service: str) -> None:
    """Compose may leave the container of the dashboard as it is: its own configuration is the same."""
    project.compose("up", "--detach")
    project.notify()
    assert project.databases == [SQLITE]
    project.compose(*PROFILE, "up", "--detach", *service.split())
    wait_for("PostgreSQL", lambda: project.runs_on(POSTGRES), seconds=30)
    assert project.images == []


def test_removing_the_volumes_begins_anew_on_sqlite(project: Project) -> None:
    project.compose(*PROFILE, "up", "--detach")
    project.notify()
    project.compose(*PROFILE, "down")
    project.compose("down", "--volumes")
    project.compose("up", "--detach")
    assert project.images == []
    assert project.databases == [SQLITE]
    project.compose(*PROFILE, "up", "--detach")
    wait_for("PostgreSQL", lambda: project.runs_on(POSTGRES), seconds=30)
    assert project.images == []


def test_each_deployment_makes_a_password_of_its_own(project: Project) -> None:
    project.compose(*PROFILE, "up", "--detach")
    project.notify()
    made = docker("exec", project.container(), "cat", "/postgres/password")
    assert re.fullmatch(r"postgres:\*:\*:diundashboard:[0-9a-f]{48}", made)
    assert docker("exec", project.container(), "stat", "-c", "%a %u", "/postgres/password") == "600 1000"
    url = "postgresql://diundashboard@postgres/diundashboard"
    ask = f"import psycopg; psycopg.connect({url!r}, password='diundashboard', passfile='/none')"
    assert "password authentication failed" in docker("exec", project.container(), "python", "-c", ask, check=False)
    project.compose(*PROFILE, "restart")
    assert project.images == [IMAGE]
    assert docker("exec", project.container(), "cat", "/postgres/password") == made


def test_the_password_that_everybody_knows_from_an_earlier_release_is_replaced(project: Project) -> None:
    service = project.container("postgres")
    project.compose(*PROFILE, "up", "--detach")
    project.notify()
    known = "ALTER ROLE diundashboard PASSWORD 'diundashboard'"
    docker("exec", service, "psql", "-U", "diundashboard", "-c", known)
    docker("exec", service, "sh", "-c", "cd /var/lib/postgresql/data && rm -r password in-use/password")
    project.compose(*PROFILE, "down")
    project.compose(*PROFILE, "up", "--detach")
    assert project.images == [IMAGE]


def test_the_dashboard_may_do_no_more_than_it_needs(project: Project) -> None:
    project.compose("up", "--detach")
    project.notify()
    read_only = docker("exec", project.container(), "touch", "/opt/x", check=False)
    assert "Read-only file system" in read_only
    host = json.loads(docker("inspect", "--format", "{{json .HostConfig}}", project.container()))
    assert (host["CapDrop"], host["SecurityOpt"]) == (["ALL"], ["no-new-privileges:true"])
    assert host["Memory"] == 512 * 2**20
    assert host["PidsLimit"] == 200
    assert docker("exec", project.container(), "stat", "-c", "%a", "/data/diun.db") == "600"


def test_only_this_machine_reaches_the_dashboard_unless_it_is_said_otherwise(project: Project) -> None:
    for listen, address in (("", "127.0.0.1"), ("9000", None), ("192.0.2.1:8080", "192.0.2.1")):
        config = json.loads(project.compose("config", "--format", "json", environment={"LISTEN": listen}))
        (port,) = config["services"]["dashboard"]["ports"]
        assert port.get("host_ip") == address


def test_a_password_may_have_any_characters(project: Project) -> None:
    (project.folder / ".env").write_text(r"""POSTGRES_PASSWORD='p@ss/w:rd%20?&"#$HOME ${x} \ é'""" + "\n")
    project.compose(*PROFILE, "up", "--detach")
    project.notify()
    assert project.databases == [POSTGRES]
    assert "p@ss" not in project.log


def test_another_password_later_is_refused_in_one_line(project: Project) -> None:
    project.compose(*PROFILE, "up", "--detach", environment={"POSTGRES_PASSWORD": "first"})
    project.notify()
    project.compose(*PROFILE, "up", "--detach", environment={"POSTGRES_PASSWORD": "second"})
    wait_for("the refusal", lambda: "password authentication failed" in project.log)
    assert set(project.databases) == {POSTGRES}
    assert "Traceback" not in project.log


def test_a_server_of_ones_own_wins_over_the_service(project: Project) -> None:
    url = "postgresql://diundashboard@nowhere.invalid/elsewhere"
    (project.folder / ".env").write_text(f"DATABASE_URL={url}\n")
    project.compose("up", "--detach")
    wait_for("the refusal", lambda: "nowhere.invalid" in project.log)
    assert set(project.databases) == {POSTGRES}
    project.compose(*PROFILE, "up", "--detach")
    wait_for("the refusal", lambda: "nowhere.invalid" in project.log)
    assert "at postgres," not in project.log


def test_every_setting_reaches_the_dashboard(project: Project) -> None:
    given = {setting.name: f"<{setting.name}>" for setting in SETTINGS} | {"POSTGRES_PASSWORD": "<password>"}
    config = project.compose("config", "--format", "json", environment=given)
    environment = json.loads(config)["services"]["dashboard"]["environment"]
    fixed_by_the_image = {"HOST", "PORT", "DB_PATH", "SPOOL_PATH"}
    ours = {name: value for name, value in given.items() if name not in {*fixed_by_the_image, "POSTGRES_PASSWORD"}}
    assert environment == ours | {"PGPASSFILE": "/postgres/password"}


def test_the_example_names_every_variable_of_compose() -> None:
    compose = "".join((ROOT / name).read_text() for name in COMPOSE_FILES)
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", compose)) | set(re.findall(r"^ +- ([A-Z_]+)$", compose, re.MULTILINE))
    named = set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert named == used | {"COMPOSE_PROFILES"}


@pytest.mark.parametrize(
    ("flags", "database"),
    [pytest.param(DEV, SQLITE, id="SQLite"), pytest.param(DEV_ON_POSTGRES, POSTGRES, id="PostgreSQL")],
)
def test_the_development_setup_serves_the_mounted_source(
    project: Project, flags: tuple[str, ...], database: str
) -> None:
    project.compose(*flags, "up", "--detach")
    assert project.answers("/healthz") == {"status": "ok"}
    assert project.databases[-1] == database
    source = project.folder / "diundashboard/web/ops.py"
    source.write_text(source.read_text().replace('"status": "ok"', '"status": "edited"'))
    wait_for("the edited source", lambda: request(project.port, "GET", "/healthz") == {"status": "edited"}, seconds=30)


def test_the_example_for_several_machines_is_valid() -> None:
    command = ["docker", "compose", "--file", str(ROOT / "deploy/compose.yml"), "config", "--quiet"]
    given = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    refused = subprocess.run(command, env=given, capture_output=True, text=True)
    assert (refused.returncode != 0, "set it to the address of PostgreSQL" in refused.stderr) == (True, True)
    subprocess.run(command, env=given | {"DATABASE_URL": "postgresql://db/diun"}, check=True)
