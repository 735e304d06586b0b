"""The host names under which the dashboard answers. A stranger's name that resolves to this machine is refused.

Otherwise a page under such a name could read everything here, because the browser takes both for one site (DNS
rebinding).
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

from flask import Response, jsonify, request

from diundashboard.address import host, machine
from diundashboard.forwarded import CALLED
from diundashboard.web.context import settings

_OPEN = {"webhook.receive", "ping.receive", "ops.healthz", "ops.readyz"}
"""The endpoints that answer under every name: they show nothing, and DIUN must not be locked out."""

_LOCAL = (".localhost", ".local", ".lan", ".home.arpa", ".internal")
"""Names that nobody can register. Nobody can register names without a dot either."""


def refuse_foreign_names() -> Response | None:
    """Answer 421 to a request under a foreign name, and 400 to one under an invalid name."""
    if request.endpoint in _OPEN:
        return None
    environ, config = request.environ, settings()
    public = config.public_url.host.name if config.public_url else ""
    for called in (environ.get("HTTP_HOST"), environ.get(CALLED), _host_of_target()):
        # HTTP/1.0 needs no Host, and no browser uses it.
        if called and not _is_ours(called, public, config.allowed_hosts):
            return _refuse(called)
    return None


def _refuse(called: str) -> Response:
    found = host(called)
    if found is None:
        return _answer(400, "the request could not be understood")
    return _answer(
        421,
        f"the dashboard does not answer under the name {found.name}: if it is yours, "
        "set PUBLIC_URL to the address of the dashboard, or add the name to ALLOWED_HOSTS",
    )


def _host_of_target() -> str:
    """The host in the request line, if that contains a whole address. It takes precedence over the header."""
    target = request.environ.get("RAW_URI", "")
    if target.startswith("/") or "://" not in target:
        return ""
    return urlsplit(target).netloc or "?"


@lru_cache(maxsize=1024)
def _is_ours(called: str, public: str, allowed: tuple[str, ...]) -> bool:
    found = host(called)
    if found is None:
        return False
    name = found.name
    if "." not in name or name == public or machine(name) or name.endswith(_LOCAL):
        return True
    return any(_matches(name, each) for each in allowed)


def _matches(name: str, allowed: str) -> bool:
    """`*.example.org` matches the names below it, `.example.org` these and itself, `*` every name."""
    if allowed.startswith("*"):
        return name.endswith(allowed[1:])
    return name.endswith(allowed) or name == allowed[1:] if allowed.startswith(".") else name == allowed


def _answer(status: int, message: str) -> Response:
    """An answer without a page, which would show something of the dashboard."""
    answer = jsonify(error=message)
    answer.status_code = status
    return answer
