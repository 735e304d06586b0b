"""The audit of actions and refused attempts, for admins."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from flask import Blueprint, Response, render_template, request, stream_with_context
from flask.typing import ResponseReturnValue

from diundashboard.limits import ITEMS
from diundashboard.model import Entry
from diundashboard.web.context import store
from diundashboard.web.reading import number

blueprint = Blueprint("audit", __name__)

_AT_ONCE = 1000
"""How many rows of the CSV are read and sent at a time."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""How a cell begins that a spreadsheet takes for a formula."""


@blueprint.get("/audit")
def index() -> ResponseReturnValue:
    """One page of the audit, newest first."""
    before = number(request.args, "before", 0) or None
    found = store().audit(before, ITEMS + 1)
    return render_template("audit.html", entries=found[:ITEMS], more=len(found) > ITEMS, before=before)


@blueprint.get("/audit.csv")
def sheet() -> ResponseReturnValue:
    """Every row, newest first, as comma-separated values in UTF-8."""
    # An error at the first rows still becomes an answer.
    first = store().audit(None, _AT_ONCE)
    answer = Response(stream_with_context(_sheet(first)), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="diundashboard-audit.csv"'
    return answer


def _sheet(entries: tuple[Entry, ...]) -> Iterator[str]:
    yield _lines([("time", "who", "address", "event", "detail", "refused")])
    while entries:
        yield _lines(
            (f"{each.at:%Y-%m-%dT%H:%M:%SZ}", each.by, each.address, each.event, each.detail, _refused(each))
            for each in entries
        )
        entries = store().audit(entries[-1].id, _AT_ONCE)


def _refused(entry: Entry) -> str:
    return "yes" if entry.refused else "no"


def _lines(rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def _harmless(cell: str) -> str:
    """The cell with a quote in front where a spreadsheet would run it."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
