"""The choices of each filter, computed from the counts that a store reads. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from diundashboard.model import STATE_TABS, Age, Choice, Choices, State, UpdateQuery

COUNTED = ("host", "tag", "registry", "provider", "kind")
"""The filters whose values are counted, in the order of the counts."""


def choices_of(
    query: UpdateQuery,
    counted: Iterable[tuple[Any, ...]],
    states: Mapping[State | None, Choice],
) -> Choices:
    """The choices of each filter, from counts by hostname, host, tag, registry, provider and kind together.

    Each of these six texts is followed by the count with the query's age, and by those with each of the four ages. A
    filter's own choices are counted with the other filters applied and without its own values, so that each says how
    many updates it shows or adds. A state that is not among `states` is the query's own.
    """
    chosen = {name: set(getattr(query, name)) for name in COUNTED}
    totals: dict[str, Counter[tuple[str, str]]] = {name: Counter() for name in chosen}
    found_now, by_age = 0, Counter[Age]()
    for hostname, host, tag, registry, provider, kind, count, *ages in counted:
        labels = {"host": host, "tag": tag, "registry": registry, "provider": provider, "kind": kind}
        values = labels | {"host": hostname}
        off = [name for name, wanted in chosen.items() if wanted and values[name] not in wanted]
        if not off:
            found_now += count
            by_age.update(dict(zip(Age, ages, strict=True)))
        for name in off if len(off) == 1 else () if off or not count else chosen:
            totals[name][values[name], labels[name]] += count
    found = {
        name: tuple(
            Choice(value, label, count)
            for (value, label), count in sorted(total.items(), key=lambda item: (-item[1], item[0][1], item[0][0]))
            if count
        )
        for name, total in totals.items()
    }
    own = state_choice(query.state, found_now)
    return Choices(
        **found,
        age=tuple(Choice(age, age, by_age[age]) for age in Age),
        state=tuple(states.get(state, own) for state in STATE_TABS),
    )


def state_choice(state: State | None, count: int, at_least: bool = False) -> Choice:
    """The choice of a state with its number of updates. None means all states."""
    name = state or "all"
    return Choice(name, name, count, at_least)
