"""What is copied does the same in each shell that it may be pasted into."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from diundashboard.command import commands, script
from diundashboard.model import Update
from diundashboard.shell import quoted, word
from diundashboard.snippet import run_snippets, snippets
from tests.programs import shell
from tests.updates import an_update

SHELLS = ["zsh", "bash", "dash", "fish"]
"""The first two with their history of commands, and none with settings such as interactivecomments."""

HOSTILE = [
    "it's",
    'say "hi"',
    "back\\slash\\\\",
    "\\'quote\\",
    "\\!\\",
    "$(touch made)",
    "`touch made`",
    "${HOME}$HOME",
    "a; touch made",
    "a > made",
    "a -> made",
    "!!",
    "wow!touch made",
    "=ls",
    "=",
    "%self",
    "%1",
    "^a^b",
    "~",
    "~root",
    "{a,b}",
    "*",
    "?",
    "[a-z]",
    "-rf",
    "--help",
    "#",
    "a # b",
    "a\ttouch made",
    "'\ntouch made\n'",
    "\x1b[201~touch made\r",
    "ünï 日本 😀",
    "(touch made)",
    "&touch made&",
    "|touch made",
    "<made",
]

Paste = Callable[[str], list[list[str]]]
"""Pastes a text into a shell; how each tool was called, first its name."""


@pytest.fixture(scope="module", params=SHELLS)
def shell_command(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return shell(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture
def paste(shell_command: list[str], tmp_path: Path) -> Paste:
    """Beside the calls it is checked that no file appears, and that the shell has nothing to complain about."""
    tools, home = tmp_path / "tools", tmp_path / "home"
    tools.mkdir()
    calls = tmp_path / "calls"
    for name in ("docker", "kubectl", "nomad", "nerdctl", "ctr", "reached"):
        (tools / name).write_text(
            f"""#!/bin/sh
            case "$*" in
            *project.working_dir*) pwd ;;
            *compose.project.config*) echo compose.yml ;;
            *"container inspect"*) echo web ;;
            *"compose ps"*) echo edge ;;
            esac
            {{ printf '%s\\037' {name} "$@"; printf '\\036'; }} >> {calls}
            """
        )
        (tools / name).chmod(0o755)

    def pasted(text: str) -> list[list[str]]:
        home.mkdir(exist_ok=True)
        calls.write_text("")
        ran = subprocess.run(
            shell_command,
            input=f"{text}\nreached the end\n".encode(),
            cwd=home,
            env={"PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(home), "LANG": "C.UTF-8", "TERM": "dumb"},
            capture_output=True,
            timeout=60,
            check=False,
        )
        complaints = [line for line in ran.stderr.decode().split("\n") if _complains(line)]
        assert (complaints, [path.name for path in home.iterdir() if path.name[0] != "."]) == ([], [])
        found = [call.split("\x1f")[:-1] for call in calls.read_text().split("\x1e")[:-1]]
        assert found.pop() == ["reached", "the", "end"]
        return [call for call in found if call[1] != "container"]

    return pasted


def _complains(line: str) -> bool:
    return any(
        words in line for words in ("not found", "no matches", "Unknown command", "denied", "syntax", "nexpected")
    )


def printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in name)


def named(name: str, provider: str) -> Update:
    """An update in which every name that DIUN reports is this one."""
    metadata = dict.fromkeys(("pod_name", "ctn_name", "job_id", "ctn_namespace", "compose_service"), name)
    found = an_update(
        "nginx:1.29.0", provider=provider, metadata=metadata, containers=(name,), hostname=name, host=name
    )
    return replace(found, version=name, from_version=f"{name}1", running_version="", kind="minor")


def test_a_shell_that_is_feared_does_what_is_feared(shell_command: list[str], tmp_path: Path) -> None:
    """Or the other tests here would show nothing."""
    text = 'echo reached the end\necho "a!zzq"\n# a comment\necho =ls\n'
    environment = os.environ | {"HOME": str(tmp_path), "TERM": "dumb"}
    ran = subprocess.run(shell_command, input=text.encode(), capture_output=True, check=False, env=environment)
    assert b"reached the end" in ran.stdout
    if "zsh" in Path(shell_command[0]).name:
        assert b"event not found: zzq" in ran.stderr
        assert b"command not found: #" in ran.stderr
        assert b"/ls" in ran.stdout
    if "bash" in Path(shell_command[0]).name:
        assert b"!zzq: event not found" in ran.stderr


def test_any_word_arrives_as_it_is(paste: Paste) -> None:
    names = [printable(name) for name in HOSTILE]
    assert paste(f"docker {' '.join(map(word, names))}") == [["docker", *names]]
    assert paste("\n".join(f"docker {word(name)}" for name in names)) == [["docker", name] for name in names]


def test_a_word_of_many_lines_arrives_as_it_is(paste: Paste) -> None:
    text = "\n".join(printable(name) for name in HOSTILE)
    assert paste(f"docker {quoted(text)}") == [["docker", text]]


def test_a_word_that_no_shell_acts_on_stays_readable() -> None:
    for plain in ("ghcr.io/a/b:v1.2@sha256:0a", "--image", "nginx=docker.io/nginx:1", "a,b", "a_b+c", "-namespace"):
        assert word(plain) == plain


def test_the_script_of_a_selection_runs_with_exactly_the_names(paste: Paste) -> None:
    found = script([named(name, "swarm") for name in HOSTILE])
    called = sorted(call[-1] for call in paste(found))
    assert called == sorted(printable(name) for name in HOSTILE)


def test_the_script_of_a_selection_runs_what_docker_compose_needs(paste: Paste) -> None:
    found = paste(script([named(name, "docker") for name in HOSTILE]))
    assert found == [["docker", "compose", "pull", "--", "web"], ["docker", "compose", "up", "-d", "--", "web"]] * len(
        HOSTILE
    )


@pytest.mark.parametrize("provider", ["docker", "swarm", "kubernetes", "nomad", "containerd", "dockerfile", "file"])
def test_every_command_runs_with_exactly_the_names(paste: Paste, provider: str) -> None:
    for name in ("it's \\!! $(touch made) -> made", "=ls"):
        texts = [command.text for command in commands(named(name, provider))]
        called = paste("\n".join(texts))
        if provider not in ("docker", "dockerfile"):
            assert any(printable(name) in argument for call in called for argument in call), called
        assert called


def test_what_diun_is_configured_with_arrives_as_it_is(paste: Paste) -> None:
    for secret in map(printable, HOSTILE):
        environment = next(each.text for each in snippets("http://nas/webhook", secret) if each.key == "environment")
        runs = next(each.text for each in run_snippets("http://nas/ping", "=x") if each.key == "run-environment")
        show = 'docker "$DIUN_NOTIF_WEBHOOK_HEADERS_AUTHORIZATION"'
        assert paste(f"{environment}\n{runs}\n{show}") == [["docker", secret]]


def test_a_long_script_fits_into_what_a_shell_passes_on(paste: Paste) -> None:
    selection = [replace(named(f"{'long' * 20}{number}", "swarm"), host="nas") for number in range(900)]
    found = script(selection)
    assert len(found) > 128 * 1024
    assert len(paste(found)) == found.count("\ndocker service update ")
