"""The filters of the updates page in words: the boxes of its menus, the chips that remove a value, and its title."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint

from diundashboard.image import Kind
from diundashboard.model import FILTERS, UNTAGGED, Age, Choice, Group, Sort, State, UpdateQuery
from diundashboard.web.reading import written
from diundashboard.web.shown import cut, size

blueprint = Blueprint("filters", __name__)

AGES = {
    Age.DAY: "Last 24 hours",
    Age.WEEK: "Last 7 days",
    Age.MONTH: "Last 30 days",
    Age.OLDER: "Waiting over 30 days",
}

SORTS = {
    Sort.DONE: "done last",
    Sort.AGE: "newest",
    Sort.WAITING: "longest waiting",
    Sort.NAME: "name",
    Sort.HOST: "host",
    Sort.KIND: "kind",
}

GROUPS: dict[str, str] = {Group.NOTHING: "none", **{group: group.value for group in Group if group != Group.NOTHING}}

STATES = {state: "done" if state == State.ACKNOWLEDGED else state.value for state in State}

WORDS = {"ages": AGES, "sorts": SORTS, "groups": GROUPS, "states": STATES}
"""The words that the template of the page takes by these names."""

_WORDS = {
    ("host", ""): "unnamed host",
    ("tag", UNTAGGED): "no tag",
    ("provider", ""): "no provider",
    ("stack", ""): "no stack",
    ("kind", "rebuild"): "rebuilt",
}

_CHIPS = 12_000
"""The bytes of the chips of a page. Where each value takes more, a filter is one chip."""

_BOX = 160
"""The bytes of a box in a menu beside its value and its label."""


@dataclass(frozen=True, slots=True)
class Box:
    """One value of a filter as a box to tick: what the form sends, what a person reads, and how many it shows."""

    value: str
    label: str
    count: int
    ticked: bool


@dataclass(frozen=True, slots=True)
class Chip:
    """One value that narrows the page, and the address of the page without it."""

    label: str
    value: str
    address: str


@blueprint.app_template_global()
def boxes(choices: Iterable[Choice], name: str, chosen: tuple[str, ...], count: int, most: int) -> list[Box]:
    """The boxes of a menu: the chosen values first, then the others, as many as fit. Kinds keep their order."""
    found = list(choices)
    known = {choice.value: choice for choice in found}
    ticked = [known.get(value, Choice(value, value, 0)) for value in chosen]
    others = [choice for choice in found if choice.value not in chosen]
    if name == "kind":
        order = {kind.value: place for place, kind in enumerate(Kind)}
        ticked, others = [], sorted([*ticked, *others], key=lambda choice: order.get(choice.value, len(order)))
    result: list[Box] = []
    for choice in [*ticked, *others]:
        value = written(choice.value) or "" if name in ("host", "provider") else choice.value
        label = cut(_word(name, choice.value, choice.label), 100)
        most -= size(value) + size(label) + _BOX
        on = choice.value in chosen
        if on or (most >= 0 and len(result) < count):
            result.append(Box(value, label, choice.count, on))
    return result


@blueprint.app_template_global()
def chips(query: UpdateQuery, hosts: Mapping[str, str], link: Callable[..., str]) -> list[Chip]:
    """What narrows the page beside its search, each with the way to remove it."""
    found: list[Chip] = []
    for name in FILTERS:
        chosen = getattr(query, name)
        for value in chosen:
            without = link(**{name: tuple(each for each in chosen if each != value)})
            found.append(Chip(name.capitalize(), cut(_word(name, value, hosts.get(value)), 100), without))
    if sum(size(chip.address) + size(chip.value) + _BOX for chip in found) > _CHIPS:
        each = [(name, getattr(query, name)) for name in FILTERS if getattr(query, name)]
        found = [Chip(name.capitalize(), f"{len(chosen)} chosen", link(**{name: ()})) for name, chosen in each]
    if query.age:
        found.append(Chip("Age", AGES[query.age].lower(), link(age=None)))
    if not query.fold:
        found.append(Chip("Older versions", "as separate rows", link(fold=True)))
    return found


@blueprint.app_template_global()
def described(query: UpdateQuery, total: int, hosts: Mapping[str, str]) -> str:
    """The page in a few words: `5 major on nas`."""
    words = [str(total)]
    if query.kind:
        words.append(_either("kind", query.kind))
    if query.state is None:
        words.append("in all states" if query.kind else "updates")
    elif not query.kind or query.state != State.PENDING:
        words.append(STATES[query.state])
    if query.tag:
        words.append(_about("tag", query.tag, "tagged", "tags"))
    if query.stack:
        words.append(_about("stack", query.stack, "in stack", "stacks"))
    if query.host:
        words.append(_about("host", query.host, "on", "hosts", hosts))
    if query.registry:
        words.append(_about("registry", query.registry, "from", "registries"))
    if query.provider:
        words.append(_about("provider", query.provider, "by provider", "providers"))
    if query.age:
        words.append(AGES[query.age].lower() if query.age == Age.OLDER else f"in the {AGES[query.age].lower()}")
    if query.search:
        words.append(f"with “{cut(query.search, 60)}”")
    return " ".join(words)


@blueprint.app_template_global()
def phrases(query: UpdateQuery) -> list[str]:
    """What a view shows, in a few words each."""
    state = "All" if query.state is None else STATES[query.state].capitalize()
    found = [state, *(f"{chip.label}: {chip.value}" for chip in chips(query, {}, _nowhere))]
    if query.search:
        found.append(f"Search: {cut(query.search, 100)}")
    if query.group != Group.NOTHING:
        found.append(f"Group: {GROUPS[query.group]}")
    if query.order not in (Sort.AGE, Sort.DONE):
        found.append(f"Sort: {SORTS[query.order]}")
    return found


def _nowhere(**_: object) -> str:
    return ""


def _word(name: str, value: str, label: str | None = None) -> str:
    return _WORDS.get((name, value), label or value)


def _either(name: str, chosen: tuple[str, ...], hosts: Mapping[str, str] | None = None) -> str:
    words = [cut(_word(name, value, (hosts or {}).get(value)), 40) for value in chosen]
    return " or ".join(words)


def _about(name: str, chosen: tuple[str, ...], before: str, several: str, hosts: Any = None) -> str:
    """`on nas`, `on nas or pi`, `on 3 hosts`; `with no tag` if there is none."""
    if len(chosen) > 2:
        return f"{before} {len(chosen)} {several}" if name == "host" else f"with {len(chosen)} {several}"
    if len(chosen) == 1 and name != "host" and (name, chosen[0]) in _WORDS:
        return f"with {_WORDS[name, chosen[0]]}"
    return f"{before} {_either(name, chosen, hosts)}"
