"""What people do about updates: to one row, to the selected rows, or to all rows of a view; and Undo."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from diundashboard.clock import now
from diundashboard.command import script
from diundashboard.model import NEXT_VERSION, Action, Invalid
from diundashboard.store import Conflict
from diundashboard.store.names import NOTE_LENGTH
from diundashboard.web import history
from diundashboard.web.appearance import short_name
from diundashboard.web.context import person, store
from diundashboard.web.deeds import NOTHING, undo_last
from diundashboard.web.reading import number, selection, stood_on, view_stood_on
from diundashboard.web.shown import cut

blueprint = Blueprint("act", __name__, url_prefix="/act")

_ANSWERS = {"snooze": "until", "tag": "tag", "note": "note", "running": "version"}
"""The field of the answer to each question."""

_MORNING = time(6)
"""When `tomorrow` begins, in the person's time zone."""


@blueprint.before_request
def _know_the_way_back() -> None:
    """Refuse a form whose way back is invalid before it changes anything."""
    _page()


@blueprint.post("/acknowledge")
def acknowledge() -> ResponseReturnValue:
    """Mark as done."""
    return _after(store().acknowledge(selection(), person()))


@blueprint.post("/reopen")
def reopen() -> ResponseReturnValue:
    """Make pending again."""
    return _after(store().reopen(selection(), person()))


@blueprint.post("/snooze")
def snooze() -> ResponseReturnValue:
    """Snooze; without `until`, ask until when."""
    if not request.form.get("until"):
        return _ask("snooze")
    return _or_ask_again("snooze", lambda: store().snooze(selection(), _until(), person()))


@blueprint.post("/wake")
def wake() -> ResponseReturnValue:
    """End a snooze."""
    return _after(store().snooze(selection(), None, person()))


@blueprint.post("/mute")
def mute() -> ResponseReturnValue:
    """Mute, also for versions to come."""
    return _after(store().mute(selection(), True, person()))


@blueprint.post("/unmute")
def unmute() -> ResponseReturnValue:
    """Unmute."""
    return _after(store().mute(selection(), False, person()))


@blueprint.post("/tag")
def tag() -> ResponseReturnValue:
    """Tag the repositories with the tag of this name, which is created if needed; an empty name removes their tag."""
    if "tag" not in request.form:
        return _ask("tag")
    return _or_ask_again("tag", lambda: store().tag_updates(selection(), request.form["tag"].strip() or None, person()))


@blueprint.post("/note")
def note() -> ResponseReturnValue:
    """Save a note; an empty one removes it."""
    if "note" not in request.form:
        return _ask("note")
    return _or_ask_again("note", lambda: store().annotate(selection(), request.form["note"], person()))


@blueprint.post("/running")
def running() -> ResponseReturnValue:
    """Set the running version; an empty one unsets it."""
    chosen = selection()
    if len(chosen.ids) != 1:
        raise Invalid("choose one update to set its running version")
    version = request.form.get("version", "")
    return _or_ask_again("running", lambda: store().say_running(chosen.ids[0], version, person()))


@blueprint.post("/commands")
def commands() -> ResponseReturnValue:
    """One script for the selected updates, by host."""
    return render_template("commands.html", script=script(store().chosen(selection())), view=view_stood_on())


@blueprint.post("/undo")
def undo() -> ResponseReturnValue:
    """Undo a whole action; without one, the last thing that this person did."""
    action_id = number(request.form, "action", 0)
    if not action_id:
        undone = undo_last()
        return _back(f"did={undone.id if undone else NOTHING}")
    with suppress(Conflict):  # A second click: the page says that it is undone.
        store().undo(action_id, person())
    return _back(f"did={action_id}")


def _or_ask_again(verb: str, act: Callable[[], Action]) -> ResponseReturnValue:
    """Act; if the answer is invalid, ask again and say why."""
    try:
        return _after(act())
    except Invalid as error:
        return _ask(verb, error)


def _ask(verb: str, error: Invalid | None = None) -> ResponseReturnValue:
    """A page with the question that JavaScript asks in place."""
    chosen, present = selection(), {"snooze": "", "tag": "", "note": "", "running": ""}
    count = len(chosen.ids) if chosen.query is None else store().updates(chosen.query).total
    about = f"{count} updates"
    if len(chosen.ids) == 1:
        update = store().update(*chosen.ids)
        about = f"{cut(short_name(update))} on {cut(update.host or 'unnamed host')}"
        tag = update.tag.name if update.tag else ""
        present |= {"tag": tag, "note": update.note, "running": update.running_version}
    page = render_template(
        "ask.html",
        verb=verb,
        chosen=chosen,
        about=about,
        view=view_stood_on(),
        back=stood_on(),
        tags=store().tags(),
        now=present[verb],
        answer=request.form.get(_ANSWERS[verb], present[verb])[: 2 * NOTE_LENGTH],
        error=error,
    )
    return page, 400 if error else 200


def _until() -> datetime:
    """The end of a snooze. JavaScript adds the person's distance from UTC, in minutes as JavaScript counts them."""
    chosen = request.form["until"]
    zone = timedelta(minutes=-number(request.form, "zone", 0))
    today = (now() + zone).date()
    days = {"tomorrow": 1, "week": 7, "month": 30}
    if chosen == "next":
        return NEXT_VERSION
    try:
        day = today + timedelta(days=days[chosen]) if chosen in days else datetime.fromisoformat(chosen).date()
        until = datetime.combine(day, _MORNING, UTC) - zone
    except (ValueError, OverflowError):
        raise Invalid("until must be tomorrow, week, month, next or a date such as 2026-12-24") from None
    if not now() < until < NEXT_VERSION:
        raise Invalid("choose a date in the future")
    return until


def _after(action: Action) -> ResponseReturnValue:
    return _back(f"did={action.id}" if action.id else "")


def _back(did: str = "") -> ResponseReturnValue:
    """The page that the form was on, which says what was done."""
    page = _page()
    return redirect(f"{page}{'&' if '?' in page else '?'}{did}" if did else page, 303)


def _page() -> str:
    """The page that the form was on: the history, one update's, or a view."""
    return history.page(request.form["past"]) if "past" in request.form else stood_on()
