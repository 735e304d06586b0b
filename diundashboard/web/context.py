"""What every view needs: the settings and the store of the running application."""

from __future__ import annotations

from flask import Flask, current_app, g, request, url_for
from werkzeug.sansio.http import parse_cookie

from diundashboard import address
from diundashboard.access import Access
from diundashboard.config import Config
from diundashboard.model import Actor
from diundashboard.secret import Secret
from diundashboard.spool import Spool
from diundashboard.store import Store
from diundashboard.web.local import local_path

_PERSON = 100
"""How many characters are kept of an address that a proxy reports."""

PROGRAMS = ("/api/", "/webhook", "/ping/", "/healthz", "/readyz")
"""How the paths of the addresses for programs begin."""

SESSION_COOKIE = "diun_session"
"""The name of the cookie that a browser sends for a person who has logged in."""


def cookie(name: str) -> str:
    """The value of a cookie; empty if the browser sends none."""
    # request.cookies takes longer, as it looks through all headers.
    sent = request.environ.get("HTTP_COOKIE", "")
    return parse_cookie(sent).get(name, "") if f"{name}=" in sent else ""


def cookie_path() -> str:
    """The path below which the browser sends our cookies."""
    return request.script_root or "/"


def settings() -> Config:
    """The settings that the application was made with."""
    config: Config = current_app.extensions["diundashboard"][0]
    return config


def access() -> Access:
    """Access to the store."""
    way: Access = current_app.extensions["diundashboard"][1]
    return way


def store() -> Store:
    """The store.

    Raises:
        Unavailable: the database is known to be away.
    """
    return access().store


def spool(app: Flask = current_app) -> Spool:
    """The spool, which keeps what the store cannot take now."""
    chosen: Spool = app.extensions["diundashboard"][2]
    return chosen


def secret(app: Flask = current_app) -> Secret:
    """What DIUN must send."""
    kept: Secret = app.extensions["diundashboard"][3]
    return kept


def host() -> str:
    """The host, and its port if any, by which the client called. Docker's names may hold the underscore that
    `request.host` answers with an empty string.
    """
    return request.host or request.headers.get("Host", "")


def same_page() -> str:
    """The page that a form was on, as a path of this site."""
    start, public = url_for("updates.index"), settings().public_url
    site, _, path = request.headers.get("Referer", "").partition("://")[2].partition("/")
    ours = site == host() or (public is not None and site == public.origin.partition("://")[2])
    return local_path(f"/{path}", start) if ours else start


def origins() -> set[str]:
    """The origins of our own pages, as the browser that asks names them."""
    called, public = address.host(host()), settings().public_url
    found = {public.origin} if public else set()
    return found | {called.origin(request.scheme)} if called else found


def webhook_address() -> str:
    """The address to which DIUN sends: below `PUBLIC_URL`, or as the browser reaches the dashboard."""
    public = settings().public_url
    return f"{public}/webhook" if public else f"{request.scheme}://{host()}{url_for('webhook.receive')}"


def ping_address() -> str:
    """The address of pings up to the name, chosen like `webhook_address`."""
    return webhook_address().removesuffix("webhook") + "ping/"


def is_diun() -> bool:
    """Whether the client calls itself DIUN."""
    agent: str = request.environ.get("HTTP_USER_AGENT", "")
    return agent.startswith("diun/")


def lost_diun() -> bool:
    """Whether this is DIUN, at an address that is not its own."""
    return is_diun() and request.path.rstrip("/") != "/webhook"


def person() -> str:
    """Who acts: the name of the account or the token, or the address of the browser where nobody logs in."""
    known = g.get("person")
    return known.name if known and known.name else client_address()


def actor() -> Actor:
    """Who acts, for the audit."""
    known = g.get("person")
    return Actor(known.name if known else "", client_address())


def client_address() -> str:
    """Where the request comes from."""
    return (request.remote_addr or "")[:_PERSON]
