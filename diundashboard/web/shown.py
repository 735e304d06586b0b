"""How much of a text or a list a page shows: names come from outside, and each page has a size.

Sizes are bytes of the page, as `"` takes five of them and a Chinese character three.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate

from flask import Blueprint

from diundashboard.model import Choice, Tag, View

blueprint = Blueprint("shown", __name__)

_LARGEST = 6
"""The most bytes that one character takes."""

_VIEWS = 6_000
"""The bytes of the views in the navigation."""

_TAGS = 80
"""The tags to choose from on a page. Others are chosen by typing their names."""

_TAG = 70
"""The bytes of a tag to choose beside its name, which it repeats."""

_CHOICE = 120
"""The bytes of a choice in a menu beside its link and its label."""


@blueprint.app_template_filter()
def size(text: str) -> int:
    """The bytes that a text takes."""
    quoted, tags = sum(map(text.count, "&\"'")), sum(map(text.count, "<>"))
    return len(text.encode("utf-8", "replace")) + 4 * quoted + 3 * tags


@blueprint.app_template_filter()
def start(text: str, most: int) -> str:
    """As much of the beginning of a text as fits."""
    if len(text) * _LARGEST <= most:
        return text
    return text[: bisect_right(range(most), most, key=lambda length: size(text[: length + 1]))]


@blueprint.app_template_filter()
def cut(text: str, most: int = 120) -> str:
    """A text, or its beginning and its end, because either can distinguish it from others."""
    if len(text) * _LARGEST <= most or (len(text) <= most and size(text) <= most):
        return text
    head = start(text, most * 2 // 3)
    return f"{head}…{start(text[: -most - 1 : -1], most - 3 - most * 2 // 3)[::-1]}"


@blueprint.app_template_filter()
def some(names: Sequence[str], count: int, most: int) -> tuple[str, int]:
    """The first names, as many as fit, and the number of the others."""
    shown: list[str] = []
    for name in names[:count]:
        shown.append(cut(name, 100))
        most -= size(shown[-1]) + 2
        if most < 0:
            break
    return ", ".join(shown), len(names) - len(shown)


@blueprint.app_template_filter()
def fitting_views(views: Sequence[View]) -> list[View]:
    """The first views, as many as fit into the navigation; the page of the views has all."""
    sizes = accumulate(size(view.query) + size(cut(view.name, 100)) for view in views)
    return [view for view, total in zip(views, sizes, strict=True) if total <= _VIEWS]


@blueprint.app_template_filter()
def fitting_tags(tags: Sequence[Tag], present: str, most: int) -> list[Tag]:
    """The present tag and those that most updates have, as many as fit, in their order."""
    ranked = sorted(tags, key=lambda tag: (tag.name != present, -tag.updates))[:_TAGS]
    sizes = accumulate(size(tag.name) + size(cut(tag.name, 60)) + _TAG for tag in ranked)
    fitting = {tag.id for tag, total in zip(ranked, sizes, strict=True) if total <= most}
    return [tag for tag in tags if tag.id in fitting]


@blueprint.app_template_global()
def menu(
    choices: Iterable[Choice], name: str, link: Callable[..., str], count: int, most: int
) -> Iterator[tuple[Choice, str]]:
    """The first choices of a menu, as many as fit, each with its link."""
    for choice, _ in zip(choices, range(count), strict=False):
        address = link(**{name: choice.value})
        most -= size(address) + size(cut(choice.label, 100)) + _CHOICE
        if most < 0:
            return
        yield choice, address
