"""What is pasted into DIUN says there what it says here."""

from __future__ import annotations

import json
import os
import subprocess
from urllib.parse import unquote

import pytest

from diundashboard.snippet import NAME, in_address, run_snippets, snippets

ADDRESS = "http://nas:8080/webhook"
SECRETS = [
    "plain",
    "it's",
    'say "hi"',
    "$HOME ${HOME} $(id) `id` $$",
    "back\\slash \\n \\u0041 \\",
    "# no comment: {{ x }} [a, b] *a &b !c %d @e",
    "- true",
    "ünïcode 日本 😀",
    "''",
    "a  b",
]


def text_of(key: str, secret: str, address: str = ADDRESS) -> str:
    return next(each.text for each in snippets(address, secret) if each.key == key)


def value(text: str, name: str) -> str:
    """The value of a line `name: "..."`; a string of JSON is one of YAML."""
    line = next(line for line in text.splitlines() if line.strip().startswith(f"{name}: "))
    found: str = json.loads(line.partition(": ")[2])
    return found


@pytest.mark.parametrize("secret", SECRETS)
def test_yaml_carries_any_secret(secret: str) -> None:
    text = text_of("yaml", secret)
    assert value(text, "authorization") == secret
    assert value(text, "endpoint") == ADDRESS
    assert "\\ud" not in text


@pytest.mark.parametrize("secret", SECRETS)
def test_a_shell_exports_any_secret(secret: str) -> None:
    script = text_of("environment", secret) + '\nprintf %s "$DIUN_NOTIF_WEBHOOK_HEADERS_AUTHORIZATION"'
    run = subprocess.run(["sh", "-c", script], capture_output=True, check=True, env=os.environ | {"LC_ALL": "C.UTF-8"})
    assert (run.stdout.decode(), run.stderr) == (secret, b"")


@pytest.mark.parametrize("secret", SECRETS)
def test_compose_replaces_nothing_in_a_secret(secret: str) -> None:
    written = value(text_of("compose", secret), "DIUN_NOTIF_WEBHOOK_HEADERS_AUTHORIZATION")
    assert "$" not in written.replace("$$", "")
    assert written.replace("$$", "$") == secret


def test_diun_does_not_check_when_it_starts() -> None:
    for key, line in (
        ("yaml", "  runOnStartup: false"),
        ("environment", "export DIUN_WATCH_RUNONSTARTUP=false"),
        ("compose", '      DIUN_WATCH_RUNONSTARTUP: "false"'),
    ):
        assert line in text_of(key, "").splitlines()


@pytest.mark.parametrize("key", ["yaml", "environment", "compose"])
def test_without_a_secret_nothing_is_said_of_one(key: str) -> None:
    text = text_of(key, "")
    assert "authorization" not in text.lower()
    assert ADDRESS in text
    assert "POST" in text


@pytest.mark.parametrize("secret", SECRETS)
def test_the_name_that_pings_carry_is_the_same_in_every_form_and_safe_in_an_address(secret: str) -> None:
    yaml, environment, compose = (each.text for each in run_snippets("http://nas:8080/ping/", in_address(secret)))
    assert value(yaml, "baseURL") == "http://nas:8080/ping/"
    name = value(yaml, "uuid")
    assert value(compose, "DIUN_WATCH_HEALTHCHECKS_UUID") == name
    assert value(compose, "DIUN_WATCH_HEALTHCHECKS_BASEURL") == "http://nas:8080/ping/"
    assert name.isascii()
    assert unquote(name) == f"{NAME}.{secret}"
    assert not set(name.replace(NAME, "")) & set("/?#: \\\"'")
    script = environment + '\nprintf %s "$DIUN_WATCH_HEALTHCHECKS_UUID"'
    run = subprocess.run(["sh", "-c", script], capture_output=True, check=True)
    assert run.stdout.decode() == name


def test_without_a_secret_the_name_is_the_name() -> None:
    for each in run_snippets("http://nas:8080/ping/", in_address("")):
        assert NAME in each.text
        assert f"{NAME}." not in each.text
