"""The days of the insights, computed from the counts that a store reads. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta


def insight_days(
    today: date, pending: int, counted: Iterable[tuple[date, str, int, int, int]]
) -> tuple[dict[date, dict[str, int]], dict[date, int]]:
    """Notifications by day and kind, and how many updates were open at the end of each day, from the first day on.

    `counted` holds day, kind, notifications, opened and closed; `pending` is how many are open now, from which
    the earlier days are computed.
    """
    kinds: dict[date, dict[str, int]] = {}
    change: Counter[date] = Counter()
    for day, kind, notifications, opened, closed in counted:
        if notifications:
            kinds.setdefault(day, {})[kind] = notifications
        change[day] += opened - closed
    open_at: dict[date, int] = {}
    day = today
    while kinds and day >= min(kinds):
        open_at[day] = max(0, pending)
        pending -= change[day]
        day -= timedelta(days=1)
    return dict(sorted(kinds.items())), dict(sorted(open_at.items()))
