"""How to point DIUN at this dashboard, ready to paste: its YAML, its environment, a service of compose. Pure.

The names of DIUN's settings are those of https://crazymax.dev/diun/notif/webhook/ and https://crazymax.dev/diun/watch/.
Address and secret can contain any printable character, and DIUN receives them unchanged.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import quote

from diundashboard import shell

NAME = "name-of-this-machine"
"""A placeholder for the hostname that DIUN reports."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """Lines to paste into the file that `label` names; `key` identifies the snippet."""

    key: str
    label: str
    text: str


def snippets(address: str, secret: str) -> tuple[Snippet, ...]:
    """The same connection in three forms. Without a secret, DIUN sends no `Authorization`."""
    return (
        Snippet("yaml", "diun.yml", _yaml(address, secret)),
        Snippet("environment", "Environment", _environment(address, secret)),
        Snippet("compose", "compose.yml, with DIUN itself", _compose(address, secret)),
    )


def run_snippets(address: str, secret: str) -> tuple[Snippet, ...]:
    """How to have DIUN report its runs to the address of pings. `secret` is in the form of `in_address`."""
    name = f"{NAME}.{secret}" if secret else NAME
    yaml = ["watch:", "  healthchecks:", f"    baseURL: {_quoted(address)}", f"    uuid: {_quoted(name)}"]
    variables = [("DIUN_WATCH_HEALTHCHECKS_BASEURL", address), ("DIUN_WATCH_HEALTHCHECKS_UUID", name)]
    return (
        Snippet("run-yaml", "Runs in diun.yml", "\n".join(yaml)),
        Snippet("run-environment", "Runs in the environment", _exports(variables)),
        Snippet("run-compose", "Runs in compose.yml, DIUN's environment", _entries(variables)),
    )


def in_address(secret: str) -> str:
    """A secret as part of an address, in characters that DIUN's client sends unchanged."""
    return quote(secret, safe="")


def _yaml(address: str, secret: str) -> str:
    lines = ["watch:", "  runOnStartup: false"]
    lines += ["notif:", "  webhook:", f"    endpoint: {_quoted(address)}", "    method: POST"]
    if secret:
        lines += ["    headers:", f"      authorization: {_quoted(secret)}"]
    return "\n".join(lines)


def _environment(address: str, secret: str) -> str:
    return _exports(_variables(address, secret))


def _exports(variables: list[tuple[str, str]]) -> str:
    return "\n".join(f"export {name}={shell.word(value)}" for name, value in variables)


def _compose(address: str, secret: str) -> str:
    return "\n".join([_SERVICE, _entries(_variables(address, secret)), _VOLUMES])


def _entries(variables: list[tuple[str, str]]) -> str:
    return "\n".join(f"      {name}: {_quoted(value).replace('$', '$$')}" for name, value in variables)


def _variables(address: str, secret: str) -> list[tuple[str, str]]:
    variables = [
        ("DIUN_WATCH_RUNONSTARTUP", "false"),
        ("DIUN_NOTIF_WEBHOOK_ENDPOINT", address),
        ("DIUN_NOTIF_WEBHOOK_METHOD", "POST"),
    ]
    return variables + ([("DIUN_NOTIF_WEBHOOK_HEADERS_AUTHORIZATION", secret)] if secret else [])


def _quoted(text: str) -> str:
    """A string of JSON, which is one of YAML as long as nothing above U+FFFF is escaped."""
    return json.dumps(text, ensure_ascii=False)


_SERVICE = """\
services:
  diun:
    image: crazymax/diun:latest
    command: serve
    hostname: name-of-this-machine  # what the dashboard calls it
    restart: unless-stopped
    volumes:
      - diun:/data
      - /var/run/docker.sock:/var/run/docker.sock:ro
    environment:
      DIUN_WATCH_SCHEDULE: "0 */6 * * *"
      DIUN_PROVIDERS_DOCKER: "true"
      DIUN_PROVIDERS_DOCKER_WATCHBYDEFAULT: "true\""""
_VOLUMES = """\
volumes:
  diun:"""
