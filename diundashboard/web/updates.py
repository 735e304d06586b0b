"""The updates page: what is still to be done; and the page of one update."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from diundashboard.clock import now
from diundashboard.command import commands
from diundashboard.limits import ITEMS, VIEW
from diundashboard.link import links
from diundashboard.model import COUNTED_DONE, Invalid, UpdateQuery
from diundashboard.web.context import store
from diundashboard.web.deeds import did
from diundashboard.web.filters import WORDS
from diundashboard.web.fresh import fresh
from diundashboard.web.place import place_of
from diundashboard.web.reading import address, microseconds, number, page_asked, view_of

blueprint = Blueprint("updates", __name__)

_MOMENTS = 20
"""How much of an update's history one page shows."""


@blueprint.get("/")
@fresh
def index() -> ResponseReturnValue:
    """One page of updates."""
    views = store().views()
    start = next((view for view in views if view.is_start and len(view.query) <= VIEW), None)
    if start and not request.query_string:
        return redirect(address(start.query), 302)
    query = page_asked(request.args)
    moment = now()  # Before the rows are read: what arrives meanwhile is later.
    page = store().updates(query)
    done = did(request.args)
    if done and page.total and not page.updates:  # Everything on the last page is done.
        return redirect(f"{address(view_of(query, page=page.pages))}&did={request.args['did']}", 302)
    choices = store().choices(query)
    plain = view_of(query, until=None)
    return render_template(
        "updates.html",
        query=query,
        page=page,
        link=lambda **changes: address(view_of(query, **{"until": None, **changes})),
        onward=query.until or moment,
        view_without_filters=view_of(UpdateQuery(state=query.state, sort=query.sort, group=query.group)),
        **WORDS,
        seen=microseconds(query.until or moment),
        view=view_of(query, page=query.page),
        shown_view=next((each for each in views if each.query == plain), None),
        choices=choices,
        names={choice.value: choice.label for choice in choices.host},
        counted=COUNTED_DONE,
        summary=store().summary(),
        views=views,
        did=done,
        tags=store().tags(),
        known=page.total or store().updates(UpdateQuery(state=None, per_page=1)).total,
    )


@blueprint.get("/updates/<int:update_id>")
@fresh
def detail(update_id: int) -> ResponseReturnValue:
    """Everything about one update."""
    update = store().update(update_id)
    page = number(request.args, "page", 1)
    if not 1 <= page <= 1_000_000:
        raise Invalid("page must be from 1 to 1000000")
    timeline = store().timeline(update_id, (page - 1) * _MOMENTS, _MOMENTS + 1)
    return render_template(
        "update.html",
        update=update,
        digest_before=store().digest_before(update_id),
        series=store().series(update_id),
        timeline=timeline[:_MOMENTS],
        more=len(timeline) > _MOMENTS,
        page=page,
        commands=commands(update),
        links=links(update),
        tags=store().tags(),
        place=place_of(update_id),
        did=did(request.args),
    )


@blueprint.get("/updates/<int:update_id>/older")
def older(update_id: int) -> ResponseReturnValue:
    """The versions that are folded under one, as rows to open in place."""
    found = store().older(update_id)
    return render_template("older.html", updates=found[:ITEMS], rest=len(found) - ITEMS, update_id=update_id)
