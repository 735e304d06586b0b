"""Every table and column that a backup carries, in the order in which they can be filled.

Tables about the database itself stay where they are: yoyo's, and those of `LEFT_OUT`. Columns that PostgreSQL generates
are left out as well. A test compares this list with the schema of both databases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from diundashboard.model import Form, Row

LEFT_OUT = ("identity", "sessions", "browsers", "attempts", "setup_codes")
"""`identity` is the id of one database; a restored one keeps its own. Sessions and login attempts are short-lived."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table, and the columns by which its rows are sorted.

    `used`: whether a row in it means that the database is not empty.
    """

    name: str
    columns: Mapping[str, Form]
    order: tuple[str, ...] = ("id",)
    used: bool = True


def _columns(**names: str) -> dict[str, Form]:
    return {name: Form(form) for form, of_form in names.items() for name in of_form.split()}


TABLES = (
    Table("tags", _columns(integer="id colour", text="name")),
    Table(
        "hosts",
        _columns(integer="id merged_into", text="hostname display_name search", time="forgotten_at metadata_shared_at"),
    ),
    Table(
        "series",
        _columns(
            integer="id host_id open done heard versions rows",
            text="registry repository variant note said_version running_version label",
            time="snoozed_until muted_at said_at",
        ),
    ),
    Table(
        "updates",
        _columns(
            integer="id series_id tag_id label_tag_id notifications older",
            text="hostname image registry repository version digest status kind provider platform mime_type hub_link "
            "diun_version acknowledged_by name version_key from_version stack search pinned ctn_id",
            time="created first_seen_at received_at acknowledged_at done_at opened_at waiting_since",
            boolean="prerelease rebuilt folded superseded",
            json="metadata",
            list="containers named",
        ),
    ),
    Table(
        "notifications",
        _columns(
            integer="id update_id host_id",
            text="image kind status digest search current",
            time="received_at",
            boolean="spoke",
            bytes="payload",
        ),
    ),
    Table("actions", _columns(integer="id count told", text="by verb detail undone_by", time="at undone_at")),
    Table(
        "action_items",
        _columns(integer="action_id series_id update_id", text="reference digest", json="before"),
        order=("action_id", "series_id", "update_id", "reference", "digest"),
    ),
    Table(
        "days",
        _columns(integer="host_id notifications opened closed", text="kind", day="day"),
        order=("day", "host_id", "kind"),
    ),
    Table("tag_assignments", _columns(integer="tag_id", text="reference source"), order=("reference",)),
    Table("tag_rules", _columns(integer="id tag_id", text="pattern")),
    Table("views", _columns(integer="id", text="name query", boolean="is_start")),
    Table("pulses", _columns(integer="id", text="name", time="heard_at"), used=False),
    Table(
        "runs",
        _columns(integer="id pulse_id told", time="started_at ended_at", boolean="stopped", text="report"),
        used=False,
    ),
    Table("refusals", _columns(integer="id status", text="address reason excerpt", time="at"), used=False),
    Table(
        "accounts",
        _columns(integer="id", text="issuer subject name level password_hash", time="created_at"),
        used=False,
    ),
    Table("secrets", _columns(text="name value"), order=("name",), used=False),
    Table(
        "tokens",
        _columns(integer="id", text="key name level created_by", time="created_at expires_at used_at"),
        used=False,
    ),
    Table(
        "audit",
        _columns(integer="id", text="by address event detail", time="at", boolean="refused"),
        used=False,
    ),
    Table("edits", _columns(integer="number"), order=("number",), used=False),
    Table("version_rules", _columns(integer="number"), order=("number",), used=False),
)


def converted(
    rows: Iterable[Row], forms: Iterable[Form], conversions: Mapping[Form, Callable[[Any], Any]]
) -> Iterator[Row]:
    """The rows with the values of these forms converted. None stays."""
    steps = [(place, conversions[form]) for place, form in enumerate(forms) if form in conversions]
    for row in rows:
        values = list(row)
        for place, convert in steps:
            if values[place] is not None:
                values[place] = convert(values[place])
        yield values
