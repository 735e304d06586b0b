"""Logging in and out at an OpenID provider."""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, Flask, Response, abort, current_app, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from diundashboard.config import AuthMode, Config
from diundashboard.entry import level_by_provider
from diundashboard.outgoing import Away
from diundashboard.web.context import cookie_path, host, settings, store
from diundashboard.web.gate import someone
from diundashboard.web.guard import says_other_site
from diundashboard.web.local import local_path
from diundashboard.web.login import enter, left, loggable, logger

if TYPE_CHECKING:
    from diundashboard.provider import Provider

blueprint = Blueprint("oidc", __name__, url_prefix="/oidc")

LOGIN_COOKIE = "diun_login"
"""The cookie that a browser keeps during a login at the provider."""

SECONDS = 600
"""How long a login may take."""

_LONGEST_PATH = 2000
"""Characters of the path to return to: a cookie has 4,096 bytes."""

_LONGEST_HINT = 4096
"""The longest ID token, in characters, that is kept for the logout: it must fit into an address."""


@dataclass(frozen=True, slots=True)
class Login:
    """A login that has begun. Only the browser keeps it: what the provider sees is derived from a secret of it."""

    secret: str
    begun_at: int
    onward: str

    @classmethod
    def read(cls, text: str) -> Login | None:
        """The login in a cookie; None if there is none."""
        parts = text.split(" ", 2)
        if len(parts) != 3 or not (parts[1].isascii() and parts[1].isdigit() and len(parts[1]) < 15):
            return None
        return cls(parts[0], int(parts[1]), parts[2])

    def __str__(self) -> str:
        return f"{self.secret} {self.begun_at} {self.onward}"

    @property
    def state(self) -> str:
        """What proves that the browser which comes back is the one that left."""
        return self._derive("state")

    @property
    def nonce(self) -> str:
        """What proves that the ID token was made for this login."""
        return self._derive("nonce")

    @property
    def verifier(self) -> str:
        """What proves that the code was made for this login."""
        return self._derive("verifier")

    def _derive(self, purpose: str) -> str:
        message = f"{purpose} {self.begun_at} {self.onward}"
        return hmac.digest(self.secret.encode(), message.encode(), "sha256").hex()


def register(app: Flask, config: Config) -> None:
    """Give the application its provider, if the settings name one."""
    if config.auth_mode == AuthMode.OIDC:
        from diundashboard.provider import Provider

        app.extensions["diundashboard.provider"] = Provider(config)


@blueprint.get("/begin")
def begin() -> ResponseReturnValue:
    """Lead the browser to the provider."""
    onward = local_path(request.args.get("next", ""), f"{request.script_root}/")
    if len(onward) > _LONGEST_PATH:
        onward = f"{request.script_root}/"
    provider = _provider()
    if says_other_site():
        return redirect(f"{request.script_root}/login", 303)
    if someone():
        return redirect(onward, 303)
    login = Login(secrets.token_urlsafe(32), int(time.time()), onward)
    try:
        url = provider.login_url(_address("oidc/callback"), login.state, login.nonce, login.verifier)
    except Away as error:
        return _away(error)
    response = make_response(redirect(url, 303))
    response.set_cookie(
        LOGIN_COOKIE,
        str(login),
        max_age=SECONDS,
        path=cookie_path(),
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )
    return response


@blueprint.get("/callback")
def callback() -> ResponseReturnValue:
    """Log in the person whom the provider sends back. The login ends here, whether it succeeds or not."""
    provider = _provider()
    response = make_response(_finish(provider))
    response.delete_cookie(LOGIN_COOKIE, path=cookie_path(), samesite="Lax", secure=request.is_secure, httponly=True)
    return response


def _finish(provider: Provider) -> ResponseReturnValue:
    from diundashboard.provider import Unproven

    login = Login.read(request.cookies.get(LOGIN_COOKIE, ""))
    if login is None or not hmac.compare_digest(login.state.encode(), request.args.get("state", "").encode()):
        return _refused("This login did not begin in this browser, or began a second time meanwhile.", 400)
    if not 0 <= time.time() - login.begun_at <= SECONDS:
        return _refused("This login took longer than ten minutes.", 400)
    try:
        provider.check_issuer(request.args.get("iss"))
        if error := request.args.get("error"):
            return _refused("The provider did not log you in.", 403, request.args.get("error_description") or error)
        identity = provider.identify(
            request.args.get("code", ""), _address("oidc/callback"), login.nonce, login.verifier
        )
    except Away as error:
        return _away(error)
    except Unproven as error:
        logger.warning("failed login at the provider from %s: %s", request.remote_addr, _line(error))
        return _refused("The provider's answer is not good.", 403, str(error))
    level = level_by_provider(settings(), identity.groups, identity.address)
    if level is None:
        logger.warning('refused login as "%s" from %s', loggable(identity.name), request.remote_addr)
        return _refused(
            f"{identity.name} may not use this dashboard: ask its admin to add one of your groups or your e-mail "
            "address to its settings.",
            403,
        )
    account = store().recognize(settings().oidc_issuer, identity.subject, identity.name, level)
    hint = identity.token if len(identity.token) <= _LONGEST_HINT else ""
    return enter(account, "", local_path(login.onward, f"{request.script_root}/"), hint)


def leave(hint: str) -> Response:
    """Log out here, and at the provider if it has a logout."""
    try:
        url = _provider().logout_url(hint, _address("login"))
    except Away:
        url = ""
    if not url:
        return left()
    # A page, because a browser does not follow a form's redirect to another site.
    return left(render_template("oidc.html", title="You are logged out here", leave=url))


def _provider() -> Provider:
    found: Provider | None = current_app.extensions.get("diundashboard.provider")
    if found is None:
        abort(404, "this dashboard has no login at an OpenID provider (AUTH_MODE)")
    return found


def _address(path: str) -> str:
    """The address to which the provider sends the browser back: below PUBLIC_URL, or as the browser reaches us."""
    public = settings().public_url
    return f"{public or f'{request.scheme}://{host()}{request.script_root}'}/{path}"


def _away(error: Away) -> ResponseReturnValue:
    logger.error("OpenID provider: %s", _line(error))
    message = "The provider that logs people in does not answer as it should. People who are logged in stay logged in."
    page = render_template("oidc.html", title="The provider is away", message=message)
    return page, 503, {"Retry-After": "10"}


def _refused(message: str, status: int, words: str = "") -> ResponseReturnValue:
    return render_template("oidc.html", title="You are not logged in", message=message, words=words[:200]), status


def _line(error: Exception) -> str:
    """The error on one line of the log. Some of the words are from the provider."""
    return "".join(character if character.isprintable() else " " for character in str(error))[:300]
