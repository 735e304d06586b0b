"""Why an update is of its kind, in one sentence. Pure."""

from __future__ import annotations

from datetime import datetime

from diundashboard.image import Kind
from diundashboard.model import Cause, Update
from diundashboard.web.shown import cut

_NUMBERS = {Kind.MAJOR: "first", Kind.MINOR: "second", Kind.PATCH: "third"}

_VERSION = 40
"""The most bytes of a version in a sentence."""


def why(update: Update) -> str:
    """The sentence; long versions are cut. It names the version that ran when the update last asked for attention."""
    new, ran = cut(update.version, _VERSION), cut(update.from_version, _VERSION)
    match update.kind:
        case Kind.MAJOR | Kind.MINOR | Kind.PATCH as kind:
            return f"The {_NUMBERS[Kind(kind)]} number differs, {ran} to {new}."
        case Kind.BUILD:
            return f"Only the build differs, {ran} to {new}."
        case Kind.REBUILD:
            return "The same tag with another digest."
        case Kind.OLDER if update.from_version != update.running_version:
            return f"{new} is below {ran}, which ran before."
        case Kind.OLDER:
            return f"{new} is below {ran}, which runs{_cause(update)}."
    if update.from_version and update.from_version == update.version:
        return f"{new} runs already."
    return f"{new} does not compare with {ran}, which runs." if ran else "No running version is known to compare with."


def _cause(update: Update) -> str:
    since = f" on {_day(update.running_at)}" if update.running_at else ""
    match update.running_cause:
        case Cause.DONE:
            return f" because it was marked as done{since}"
        case Cause.PERSON:
            return f" because it was set as the running version{since}"
        case Cause.LABEL:
            return f" because a container label says so{f' since {_day(update.running_at)}' if since else ''}"
    return ""


def _day(time: datetime | None) -> str:
    return f"{time.day} {time:%B %Y}" if time else ""
