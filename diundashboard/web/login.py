"""The doors: logging in and out, and the first account."""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import re
import secrets

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from diundashboard import passwords
from diundashboard.config import AuthMode
from diundashboard.model import Account, Actor, Invalid
from diundashboard.store import Conflict, NotFound
from diundashboard.store.names import account_key
from diundashboard.store.sessions import LONGEST
from diundashboard.web.context import SESSION_COOKIE, client_address, settings, store
from diundashboard.web.gate import key_of, someone
from diundashboard.web.local import local_path
from diundashboard.web.tried import tried

logger = logging.getLogger("diundashboard")

blueprint = Blueprint("login", __name__)

BROWSER_COOKIE = "diun_browser"
"""What a browser is known by in which somebody has logged in before."""

_YEAR = 365 * 24 * 3600
_NEIGHBOURS = 64
"""The bits of an IPv6 address that one customer of a provider shares."""


@blueprint.get("/login")
def form() -> ResponseReturnValue:
    """Ask for name and password; those who have logged in already go on."""
    _check_mode()
    if someone():
        return redirect(_onward(), 303)
    return _form()


@blueprint.post("/login")
def log_in() -> ResponseReturnValue:
    """Begin a session for the account whose name and password the form holds."""
    _check_mode()
    name, password = request.form.get("name", ""), request.form.get("password", "")
    known = store().credentials(name)
    key = _counted_as(name, known[0] if known else None)
    # A name that no account has can be a password in the wrong field.
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
        logger.warning('failed login as "%s" from %s', _loggable(name), request.remote_addr)
        tried(who, "failed login", "wrong password" if known else "no account has the name")
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
    _check_mode()
    if token := request.cookies.get(SESSION_COOKIE):
        store().end_session(key_of(token), client_address())
    return left()


@blueprint.get("/setup/<code>")
def setup_form(code: str) -> ResponseReturnValue:
    """Ask for the name and the password of the first account."""
    _check_code(code)
    return render_template("setup.html", error=None)


@blueprint.post("/setup/<code>")
def set_up(code: str) -> ResponseReturnValue:
    """Make the first account, and log in."""
    _check_code(code)
    try:
        kept = passwords.hashed(request.form.get("password", ""))
        account = store().add_first_account(
            request.form.get("name", ""), kept, key_of(code), Actor("setup link", client_address())
        )
    except Invalid as error:
        return render_template("setup.html", error=error), 400
    except (Conflict, NotFound):
        abort(404, "this link is used up: log in with the account that was made with it")
    return enter(account, kept, _onward())


def enter(account: Account, kept: str, onward: str) -> Response:
    """Begin a session of an account with a password, and go on."""
    token = secrets.token_urlsafe(32)
    store().begin_session(account.id, key_of(token), kept, address=client_address())
    browser = request.cookies.get(BROWSER_COOKIE) or secrets.token_urlsafe(32)
    store().know_browser(account.id, key_of(browser))
    response = make_response(redirect(onward, 303))
    for name, value, seconds in ((SESSION_COOKIE, token, LONGEST), (BROWSER_COOKIE, browser, _YEAR)):
        response.set_cookie(
            name, value, max_age=seconds, path=_path(), secure=request.is_secure, httponly=True, samesite="Lax"
        )
    return response


def left() -> Response:
    """The way out, without what the browser keeps."""
    response = make_response(redirect(f"{request.script_root}/login", 303))
    response.delete_cookie(SESSION_COOKIE, path=_path(), samesite="Lax", secure=request.is_secure, httponly=True)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def _check_mode() -> None:
    if settings().auth_mode != AuthMode.PASSWORD:
        abort(404, "nobody logs in here with a password, as AUTH_MODE says")


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


def _path() -> str:
    return request.script_root or "/"


def _counted_as(name: str, account: Account | None) -> str:
    """Under which key wrong passwords are counted: see `guessing`."""
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


def _loggable(name: str) -> str:
    """The name for one line of the log, in which it ends at the next quote."""
    return re.sub(r"[^ -!#-~]", "?", name[:100])
