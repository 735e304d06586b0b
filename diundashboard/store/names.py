"""Names, notes, patterns and references in the form that a store keeps. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from diundashboard import image
from diundashboard.limits import VIEW, VIEWS
from diundashboard.model import Invalid
from diundashboard.text import searchable, storable

NAME_LENGTH = 100
"""The longest name of a tag or a view, in characters."""

NOTE_LENGTH = 1000
"""The longest note, in characters."""

PATTERN_LENGTH = 300
"""The longest pattern of a rule, in characters."""


def tag_name(text: str) -> str:
    """The name of a tag as it is stored: without surrounding white space.

    Raises:
        Invalid: it is empty or longer than 100 characters.
    """
    return _short_name(text, "tag")


def view_name(text: str) -> str:
    """The name of a view as it is stored: without surrounding white space.

    Raises:
        Invalid: it is empty or longer than 100 characters.
    """
    return _short_name(text, "view")


def view_query(text: str) -> str:
    """The query string of a view as it is stored.

    Raises:
        Invalid: it is longer than 1,600 characters.
    """
    query = storable(text)
    if len(query) > VIEW:
        raise Invalid(f"the query of a view has at most {VIEW:,} characters, not {len(query):,}")
    return query


def check_views(others: int) -> None:
    """Raise Invalid if there are too many views beside the one that is saved."""
    if others >= VIEWS:
        raise Invalid(f"at most {VIEWS} views can be saved; delete one first")


def host_name(text: str) -> str:
    """The name that a person gives to a host, as it is stored; "" for none.

    Raises:
        Invalid: it is longer than 100 characters.
    """
    return _short_name(text, "host") if text.strip() else ""


def account_name(text: str) -> str:
    """The name of an account as it is stored: without surrounding white space.

    Raises:
        Invalid: it is empty, longer than 100 characters, or has a character that is not printable.
    """
    return _printable_name(text, "account")


def token_name(text: str) -> str:
    """The name of a token as it is stored: without surrounding white space.

    Raises:
        Invalid: it is empty, longer than 100 characters, or has a character that is not printable.
    """
    return _printable_name(text, "token")


def account_key(name: str) -> str:
    """What two names of accounts are compared by."""
    return searchable(name.strip())


def pulse_name(text: str) -> str:
    """The name under which a DIUN reports its runs, as it is stored: without surrounding white space.

    Raises:
        Invalid: it is empty or longer than 100 characters.
    """
    return _short_name(text, "DIUN")


def _printable_name(text: str, what: str) -> str:
    name = _short_name(text, what)
    if not name.isprintable():
        raise Invalid(f"{_article(what)} {what}'s name has only printable characters")
    return name


def _short_name(text: str, what: str) -> str:
    name = storable(text).strip()
    if not name:
        raise Invalid(f"{_article(what)} {what} needs a name")
    if len(name) > NAME_LENGTH:
        raise Invalid(f"{_article(what)} {what}'s name has at most {NAME_LENGTH} characters, not {len(name)}")
    return name


def _article(what: str) -> str:
    return "an" if what[0] in "aeiou" else "a"


def metadata_tag(metadata: Mapping[str, str]) -> str:
    """The tag that a container's label asks for, or its stack; "" if there is neither, or it is not a valid name."""
    try:
        return tag_name(metadata.get("tag") or metadata.get("stack", ""))
    except Invalid:
        return ""


def note_text(text: str) -> str:
    """A note as it is stored.

    Raises:
        Invalid: it is longer than 1,000 characters.
    """
    note = storable(text).strip()
    if len(note) > NOTE_LENGTH:
        raise Invalid(f"a note has at most {NOTE_LENGTH} characters, not {len(note)}")
    return note


def rule_pattern(text: str) -> str:
    """The pattern of a rule as it is stored: with the registry in front, as names of repositories are compared.

    Raises:
        Invalid: it is empty or too long.
    """
    pattern = storable(text).strip()
    if not pattern:
        raise Invalid("a rule needs a pattern, such as ghcr.io/immich-app/*")
    if len(pattern) > PATTERN_LENGTH:
        raise Invalid(f"a pattern has at most {PATTERN_LENGTH} characters, not {len(pattern)}")
    return pattern if pattern.startswith("*") else image.parse(pattern).name


def assignable(reference: str) -> str:
    """What a tag is assigned to: `registry/repository`, or with `:tag` where the reference names a version.

    Raises:
        Invalid: it is blank.
    """
    text = storable(reference).strip()
    if not text:
        raise Invalid("enter an image: registry/repository, or registry/repository:tag")
    exact = "@" in text or ":" in text.rpartition("/")[2]
    return image.parse(text).image if exact else image.parse(text).name


def action_label(repository: str, version: str | None, host: str) -> str:
    """The label of an action on one row: `redis on nas`, with the version if another one is still open."""
    name = repository.rpartition("/")[2]
    return f"{name} {version} on {host or 'unnamed host'}" if version else f"{name} on {host or 'unnamed host'}"
