"""Who asks, as the reverse proxy in front says it."""

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
    """Whom the proxy names; None if it names nobody. Whoever else sends the proxy's headers is refused."""
    config = settings()
    name, groups = _read(config.auth_proxy_header), _read(config.auth_proxy_groups_header)
    if not from_proxy():
        if name is not None or groups is not None:
            abort(403, f"only a proxy in AUTH_PROXY_NETWORKS may say who asks, and {_peer()} is none")
        return None
    if not name:
        return None
    if "," in name or not name.isprintable() or len(name) > LONGEST:
        abort(
            403,
            f"{config.auth_proxy_header} must hold one name of at most {LONGEST} printable characters without a comma, "
            "and be sent once",
        )
    if (level := level_by_proxy(config, [group.strip() for group in re.split(r"[,|]", groups or "")])) is None:
        abort(403, f"none of the groups of {name} may use this dashboard: ask its admin")
    return Person(name, level)


def from_proxy() -> bool:
    """Whether the machine that connects is a proxy that may say who asks."""
    return within(request.environ[PEER], settings().auth_proxy_networks)


def nobody() -> str:
    """What a person can do whom no proxy names."""
    header = settings().auth_proxy_header
    if from_proxy():
        return f"the proxy did not say who asks: it must log people in, and send their name in {header}"
    return f"people reach this dashboard through its proxy only: {_peer()} is not in AUTH_PROXY_NETWORKS"


def _peer() -> str:
    return request.environ[PEER] or "this client"


def _read(header: str) -> str | None:
    """The text of a header; None if it was not sent. Servers hand over bytes as if they were Latin-1."""
    text: str | None = request.environ.get(f"HTTP_{header.upper().replace('-', '_')}") if header else None
    if text is None:
        return None
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        abort(403, f"{header} must be UTF-8 text")
