"""Reads what a request asks for from its query string or form. Invalid input raises Invalid, with a message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from flask import request, url_for
from werkzeug.datastructures import MultiDict

from diundashboard.limits import CHOSEN, ITEMS, ROWS, VALUES, VIEW
from diundashboard.model import FILTERS, Age, Group, Invalid, Selection, Sort, State, UpdateQuery

Choice = TypeVar("Choice", bound=StrEnum)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Fold(StrEnum):
    """Whether older versions fold under the newest, or are rows of their own."""

    YES = "yes"
    NO = "no"


def number(values: Mapping[str, str], name: str, default: int) -> int:
    """A whole number of at most nine digits."""
    text = values.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 10):
        raise Invalid(f"{name} must be a whole number")
    return int(text)


def page_of(count: int) -> tuple[int, int, slice]:
    """The requested page of so many items, the number of pages, and which items it shows.

    Raises:
        Invalid: `page` is not a whole number.
    """
    pages = max(1, -(-count // ITEMS))
    page = min(max(1, number(request.args, "page", 1)), pages)
    return page, pages, slice((page - 1) * ITEMS, page * ITEMS)


def one_of(choices: type[Choice], values: Mapping[str, str], name: str, default: Choice) -> Choice:
    """One of the values of an enumeration."""
    try:
        return choices(values.get(name, "") or default)
    except ValueError:
        raise Invalid(f"{name} must be one of {', '.join(choices)}") from None


def one_or_all(choices: type[Choice], values: Mapping[str, str], name: str, default: Choice) -> Choice | None:
    """One of the values of an enumeration, or None for `all`."""
    if values.get(name) == "all":
        return None
    try:
        return one_of(choices, values, name, default)
    except Invalid as error:
        raise Invalid(f"{error} or all") from None


def name_or_none(values: Mapping[str, str], name: str) -> str | None:
    """A name that a query asks for, as `written` wrote it; None for any."""
    text = values.get(name) or None
    return text[1:] if text and _is_dashed(text) else text


def several(values: MultiDict[str, str], name: str, dashed: bool = False) -> tuple[str, ...]:
    """The values of a filter, each once and sorted; `dashed` ones are as `written` wrote them."""
    found = {text[1:] if dashed and _is_dashed(text) else text for text in values.getlist(name) if text}
    return tuple(sorted(found))


def _is_dashed(text: str) -> bool:
    return text == "-" or text.startswith("--")


def written(name: str | None) -> str | None:
    """How a query names a host, stack or provider: `-` means none, and a name with a dash in front gets one more."""
    return f"-{name}" if name is not None and name[:1] in ("", "-") else name


def query_of(values: MultiDict[str, str]) -> UpdateQuery:
    """The updates that a query string asks for. Every view has one, so it can be kept as a link."""
    return UpdateQuery(
        state=one_or_all(State, values, "state", State.PENDING),
        page=number(values, "page", 1),
        per_page=number(values, "per_page", 50),
        search=values.get("q", ""),
        host=several(values, "host", dashed=True),
        tag=several(values, "tag"),
        registry=several(values, "registry"),
        provider=several(values, "provider", dashed=True),
        kind=several(values, "kind"),
        stack=several(values, "stack", dashed=True),
        age=one_of(Age, values, "age", Age.DAY) if values.get("age") else None,
        sort=one_of(Sort, values, "sort", Sort.AGE) if values.get("sort") else None,
        group=one_of(Group, values, "group", Group.NOTHING),
        fold=one_of(Fold, values, "fold", Fold.YES) == Fold.YES,
        until=_moment(values, "until"),
    )


def page_asked(values: MultiDict[str, str]) -> UpdateQuery:
    """The updates on a page, which shows at most 50.

    Raises:
        Invalid: it filters by too many values, or its address is too long. The page repeats both.
    """
    query = query_of(values)
    if sum(len(getattr(query, name)) for name in FILTERS) > VALUES:
        raise Invalid(f"a page filters by at most {VALUES} values")
    if len(view_of(query)) > VIEW:
        raise Invalid("the search and the filters are too long; choose fewer")
    return replace(query, per_page=min(query.per_page, ROWS))


def view_asked(view: str) -> UpdateQuery:
    """The updates that the query string of a view asks for.

    Raises:
        Invalid: it is not valid, or too long.
    """
    return page_asked(MultiDict(parse_qsl(view.removeprefix("?"))))


def view_of(query: UpdateQuery, **changes: Any) -> str:
    """The query string of a query with some changes, without default values: with a `?` in front, or empty."""
    changed = replace(query, **({"page": 1} | changes))
    default = UpdateQuery()
    values = {
        "state": changed.state or "all",
        "q": changed.search,
        "host": list(map(written, changed.host)),
        "tag": changed.tag,
        "registry": changed.registry,
        "provider": list(map(written, changed.provider)),
        "kind": changed.kind,
        "stack": list(map(written, changed.stack)),
        "age": changed.age,
        "sort": changed.sort,
        "group": changed.group,
        "fold": Fold.YES if changed.fold else Fold.NO,
        "page": changed.page,
        "until": changed.until and microseconds(changed.until),
    }
    order = UpdateQuery(state=changed.state).order
    usual = {"state": default.state, "sort": order, "group": default.group, "fold": Fold.YES, "page": 1}
    text = urlencode({name: value for name, value in values.items() if value and value != usual.get(name)}, doseq=True)
    return f"?{text}" if text else ""


def address(view: str) -> str:
    """The address of a view, by its query string. An address without one shows the start page."""
    return url_for("updates.index") + (view or "?state=pending")


def update_address(update_id: int, view: str, at: int) -> str:
    """The address of the page of an update, which is at this row of a view. The first row of pending is the default."""
    return url_for("updates.detail", update_id=update_id, view=view or None, at=at or None)


def posted_view() -> UpdateQuery:
    """The view that a form was on: its field `view` contains the query string."""
    return view_asked(request.form.get("view", ""))


def view_stood_on() -> str:
    """The query string of the view that a form was on."""
    view = posted_view()
    return view_of(view, page=view.page)


def stood_on() -> str:
    """The page that a form was on: that of one update, or a view."""
    update_id, view = number(request.form, "back", 0), view_stood_on()
    if not update_id:
        return address(view)
    return update_address(update_id, view, number(request.form, "at", 0))


def selection() -> Selection:
    """What a form selects: `only` one row, the rows `shown`, a `group` or `all` of its view, or each ticked `id`.

    A group or a view includes all of its pages, except what arrived after the time `seen`.
    """
    if not request.form.get("only") and not request.form.get("shown"):
        found = replace(posted_view(), page=1, until=_moment(request.form, "seen"))
        if "group" in request.form:
            return Selection(query=found.of_group(request.form["group"]))
        if request.form.get("all"):
            return Selection(query=found)
    texts = (request.form.get("only") or request.form.get("shown", "")).split() or request.form.getlist("id")
    if not texts:
        raise Invalid("select at least one update")
    if len(texts) > CHOSEN:
        raise Invalid(f"at most {CHOSEN:,} updates can be selected one by one")
    return Selection(tuple(map(_id, texts)))


def _id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise Invalid("an id must be a whole number")
    return int(text)


def microseconds(moment: datetime) -> int:
    """A time as addresses and forms contain it: in microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(values: Mapping[str, str], name: str) -> datetime | None:
    text = values.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 18):
        raise Invalid(f"{name} must be a time in microseconds since 1970")
    return _EPOCH + timedelta(microseconds=int(text))
