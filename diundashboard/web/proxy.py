"""The person that a reverse proxy has logged in."""

from __future__ import annotations

import re

from flask import abort, request

from diundashboard.address import within
from diundashboard.entry import level_by_proxy
from diundashboard.forwarded import PEER
from diundashboard.model import Person
from diundashboard.web.context import settings

LONGEST = 100
"""The characters of the longest name."""


def person_of_proxy() -> Person | None:
    """The person that the proxy names; None if it names nobody. Other clients that send its headers are refused."""
    config = settings()
    name, groups = _read(config.auth_proxy_header), _read(config.auth_proxy_groups_header)
    if not from_proxy():
        if name is not None or groups is not None:
            abort(403, f"only a proxy in AUTH_PROXY_NETWORKS can log people in, and {_peer()} is not in it")
        return None
    if not name:
        return None
    if "," in name or not name.isprintable() or len(name) > LONGEST:
        abort(
            403,
            f"{config.auth_proxy_header} must contain one name of at most {LONGEST} printable characters without a "
            "comma, and be sent once",
        )
    if (level := level_by_proxy(config, [group.strip() for group in re.split(r"[,|]", groups or "")])) is None:
        abort(403, f"{name} is in no group that may use this dashboard: ask its admin")
    return Person(name, level)


def from_proxy() -> bool:
    """Whether the machine that connects is a proxy that may log people in."""
    return within(request.environ[PEER], settings().auth_proxy_networks)


def nobody() -> str:
    """Why nobody is logged in, and what to do."""
    header = settings().auth_proxy_header
    if from_proxy():
        return f"the proxy did not send a name: it must log people in, and send their names in {header}"
    return f"people can reach this dashboard only through its proxy: {_peer()} is not in AUTH_PROXY_NETWORKS"


def _peer() -> str:
    return request.environ[PEER] or "this client"


def _read(header: str) -> str | None:
    """The text of a header; None if it was not sent. Servers pass on the bytes as Latin-1."""
    text: str | None = request.environ.get(f"HTTP_{header.upper().replace('-', '_')}") if header else None
    if text is None:
        return None
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        abort(403, f"{header} must be UTF-8 text")
