"""Logging in and out, and the first account."""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import re
import secrets
from datetime import timedelta
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from diundashboard import passwords
from diundashboard.config import AuthMode
from diundashboard.model import Account, Actor, Invalid
from diundashboard.store import Conflict, NotFound
from diundashboard.store.names import account_key
from diundashboard.store.sessions import LONGEST
from diundashboard.web.context import SESSION_COOKIE, client_address, cookie_path, settings, store
from diundashboard.web.gate import key_of, someone
from diundashboard.web.local import local_path
from diundashboard.web.tried import tried

logger = logging.getLogger("diundashboard")

blueprint = Blueprint("login", __name__)

BROWSER_COOKIE = "diun_browser"
"""The cookie of a browser in which somebody has logged in before."""

_YEAR = 365 * 24 * 3600
_NEIGHBOURS = 64
"""The bits of an IPv6 address that one customer of a provider shares."""


_ELSEWHERE = {AuthMode.PROXY: "the proxy in front of the dashboard logs people in (AUTH_MODE)"}
"""Where people log in instead."""


@blueprint.get("/login")
def form() -> ResponseReturnValue:
    """Ask for name and password, or lead to the provider. People who are logged in go straight on."""
    mode = settings().auth_mode
    if mode != AuthMode.OIDC:
        _check_mode()
    if someone():
        return redirect(_onward(), 303)
    if mode == AuthMode.OIDC:
        return render_template("login.html", error="", next=_onward(), provider=urlsplit(settings().oidc_issuer).netloc)
    return _form()


@blueprint.post("/login")
def log_in() -> ResponseReturnValue:
    """Begin a session for the account whose name and password the form contains."""
    _check_mode()
    name, password = request.form.get("name", ""), request.form.get("password", "")
    known = store().credentials(name)
    key = _counted_as(name, known[0] if known else None)
    # A name without an account can be a password in the wrong field.
    who = Actor(known[0].name if known else "", client_address())
    if wait := store().attempt(key):
        tried(who, "failed login", "too many wrong passwords")
        seconds = max(1, round(wait.total_seconds()))
        answer = make_response(_form(f"Too many wrong passwords. Try again in {seconds} s.", 429))
        answer.headers["Retry-After"] = str(seconds)
        return answer
    try:
        right = passwords.matches(known[1] if known else None, password)
    except passwords.Busy:
        return _form("Too many people are logging in. Try again in a moment.", 503)
    if not right or known is None:
        logger.warning('failed login as "%s" from %s', loggable(name), request.remote_addr)
        tried(who, "failed login", "wrong password" if known else "no account has this name")
        return _form("The name or the password is wrong.", 401)
    account, kept = known
    store().succeeded(key)
    if passwords.outdated(kept):
        renewed = passwords.hashed(password)
        store().renew_hash(account.id, kept, renewed)
        kept = renewed
    return enter(account, kept, _onward())


@blueprint.post("/logout")
def log_out() -> ResponseReturnValue:
    """End the session of this browser."""
    oidc = settings().auth_mode == AuthMode.OIDC
    if not oidc:
        _check_mode()
    token = request.cookies.get(SESSION_COOKIE)
    hint = store().end_session(key_of(token), client_address()) if token else ""
    if not oidc:
        return left()
    from diundashboard.web.oidc import leave

    return leave(hint)


@blueprint.get("/setup/<code>")
def setup_form(code: str) -> ResponseReturnValue:
    """Ask for the name and the password of the first account."""
    _check_code(code)
    return render_template("setup.html", error=None)


@blueprint.post("/setup/<code>")
def set_up(code: str) -> ResponseReturnValue:
    """Create the first account, and log in."""
    _check_code(code)
    try:
        kept = passwords.hashed(request.form.get("password", ""))
        account = store().add_first_account(
            request.form.get("name", ""), kept, key_of(code), Actor("setup link", client_address())
        )
    except Invalid as error:
        return render_template("setup.html", error=error), 400
    except (Conflict, NotFound):
        abort(404, "this link was already used: log in with the account that it created")
    return enter(account, kept, _onward())


def enter(account: Account, kept: str, onward: str, hint: str = "") -> Response:
    """Begin a session of an account, with the hash of its password or the provider's hint, and redirect."""
    token = secrets.token_urlsafe(32)
    store().begin_session(account.id, key_of(token), kept, hint, client_address())
    cookies: list[tuple[str, str, timedelta | int]] = [(SESSION_COOKIE, token, LONGEST)]
    if kept:
        browser = request.cookies.get(BROWSER_COOKIE) or secrets.token_urlsafe(32)
        store().know_browser(account.id, key_of(browser))
        cookies.append((BROWSER_COOKIE, browser, _YEAR))
    response = make_response(redirect(onward, 303))
    for name, value, seconds in cookies:
        response.set_cookie(
            name, value, max_age=seconds, path=cookie_path(), secure=request.is_secure, httponly=True, samesite="Lax"
        )
    return response


def left(page: str = "") -> Response:
    """Log the browser out: show this page or the login, and delete what the browser keeps."""
    response = make_response(page or redirect(f"{request.script_root}/login", 303))
    response.delete_cookie(SESSION_COOKIE, path=cookie_path(), samesite="Lax", secure=request.is_secure, httponly=True)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def _check_mode() -> None:
    if settings().auth_mode != AuthMode.PASSWORD:
        abort(404, _ELSEWHERE.get(settings().auth_mode, "this dashboard has no login with passwords (AUTH_MODE)"))


def _check_code(code: str) -> None:
    _check_mode()
    if not store().knows_setup_code(key_of(code)):
        abort(
            404,
            "this link is not valid: while there is no account, each start of the dashboard prints a new one",
        )


def _form(error: str = "", status: int = 200) -> tuple[str, int]:
    empty = not store().accounts()
    return render_template("login.html", error=error, next=_onward(), empty=empty), status


def _onward() -> str:
    return local_path(request.values.get("next", ""), f"{request.script_root}/")


def _counted_as(name: str, account: Account | None) -> str:
    """The key under which wrong passwords are counted: see `guessing`."""
    browser = request.cookies.get(BROWSER_COOKIE)
    if account and browser and store().knows_browser(account.id, key_of(browser)):
        return f"browser {key_of(browser)}"
    return hashlib.sha256(f"{account_key(name)}\0{_neighbourhood()}".encode()).hexdigest()


def _neighbourhood() -> str:
    address = request.remote_addr or ""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network(f"{parsed}/{_NEIGHBOURS}", strict=False))
    return address


def loggable(name: str) -> str:
    """The name as part of one line of the log, where a quote ends it."""
    return re.sub(r"[^ -!#-~]", "?", name[:100])
