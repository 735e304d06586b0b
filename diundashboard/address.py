"""Addresses of machines and sites: read, checked and compared. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Networks = tuple[IPv4Network | IPv6Network, ...]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")
_PORT = re.compile(r"[0-9]{1,5}")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9_~.-]+)+")
_PORTS = {"http": 80, "https": 443}


def networks(text: str) -> Networks:
    """The addresses and networks in a text, which separates them by commas.

    Raises:
        ValueError: one of them is not valid; the message says what is allowed.
    """
    try:
        return tuple(ip_network(part.strip()) for part in text.split(","))
    except ValueError as error:
        raise ValueError(
            f"IP addresses or networks, separated by commas, such as 172.18.0.2 or 172.18.0.0/16: {error}"
        ) from None


@lru_cache(maxsize=1024)
def machine(text: str) -> IPv4Address | IPv6Address | None:
    """The IP address in a text, which may have brackets and a port; None if there is no other meaning to it.

    An IPv4 address that is written as IPv6 is IPv4, and the zone of an IPv6 address is left out.
    """
    if text.startswith("["):
        text, bracket, after = text[1:].partition("]")
        valid = (bracket and not after) or (after.startswith(":") and _is_port(after[1:]))
    else:
        bare, _, port = text.partition(":")
        valid = text.count(":") != 1 or _is_port(port)
        text = bare if text.count(":") == 1 else text
    try:
        found = ip_address(text.partition("%")[0]) if valid and text.isascii() else None
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def within(text: str, allowed: Networks) -> bool:
    """Whether the text is an IP address in one of the networks."""
    found = machine(text)
    return found is not None and any(found in network for network in allowed)


@dataclass(frozen=True, slots=True)
class Host:
    """A name or an IP address, in lower case and without a dot at its end, and the port, as a browser sends them."""

    name: str
    """An IPv6 address has its brackets."""
    port: int | None = None

    def origin(self, scheme: str) -> str:
        """What a browser calls the origin of pages from there: it leaves the usual port out."""
        usual = self.port is None or self.port == _PORTS.get(scheme)
        return f"{scheme}://{self.name}" if usual else f"{scheme}://{self.name}:{self.port}"


@lru_cache(maxsize=1024)
def host(text: str) -> Host | None:
    """The host in a text such as `nas.lan:8080`; None if the text is not a host."""
    name, port = text, ""
    if text.startswith("["):
        name, bracket, port = text.partition("]")
        name += bracket
    elif ":" in text:
        name, _, port = text.partition(":")
        port = f":{port}"
    if port and not (port.startswith(":") and _is_port(port[1:])):
        return None
    if name.startswith("["):
        try:
            name = f"[{IPv6Address(name[1:-1])}]"
        except ValueError:
            return None
        if "%" in name or not text.endswith(f"]{port}"):
            return None
    elif len(name) > 254 or not _NAME.fullmatch(name := name.removesuffix(".")):
        return None
    return Host(name.lower(), int(port[1:]) if port else None)


def prefix(text: str) -> str | None:
    """The path under which a proxy serves the dashboard, without a slash at its end; None if it is not valid."""
    path = text.removesuffix("/")
    safe = not path or (_PREFIX.fullmatch(path) and not {".", ".."} & set(path.split("/")))
    return path if safe and text.startswith("/") else None


@dataclass(frozen=True, slots=True)
class Site:
    """Where people reach the dashboard: scheme, host and the path under which it is served."""

    scheme: str
    host: Host
    path: str = ""
    """Without a slash at its end."""

    @property
    def origin(self) -> str:
        """What a browser calls the origin of its pages."""
        return self.host.origin(self.scheme)

    def __str__(self) -> str:
        return self.origin + self.path


def site(text: str) -> Site:
    """The site at an address such as `https://diun.example.org/updates`.

    Raises:
        ValueError: it is not valid; the message says what is allowed.
    """
    try:
        parts = urlsplit(text)
        found, path = host(parts.netloc), prefix(parts.path or "/")
    except ValueError:
        found, path = None, None
    if found is None or path is None or text != f"{parts.scheme}://{parts.netloc}{parts.path}":
        raise ValueError("an address such as https://diun.example.org or https://example.org/diun")
    if parts.scheme not in _PORTS:
        raise ValueError("an address that begins with http:// or https://")
    return Site(parts.scheme, found, path)


def _is_port(text: str) -> bool:
    return bool(_PORT.fullmatch(text)) and 0 < int(text) < 65536
