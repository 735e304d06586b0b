"""Where on the web a person reads on about an update: its registry's page, its source, its releases. Pure.

Only what the hub link or the registry gives away: that `ghcr.io/owner/name` comes from `github.com/owner/name` is
often so, and often not. All of it comes from outside, so each part of an address is percent-encoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from diundashboard.model import Update


@dataclass(frozen=True, slots=True)
class Link:
    """An address that begins with http:// or https://, and what a person calls the place."""

    label: str
    url: str


def links(update: Update) -> tuple[Link, ...]:
    """The registry's page, the source, its releases, the release of this version, and DIUN's hub link.

    Each address once: a hub link that is one of the others has the other's label. A registry that is not a known
    public one gives no link. That the release has the image's version as its tag, to the letter, is a guess.
    """
    hub = _web(update.hub_link)
    found: dict[str, Link] = {}
    for link in (*_registry(update), *_source(update, hub), *_hub(hub)):
        found.setdefault(link.url.partition("://")[2].rstrip("/"), link)
    return tuple(found.values())


def _hub(hub: str) -> Iterator[Link]:
    if hub:
        yield Link(urlsplit(hub).netloc, hub)


def _registry(update: Update) -> Iterator[Link]:
    """Addresses that DIUN also sends as a hub link are written as DIUN writes them."""
    parts = _parts(update.repository)
    path = "/".join(parts)
    match update.registry, parts:
        case "docker.io", ["library", name]:
            yield Link("Docker Hub", f"https://hub.docker.com/_/{name}")
        case "docker.io", [_, _]:
            yield Link("Docker Hub", f"https://hub.docker.com/r/{path}")
        case "ghcr.io", [owner, *names] if names:
            name = "%2F".join(names)
            yield Link("GitHub Packages", f"https://github.com/users/{owner}/packages/container/package/{name}")
        case "quay.io", [_, _, *_]:
            yield Link("Quay", f"https://quay.io/repository/{path}")
        case "lscr.io", ["linuxserver", _]:
            yield Link("LinuxServer.io", f"https://fleet.linuxserver.io/image?name={path}")
        case "gcr.io" | "us.gcr.io" | "eu.gcr.io" | "asia.gcr.io", [_, _, *_]:
            yield Link("Google Container Registry", f"https://{update.registry}/{path}")
        case "mcr.microsoft.com", [_, *_]:
            yield Link("Microsoft Artifact Registry", f"https://mcr.microsoft.com/en-us/artifact/mar/{path}/about")
        case "public.ecr.aws", [_, _, *_]:
            yield Link("Amazon ECR Public Gallery", f"https://gallery.ecr.aws/{path}")
        case "registry.gitlab.com", [_, _]:
            yield Link("GitLab Container Registry", f"https://gitlab.com/{path}/container_registry")
        case "codeberg.org", [owner, *names] if names:
            name = "%2F".join(names)
            version = _encoded(update.version) if update.version.strip(".") else "versions"
            yield Link("Codeberg Packages", f"https://codeberg.org/{owner}/-/packages/container/{name}/{version}")


# A version that is likely a tag of the source too: `1.29`, `16` and `1.29.0-alpine` are rather images only.
_VERSION = re.compile(r"v?[0-9]+(?:\.[0-9]+){2,}(?:-?(?:alpha|beta|rc)[.-]?[0-9]*)?")
_LINUXSERVER_VERSION = re.compile(r"[0-9A-Za-z._-]+-ls[0-9]+")


def _source(update: Update, hub: str) -> Iterator[Link]:
    repository = _repository(hub) or _known_source(update)
    if not repository:
        return
    prefix = "/-" if repository.startswith("https://gitlab.com/") else ""
    yield Link("Source", repository)
    yield Link("Releases", f"{repository}{prefix}/releases")
    linuxserver = repository.startswith("https://github.com/linuxserver/")
    if (_LINUXSERVER_VERSION if linuxserver else _VERSION).fullmatch(update.version):
        tag = "" if prefix else "/tag"
        yield Link(f"Release {update.version}", f"{repository}{prefix}/releases{tag}/{_encoded(update.version)}")


def _known_source(update: Update) -> str:
    match update.registry, _parts(update.repository):
        case "lscr.io" | "ghcr.io" | "docker.io", ["linuxserver", name]:
            return f"https://github.com/linuxserver/docker-{name}"
        case "registry.gitlab.com", [group, project]:
            # With more parts, a subgroup looks like an image of the project.
            return f"https://gitlab.com/{group}/{project}"
    return ""


_NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*")
# Pages of the sites themselves, in the place of an owner's name.
_PAGES = {"about", "apps", "explore", "features", "groups", "help", "marketplace", "org", "organizations", "orgs"}
_PAGES |= {"repo", "search", "settings", "sponsors", "topics", "user", "users"}
# Pages of a project on GitLab, in the place of the name of a project in a subgroup.
_PROJECT_PAGES = {"-", "blob", "issues", "releases", "tags", "tree", "wikis"}


def _repository(url: str) -> str:
    """The repository that an address on GitHub, GitLab or Codeberg is in; "" if none."""
    if not url:
        return ""
    parts = urlsplit(url)
    site = parts.netloc.removeprefix("www.")
    names = [unquote(name) for name in parts.path.split("/") if name]
    if site == "gitlab.com":
        end = next((at for at, name in enumerate(names) if name in _PROJECT_PAGES), len(names))
        names = names[:end]
        if "container_registry" in names:
            return ""
    elif site in ("github.com", "codeberg.org"):
        names = names[:2]
    else:
        return ""
    if len(names) < 2 or names[0] in _PAGES:
        return ""
    names[-1] = names[-1].removesuffix(".git")
    if not all(_NAME.fullmatch(name) and name.strip(".") for name in names):
        return ""
    return f"https://{site}/{'/'.join(names)}"


_HOST = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?")
_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")


def _web(link: str) -> str:
    """The address, percent-encoded, if it leads to the web; "" if not.

    A user before the host is refused, since it makes an address look like another.
    """
    try:
        parts = urlsplit(link.strip())
        _ = parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.netloc):
        return ""
    url = f"{parts.scheme}://{parts.netloc.lower()}{_escaped(parts.path)}"
    url += f"?{_escaped(parts.query)}" if parts.query else ""
    return url + (f"#{_escaped(parts.fragment)}" if parts.fragment else "")


def _escaped(text: str) -> str:
    """Percent-encode what a path or a query cannot contain; what is encoded already stays."""
    return quote(_PERCENT.sub("%25", text), safe="%/:@!$&()*+,;=?~", errors="replace")


def _encoded(text: str) -> str:
    return quote(text, safe="", errors="replace")


def _parts(path: str) -> list[str]:
    """The parts of a repository's name, each percent-encoded; none if one would change the path."""
    parts = path.split("/")
    return [_encoded(part) for part in parts] if all(part.strip(".") for part in parts) else []
