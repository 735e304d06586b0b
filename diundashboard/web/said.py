"""What the next page says was done to a host, a tag, a rule or a view.

A cookie carries a code, names and what Undo needs from the answer to a form to the page that follows, once. The
sentences are ours.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeGuard

from flask import Blueprint, Response, after_this_request, redirect, request, url_for

from diundashboard.web.context import cookie, cookie_path
from diundashboard.web.gate import SCRIPT_HEADER
from diundashboard.web.shown import cut

blueprint = Blueprint("said", __name__)

_COOKIE = "said"
_SECONDS = 60
_NAME = 100
"""The most characters of a name in a message."""

_COOKIE_SIZE = 3000
"""The most bytes of a message with its Undo. Browsers drop cookies of over 4096."""


class _Kind(NamedTuple):
    words: str
    undo: str = ""
    id: str = ""
    fields: tuple[str, ...] = ()


_KINDS = {
    "host renamed": _Kind("Host {} renamed to {}.", "hosts.rename", "host_id", ("name",)),
    "host merged": _Kind("{} merged into {}."),
    "host forgotten": _Kind("{} forgotten. Its history stays."),
    "runs forgotten": _Kind("Runs of {} forgotten."),
    "metadata used": _Kind("The metadata of containers on {} is used again."),
    "tag created": _Kind("Tag {} created."),
    "tag changed": _Kind("Tag {} changed.", "tags.change", "tag_id", ("name", "colour")),
    "tag renamed": _Kind("Tag {} renamed to {}.", "tags.change", "tag_id", ("name", "colour")),
    "tag deleted": _Kind("Tag {} deleted."),
    "rule created": _Kind("Rule {} added."),
    "rule deleted": _Kind("Rule {} deleted.", "tags.create_rule", "", ("pattern", "tag")),
    "view deleted": _Kind("View {} deleted."),
    "start page": _Kind("View {} is the start page."),
    "no start page": _Kind("View {} is no longer the start page."),
}
"""Each message: its sentence, and the form that undoes it, with the part of the address that holds an id."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message, and the form that undoes what it says: its address, empty if there is none, and its fields."""

    words: str
    undo: str
    fields: tuple[tuple[str, str], ...]


def saying(page: str, kind: str, *names: str, undo: Sequence[int | str] = ()) -> Response:
    """Send a person on to a page that says once what was done.

    `undo` is the id in the address of the form that undoes it, if that has one, and the values of the form's fields.
    """
    response = redirect(page, 303)
    value = _written(kind, names, undo)
    if len(value) > _COOKIE_SIZE:
        value = _written(kind, names, ())
    response.set_cookie(
        _COOKIE,
        value,
        max_age=_SECONDS,
        path=cookie_path(),
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )
    return response  # type: ignore[return-value]


def waits() -> bool:
    """Whether the page that is asked for has something to say. One that asks by itself leaves it to the person's."""
    return bool(cookie(_COOKIE)) and request.headers.get(SCRIPT_HEADER) != "poll"


@blueprint.app_template_global()
def said() -> Said | None:
    """What is to be said, which no other page says again."""
    if not waits():
        return None
    after_this_request(_forget)
    try:
        kind, names, undo = sent = json.loads(base64.urlsafe_b64decode(cookie(_COOKIE)))
        json.dumps(sent, ensure_ascii=False).encode()  # Half a character cannot be shown.
        return _message(_KINDS[kind], names, undo)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _written(kind: str, names: Sequence[str], undo: Sequence[int | str]) -> str:
    text = json.dumps([kind, [cut(name, _NAME) for name in names], list(undo)], ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode()


def _message(kind: _Kind, names: object, undo: object) -> Said:
    if not _texts(names, kind.words.count("{}")) or not isinstance(undo, list):
        raise ValueError("not a message of this dashboard")
    words = kind.words.format(*(cut(name, _NAME) for name in names))
    if not undo:
        return Said(words, "", ())
    ids, values = undo[: bool(kind.id)], undo[bool(kind.id) :]
    if not kind.undo or not all(type(each) is int for each in ids) or not _texts(values, len(kind.fields)):
        raise ValueError("not a message of this dashboard")
    address = url_for(kind.undo, **dict(zip([kind.id], ids, strict=False)))
    return Said(words, address, tuple(zip(kind.fields, values, strict=True)))


def _texts(values: object, count: int) -> TypeGuard[list[str]]:
    return isinstance(values, list) and len(values) == count and all(isinstance(each, str) for each in values)


def _forget(response: Response) -> Response:
    response.delete_cookie(_COOKIE, path=cookie_path(), samesite="Lax", secure=request.is_secure, httponly=True)
    return response
