"""Decides who may use each endpoint, before each request."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

from flask import Blueprint, Flask, abort, g, redirect, request
from flask.typing import ResponseReturnValue

from diundashboard.config import AuthMode
from diundashboard.model import Level, Person
from diundashboard.store import Unavailable
from diundashboard.tokens import PREFIX
from diundashboard.web.context import PROGRAMS, SESSION_COOKIE, actor, cookie, same_page, settings, store
from diundashboard.web.proxy import nobody, person_of_proxy
from diundashboard.web.tried import tried

blueprint = Blueprint("gate", __name__)

SCRIPT_HEADER = "X-Requested-With"
"""The page's script sends `page` for what a person does, and `poll` for what it does by itself."""

LEVELS: dict[str, Level | None] = {
    # Open to everybody. DIUN's addresses check the secret themselves.
    "assets.static": None,
    "assets.favicon": None,
    "assets.counting_icon": None,
    "ops.healthz": None,
    "ops.readyz": None,
    "webhook.receive": None,
    "ping.receive": None,
    "login.form": None,
    "login.log_in": None,
    "login.log_out": None,
    "login.setup_form": None,
    "login.set_up": None,
    "oidc.begin": None,
    "oidc.callback": None,
    # Seeing.
    "updates.index": Level.READ,
    "updates.detail": Level.READ,
    "updates.older": Level.READ,
    "hosts.index": Level.READ,
    "history.index": Level.READ,
    "history.sent": Level.READ,
    "insights.index": Level.READ,
    "tags.index": Level.READ,
    "tags.strip": Level.READ,
    "views.index": Level.READ,
    "connect.index": Level.READ,
    "connect.heard": Level.READ,
    "api.updates": Level.READ,
    "api.update": Level.READ,
    "api.tags": Level.READ,
    "act.commands": Level.READ,
    "appearance.choose_theme": Level.READ,
    "account.index": Level.READ,
    "account.change_password": Level.READ,
    "account.log_out_everywhere": Level.READ,
    # Changing what is stored about updates.
    "act.acknowledge": Level.WRITE,
    "act.reopen": Level.WRITE,
    "act.snooze": Level.WRITE,
    "act.wake": Level.WRITE,
    "act.mute": Level.WRITE,
    "act.unmute": Level.WRITE,
    "act.tag": Level.WRITE,
    "act.note": Level.WRITE,
    "act.running": Level.WRITE,
    "act.undo": Level.WRITE,
    "api.change": Level.WRITE,
    "api.create_tag": Level.WRITE,
    "api.delete_tag": Level.WRITE,
    "api.assign_tag": Level.WRITE,
    "api.unassign_tag": Level.WRITE,
    "tags.create": Level.WRITE,
    "tags.change": Level.WRITE,
    "tags.delete": Level.WRITE,
    "tags.create_rule": Level.WRITE,
    "tags.delete_rule": Level.WRITE,
    "hosts.choose_other": Level.WRITE,
    "hosts.rename": Level.WRITE,
    "hosts.merge": Level.WRITE,
    "hosts.trust_metadata": Level.WRITE,
    "hosts.forget": Level.WRITE,
    "hosts.forget_pulse": Level.WRITE,
    "views.save": Level.WRITE,
    "views.start": Level.WRITE,
    "views.delete": Level.WRITE,
    # Managing access.
    "connect.reveal": Level.ADMIN,
    "connect.require_secret": Level.ADMIN,
    "people.index": Level.ADMIN,
    "people.add": Level.ADMIN,
    "people.change_level": Level.ADMIN,
    "people.change_password": Level.ADMIN,
    "people.remove": Level.ADMIN,
    "tokens.index": Level.ADMIN,
    "tokens.add": Level.ADMIN,
    "tokens.remove": Level.ADMIN,
    "audit.index": Level.ADMIN,
    "audit.sheet": Level.ADMIN,
}
"""The level that each endpoint needs. An endpoint that is not listed is closed to everybody."""


_ANYBODY = Person("", Level.ADMIN)
"""The sender of every request if nobody has to log in."""


def register(app: Flask) -> None:
    """Check the level before each request of the application."""
    app.before_request(_decide)


def _decide() -> ResponseReturnValue | None:
    """Let the request pass, or answer it."""
    endpoint = request.endpoint
    # An address without an endpoint becomes an error. A stranger does not learn even that.
    needed = Level.READ if endpoint is None else LEVELS.get(endpoint, Level.ADMIN)
    if needed is None:
        return None
    person = someone()
    if person is None:
        return _ask_to_log_in()
    if not person.level.includes(needed) or (endpoint and endpoint not in LEVELS):
        tried(actor(), "refused", f"{request.method} {request.path}")
        abort(403, f"this needs the level {needed}, and you have the level {person.level}: ask an admin")
    return None


def someone() -> Person | None:
    """Who sent this request; None for a stranger. Looked up once."""
    if "person" not in g:
        g.person = _identify()
    person: Person | None = g.person
    return person


@blueprint.app_template_global()
def may(level: str) -> bool:
    """Whether the sender of this request is known to have at least this level. This looks up nothing."""
    person: Person | None = g.get("person")
    return open_to_all() or (person is not None and person.level.includes(Level(level)))


def knows_insides() -> bool:
    """Whether the sender of this request may learn where the database is, and what exactly is wrong with it."""
    return may(Level.ADMIN)


def reason_of(error: Unavailable) -> str:
    """Why the database cannot be used: in general words except for admins. The log has the details."""
    return str(error) if knows_insides() else "the database does not answer"


@blueprint.app_template_global()
def open_to_all() -> bool:
    """Whether nobody has to log in."""
    return settings().auth_mode == AuthMode.NONE


@blueprint.app_template_global()
def me() -> Person | None:
    """Who sent this request; None if nobody has to log in."""
    person: Person | None = g.get("person")
    return person if settings().auth_mode != AuthMode.NONE else None


def _identify() -> Person | None:
    config = settings()
    if config.auth_mode == AuthMode.NONE:
        return _ANYBODY
    if (shown := _token_shown()) is not None:
        return store().bearer_of(key_of(shown))
    if config.auth_mode == AuthMode.PROXY:
        return person_of_proxy()
    if token := cookie(SESSION_COOKIE):
        person = store().person_of(key_of(token), used=request.headers.get(SCRIPT_HEADER) != "poll")
        # A session of another AUTH_MODE, or of another provider, is not valid here.
        issuer = config.oidc_issuer if config.auth_mode == AuthMode.OIDC else ""
        return person if person and person.issuer == issuer else None
    return None


def _token_shown() -> str | None:
    """The token in the Authorization header, right or wrong; None if there is none.

    A password without the prefix of tokens is not for the dashboard: a proxy that asks for a password passes it on,
    and a proxy that logs people in may send a token of its own.
    """
    if "HTTP_AUTHORIZATION" not in request.environ or not (sent := request.authorization):
        return None
    token = (sent.token if sent.type == "bearer" else sent.password if sent.type == "basic" else None) or ""
    ours = token.startswith(PREFIX) or (sent.type == "bearer" and settings().auth_mode != AuthMode.PROXY)
    return token if ours else None


def key_of(token: str) -> str:
    """The key under which the store knows a token. Only its owner has the token itself."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _ask_to_log_in() -> ResponseReturnValue:
    if _token_shown() is not None:
        tried(actor(), "token refused", f"{request.method} {request.path if request.endpoint else 'elsewhere'}")
        return {"error": "this token is unknown or has expired"}, 401, {"WWW-Authenticate": "Bearer"}
    if request.path.startswith(PROGRAMS) or SCRIPT_HEADER in request.headers:
        words = nobody() if settings().auth_mode == AuthMode.PROXY else "log in first"
        return {"error": words}, 401, {"WWW-Authenticate": "Bearer"}
    if settings().auth_mode == AuthMode.PROXY:
        abort(403, nobody())
    back = (
        f"{request.script_root}{request.full_path.removesuffix('?')}"
        if request.method in ("GET", "HEAD")
        else same_page()
    )
    return redirect(f"{request.script_root}/login?next={quote(back, safe='/')}", 303)
