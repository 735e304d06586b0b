"""What people did, in words, and how to undo it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint

from diundashboard.address import machine
from diundashboard.clock import now
from diundashboard.config import AuthMode
from diundashboard.model import Action
from diundashboard.store import Conflict
from diundashboard.web.context import person, settings, store
from diundashboard.web.reading import number

blueprint = Blueprint("deeds", __name__)

NOTHING = "none"
"""Means in an address that nothing was left to undo."""

_REACH = timedelta(days=1)
"""How far back Undo goes step by step."""


@dataclass(frozen=True, slots=True)
class Did:
    """What a page says was done or, if it is undone, what can be undone next. Without an action, nothing was left."""

    action: Action | None
    next: Action | None = None


def did(values: Mapping[str, str]) -> Did | None:
    """What the query string of a page says was done, by the id of its action.

    Raises:
        Invalid: the id is not a whole number.
        NotFound: no action has this id.
    """
    if values.get("did") == NOTHING:
        return Did(None)
    action_id = number(values, "did", 0)
    if not action_id:
        return None
    action = store().action(action_id)
    return Did(action, last() if action.undone else None)


def last() -> Action | None:
    """The newest action that can be undone: of this person, or of anybody if nobody logs in."""
    by = None if settings().auth_mode == AuthMode.NONE else person()
    return store().last_action(by, now() - _REACH)


def undo_last() -> Action | None:
    """Undo the newest action, or the one before if somebody else was faster; None if nothing is left."""
    while action := last():
        try:
            return store().undo(action.id, person())
        except Conflict:
            continue
    return None


@blueprint.app_template_filter()
def known(name: str) -> bool:
    """Whether a name says who acted. If nobody logs in, it is the address of a browser."""
    return bool(name) and machine(name) is None


@blueprint.app_template_filter()
def moment(text: str) -> datetime:
    """The time in the detail of a snooze."""
    return datetime.fromisoformat(text)


@blueprint.app_template_filter()
def date(time: datetime) -> str:
    """A day as a person says it: `Sat 28 Nov`, with the year if it is another one."""
    year = "" if time.year == now().year else f" {time.year}"
    return f"{time:%a} {time.day} {time:%b}{year}"
