"""The place of an update in the list that a person came from: the way back, the previous and the next update."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from flask import request, url_for

from diundashboard.model import Invalid, UpdateQuery
from diundashboard.web.context import same_page, store
from diundashboard.web.reading import number, view_asked, view_of


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another update of the list: its id, and the place for the address of its page."""

    id: int
    view: str
    at: int


@dataclass(frozen=True, slots=True)
class Place:
    """A row of a view, whose query string is `view`; `at` counts the rows of its page from 0."""

    view: str
    at: int
    before: Neighbour | None
    after: Neighbour | None


def place_of(update_id: int) -> Place:
    """The place of an update's page, from its address or from the list that led here.

    An update that is done and has left the list keeps its place: the row there now is the next one.

    Raises:
        Invalid: the address names an invalid view.
    """
    query = _view()
    view = view_of(query, page=query.page)
    page = store().updates(query)
    ids = [update.id for update in page.updates]
    listed = update_id in ids
    at = ids.index(update_id) if listed else min(max(0, number(request.args, "at", 0)), len(ids))
    behind = at + 1 if listed else at
    before = Neighbour(ids[at - 1], view, at - 1) if at else _end(query, query.page - 1, -1)
    after = Neighbour(ids[behind], view, behind) if behind < len(ids) else None
    if after is None and query.page < page.pages:
        after = _end(query, query.page + 1, 0)
    return Place(view, at, before, after)


def _end(query: UpdateQuery, number_of_page: int, end: int) -> Neighbour | None:
    """The last row of the page before, or the first row of the page after."""
    if number_of_page < 1:
        return None
    query = replace(query, page=number_of_page)
    found = store().updates(query).updates
    return Neighbour(found[end].id, view_of(query, page=number_of_page), end % len(found)) if found else None


def _view() -> UpdateQuery:
    """The view that the address names; without one, the list that linked here; else what is pending."""
    if "view" in request.args or "at" in request.args:
        return view_asked(request.args.get("view", ""))
    came_from = urlsplit(same_page())
    try:
        return view_asked(came_from.query if came_from.path == url_for("updates.index") else "")
    except Invalid:
        return UpdateQuery()
