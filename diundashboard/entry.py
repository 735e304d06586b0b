"""Who may enter through a proxy or an OpenID provider, and with which level: the settings and their meaning. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from diundashboard.address import host, machine
from diundashboard.model import Level

if TYPE_CHECKING:
    from diundashboard.config import Config


_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,99}")
_TAKEN = ("authorization", "cookie", "host", "origin", "content-length", "content-type", "transfer-encoding")
_ADDRESS = re.compile(r"[^\s@,]*@[^\s@,]+")


def level(text: str) -> Level | None:
    """The level with this name; None for an empty text.

    Raises:
        ValueError: there is no such level; the message lists the levels.
    """
    if text and text not in list(Level):
        raise ValueError("read, write or admin")
    return Level(text) if text else None


def header(text: str) -> str:
    """The name of a header that a proxy sets.

    Raises:
        ValueError: it is not valid; the message says what is allowed.
    """
    if text and (not _HEADER.fullmatch(text) or text.lower() in _TAKEN or text.lower().startswith("sec-")):
        raise ValueError("the name of a header of its own, such as Remote-User: letters, digits and dashes")
    return text


def names(text: str) -> tuple[str, ...]:
    """The names in a text, which separates them by commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def addresses(text: str) -> tuple[str, ...]:
    """E-mail addresses in lower case, and `@example.org` for all of a domain, separated by commas.

    Raises:
        ValueError: one of them is not valid; the message says what is allowed.
    """
    found = names(text.lower())
    if not all(map(_ADDRESS.fullmatch, found)):
        raise ValueError("e-mail addresses, or @example.org for all of a domain, separated by commas")
    return found


def issuer(text: str) -> str:
    """The address of an OpenID provider, as it is written.

    Raises:
        ValueError: it is not valid; the message says what is allowed.
    """
    if text and not (secure(text) and text.isprintable() and not {"?", "#", " "} & set(text)):
        raise ValueError("the address of the provider, such as https://id.example.org")
    return text


def secure(url: str) -> bool:
    """Whether nobody in between can read requests to this address: HTTPS, or this machine."""
    try:
        parts = urlsplit(url)
        found = host(parts.netloc)
    except ValueError:
        return False
    if found is None or parts.scheme not in ("http", "https"):
        return False
    address = machine(found.name)
    return parts.scheme == "https" or found.name == "localhost" or (address is not None and address.is_loopback)


def contradiction(config: Config) -> str:
    """What the settings for people lack, in one line that says what to do; empty if nothing."""
    groups = config.auth_groups_admin or config.auth_groups_write or config.auth_groups_read
    if config.auth_mode == "proxy":
        if not config.auth_proxy_networks:
            return "AUTH_MODE=proxy needs AUTH_PROXY_NETWORKS: the IP addresses or networks of the proxy"
        if groups and not config.auth_proxy_groups_header:
            return "AUTH_GROUPS_* needs AUTH_PROXY_GROUPS_HEADER: the header in which the proxy names the groups"
        if config.auth_proxy_groups_header and not groups:
            return "AUTH_PROXY_GROUPS_HEADER needs AUTH_GROUPS_ADMIN, AUTH_GROUPS_WRITE or AUTH_GROUPS_READ"
    if config.auth_mode == "oidc":
        given = {
            "OIDC_ISSUER": config.oidc_issuer,
            "OIDC_CLIENT_ID": config.oidc_client_id,
            "OIDC_CLIENT_SECRET": config.oidc_client_secret,
        }
        if missing := [name for name, value in given.items() if not value]:
            return f"AUTH_MODE=oidc needs {', '.join(missing)}"
        if not groups and not config.oidc_allowed_addresses:
            return (
                "AUTH_MODE=oidc needs AUTH_GROUPS_ADMIN, AUTH_GROUPS_WRITE, AUTH_GROUPS_READ or "
                "OIDC_ALLOWED_ADDRESSES: without them, everybody whom the provider knows could log in"
            )
        wide = any(address.startswith("@") for address in config.oidc_allowed_addresses)
        if config.auth_level is None and (wide or (groups and config.oidc_allowed_addresses)):
            return (
                "OIDC_ALLOWED_ADDRESSES with a whole domain, or besides AUTH_GROUPS_*, needs AUTH_LEVEL: "
                "what those people may do"
            )
    return ""


def level_by_proxy(config: Config, groups: Iterable[str]) -> Level | None:
    """The level of a person whom the proxy lets in; None: no access.

    A person whom the proxy lets in may do everything unless AUTH_LEVEL or groups limit that: the proxy has its own
    rules, and the person who runs both must be able to do everything without a second list.
    """
    named = config.auth_groups_admin or config.auth_groups_write or config.auth_groups_read
    return _level_of(config, groups) or config.auth_level or (None if named else Level.ADMIN)


def level_by_provider(config: Config, groups: Iterable[str], address: str) -> Level | None:
    """The level of a person with these groups and this verified address at the provider; None: no access."""
    found = _level_of(config, groups)
    allowed = config.oidc_allowed_addresses
    if found is None and address and ((low := address.lower()) in allowed or f"@{low.rpartition('@')[2]}" in allowed):
        return config.auth_level or Level.ADMIN
    return found


def _level_of(config: Config, groups: Iterable[str]) -> Level | None:
    given = set(groups)
    by_level = {
        Level.ADMIN: config.auth_groups_admin,
        Level.WRITE: config.auth_groups_write,
        Level.READ: config.auth_groups_read,
    }
    return next((found for found, known in by_level.items() if given & set(known)), None)
