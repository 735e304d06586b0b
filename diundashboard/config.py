"""Every setting of the dashboard: its environment variable, its default, its meaning and the allowed values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from diundashboard import entry
from diundashboard.address import Networks, Site, host, networks, site
from diundashboard.model import Level

SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1024
"""The length of a password, in characters."""

SPOOL = "diun-spool"
"""The default folder of the spool when there is no SQLite file to put it beside."""


class AuthMode(StrEnum):
    """How people log in."""

    PASSWORD = "password"  # noqa: S105 - the name of a mode
    PROXY = "proxy"
    OIDC = "oidc"
    NONE = "none"


class Misconfigured(Exception):
    """A setting is invalid; the message names the variable and what is allowed."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable.

    `check` turns the text into a value, and raises ValueError with what is allowed. A secret can also come from the
    file that `NAME_FILE` names, as with Docker and Kubernetes secrets, and is never printed.
    """

    name: str
    default: str
    meaning: str
    check: Callable[[str], Any]
    secret: bool = False

    def read(self, environ: Mapping[str, str]) -> Any:
        """The checked value of this setting.

        Raises:
            Misconfigured: the value is not allowed, or its file cannot be read.
        """
        text = environ.get(self.name, "")
        file_variable = f"{self.name}_FILE"
        if self.secret and (path := environ.get(file_variable)):
            if text:
                raise Misconfigured(f"set {self.name} or {file_variable}, not both")
            try:
                text = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
                raise Misconfigured(f"{file_variable}: cannot read {path!r}: {reason}") from None
            if not text:
                # An empty secret would silently open the webhook, and an empty URL would silently choose SQLite.
                raise Misconfigured(f"{file_variable}: {path!r} is empty")
        try:
            return self.check(text or self.default)
        except ValueError as error:
            shown = "" if self.secret else f" is {text!r}, but"
            raise Misconfigured(f"{self.name}{shown} must be {error}") from None


def _text(text: str) -> str:
    if "\0" in text:
        raise ValueError("text without NUL characters")
    return text


def _number(low: int, high: int) -> Callable[[str], int]:
    def check(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high):
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return check


def _workers(text: str) -> int | None:
    return _number(1, 64)(text) if text else None


def _yes(text: str) -> bool:
    if text not in ("", "yes"):
        raise ValueError("yes or empty")
    return text == "yes"


def _mode(text: str) -> AuthMode:
    if text not in list(AuthMode):
        raise ValueError(" or ".join(AuthMode))
    return AuthMode(text)


def _password(text: str) -> str:
    if "\0" in text or (text and not SHORTEST_PASSWORD <= len(text) <= LONGEST_PASSWORD):
        raise ValueError(f"text of {SHORTEST_PASSWORD} to {LONGEST_PASSWORD:,} characters without NUL")
    return text


def _secret(text: str) -> str:
    if text != text.strip() or not text.isprintable():
        raise ValueError("text in one line without spaces around it, because HTTP headers allow nothing else")
    return text


def _proxies(text: str) -> int | Networks:
    return int(text) if len(text) == 1 and text in "0123456789" else networks(text)


def _site(text: str) -> Site | None:
    return site(text) if text else None


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in text.split(",")) if text else ()
    for name in names:
        found = host(name.removeprefix("*").removeprefix("."))
        if name != "*" and (found is None or found.port or (name[0] == "*" and name[1] != ".")):
            raise ValueError("host names without ports, separated by commas, such as diun.example.org or *.example.org")
    return tuple(name.removesuffix(".") for name in names)


SETTINGS = (
    Setting("HOST", "127.0.0.1", "The address to listen on.", _text),
    Setting("PORT", "8080", "The port to listen on.", _number(1, 65535)),
    Setting("DB_PATH", "diun.db", "The SQLite file. Its folder is created if needed.", _text),
    Setting(
        "DATABASE_URL",
        "",
        "A PostgreSQL URI or conninfo string, anything that libpq accepts. If set, it replaces SQLite.",
        _text,
        secret=True,
    ),
    Setting(
        "SPOOL_PATH",
        "",
        "The folder where notifications wait while the database cannot store them. Empty: beside the "
        "SQLite file, `diun-spool` for `diun.db`, or `diun-spool` in the working folder with PostgreSQL.",
        _text,
    ),
    Setting(
        "WEBHOOK_SECRET",
        "",
        "The secret that DIUN must send in `Authorization`, bare or after `Bearer `. Two secrets with a comma between "
        "them are accepted while you replace one. Empty: a new database gets one, and Connect shows it.",
        _secret,
        secret=True,
    ),
    Setting("WEBHOOK_OPEN", "", "`yes` accepts notifications from anybody if `WEBHOOK_SECRET` is empty.", _yes),
    Setting(
        "AUTH_MODE",
        AuthMode.PASSWORD,
        "How people log in: `password` uses accounts of this dashboard, `proxy` trusts the reverse proxy, `oidc` asks "
        "an OpenID provider, and `none` lets everybody see and change everything.",
        _mode,
    ),
    Setting(
        "ADMIN_PASSWORD",
        "",
        "The password of an account `admin`, which is created at startup if there is no account. Empty: the log shows "
        "a link to create the first account.",
        _password,
        secret=True,
    ),
    Setting(
        "AUTH_LEVEL",
        "",
        "With `proxy` and `oidc`: the level of people who are in none of the groups below: `read`, `write` or `admin`. "
        "Empty: `admin` if no groups are set, otherwise no access.",
        entry.level,
    ),
    Setting("AUTH_GROUPS_ADMIN", "", "The groups, separated by commas, that may do everything.", entry.names),
    Setting("AUTH_GROUPS_WRITE", "", "The groups that may see everything and work on updates.", entry.names),
    Setting("AUTH_GROUPS_READ", "", "The groups that may see everything.", entry.names),
    Setting(
        "AUTH_PROXY_NETWORKS",
        "",
        "With `proxy`: the IP addresses or networks of the proxy that logs people in, separated by commas.",
        lambda text: networks(text) if text else (),
    ),
    Setting("AUTH_PROXY_HEADER", "Remote-User", "With `proxy`: the header with the person's name.", entry.header),
    Setting(
        "AUTH_PROXY_GROUPS_HEADER",
        "",
        "With `proxy`: the header with the person's groups, separated by commas or by `|`. Empty: groups are ignored.",
        entry.header,
    ),
    Setting(
        "OIDC_ISSUER",
        "",
        "With `oidc`: the address of the provider, exactly as the provider names itself.",
        entry.issuer,
    ),
    Setting("OIDC_CLIENT_ID", "", "With `oidc`: the id of this dashboard at the provider.", _secret),
    Setting("OIDC_CLIENT_SECRET", "", "With `oidc`: the secret of this client.", _secret, secret=True),
    Setting("OIDC_GROUPS_CLAIM", "groups", "With `oidc`: the claim with the person's groups.", _text),
    Setting(
        "OIDC_ALLOWED_ADDRESSES",
        "",
        "With `oidc`: the verified e-mail addresses that may log in with `AUTH_LEVEL`, separated by commas. "
        "`@example.org` allows a whole domain.",
        entry.addresses,
    ),
    Setting(
        "RETENTION_DAYS",
        "730",
        "How many days the history keeps payloads and repeats. Those of pending updates stay. `0` keeps everything.",
        _number(0, 36500),
    ),
    Setting(
        "WEB_CONCURRENCY",
        "",
        "The number of worker processes. Empty: one on SQLite, two on PostgreSQL.",
        _workers,
    ),
    Setting(
        "TRUSTED_PROXIES",
        "0",
        "The IP addresses or networks of the reverse proxies whose `X-Forwarded-*` headers count, separated by commas. "
        "`0` ignores these headers.",
        _proxies,
    ),
    Setting(
        "PUBLIC_URL",
        "",
        "The address that people use, such as `https://diun.example.org`. Empty: the address that the browser uses.",
        _site,
    ),
    Setting(
        "ALLOWED_HOSTS",
        "",
        "More host names under which the dashboard answers, separated by commas. `*.example.org` allows all names "
        "below a domain, `*` every name.",
        _names,
    ),
)


@dataclass(frozen=True, slots=True)
class Config:
    """The settings, read once at start."""

    host: str = "127.0.0.1"
    port: int = 8080
    db_path: str = "diun.db"
    database_url: str = field(default="", repr=False)
    spool_path: str = ""
    webhook_secret: str = field(default="", repr=False)
    webhook_open: bool = False
    auth_mode: AuthMode = AuthMode.PASSWORD
    admin_password: str = field(default="", repr=False)
    auth_level: Level | None = None
    auth_groups_admin: tuple[str, ...] = ()
    auth_groups_write: tuple[str, ...] = ()
    auth_groups_read: tuple[str, ...] = ()
    auth_proxy_networks: Networks = ()
    auth_proxy_header: str = "Remote-User"
    auth_proxy_groups_header: str = ""
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = field(default="", repr=False)
    oidc_groups_claim: str = "groups"
    oidc_allowed_addresses: tuple[str, ...] = ()
    retention_days: int = 730
    web_concurrency: int | None = None
    trusted_proxies: int | Networks = 0
    public_url: Site | None = None
    allowed_hosts: tuple[str, ...] = ()

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Config:
        """Read every setting from the environment.

        Raises:
            Misconfigured: a value is not allowed, or requires another setting.
        """
        config = cls(**{setting.name.lower(): setting.read(environ) for setting in SETTINGS})
        if lacking := entry.contradiction(config):
            raise Misconfigured(lacking)
        return config

    @property
    def workers(self) -> int:
        """The number of worker processes."""
        return self.web_concurrency or (2 if self.database_url else 1)

    @property
    def spool_folder(self) -> Path:
        """The folder of the spool. Each SQLite file in a folder has its own."""
        if self.spool_path or self.database_url:
            return Path(self.spool_path or SPOOL)
        file = Path(self.db_path)
        return file.with_name(f"{file.stem}-spool" if file.suffix == ".db" else f"{file.name}.spool")

    @property
    def former_spool_folder(self) -> Path | None:
        """The default folder of the spool in earlier releases, if it is another one."""
        former = Path(SPOOL).absolute()
        return None if self.spool_path or self.spool_folder.absolute() == former else former

    @property
    def url(self) -> str:
        """The address to show people: `PUBLIC_URL`, or the address it listens on, with localhost for a wildcard."""
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host)  # noqa: S104 - only compared
        return str(self.public_url or f"http://{f'{everywhere}:{self.port}' if everywhere else self.bind}")

    @property
    def bind(self) -> str:
        """The host and port to listen on; an IPv6 address has brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
