"""The words in charts: kinds, durations, counts, dates and names."""

from __future__ import annotations

from datetime import date, timedelta

KINDS = {
    "major": "major",
    "minor": "minor",
    "patch": "patch",
    "build": "build",
    "rebuild": "rebuilt",
    "new": "new",
    "older": "older",
}
"""Every kind, the most important first, and the word for it."""

DAY = timedelta(days=1)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


def duration(time: timedelta) -> str:
    """A duration in a label: `6 d`, `36 h`, `5 min`, `under 1 min`."""
    number, unit = _measured(time)
    return f"{number} {unit}" if number else "under 1 min"


def spoken(time: timedelta) -> str:
    """A duration in a sentence: `6 days`, `36 hours`, `1 minute`, `less than a minute`."""
    number, unit = _measured(time)
    return counted(number, {"d": "day", "h": "hour", "min": "minute"}[unit]) if number else "less than a minute"


def _measured(time: timedelta) -> tuple[int, str]:
    """The rounded number and its unit: minutes up to an hour, hours up to two days, then days."""
    minutes = max(0, round(time / timedelta(minutes=1))) if time >= timedelta(minutes=1) else 0
    if minutes < 60:
        return minutes, "min"
    hours = round(time / timedelta(hours=1))
    return (hours, "h") if hours < 48 else (round(time / DAY), "d")


def counted(number: int, noun: str) -> str:
    """`1 day`, `2 days`, `1,234 days`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def day_words(day: date) -> str:
    """`3 Mar 2026`."""
    return f"{day_and_month(day)} {day.year}"


def day_and_month(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]}"


def cut(text: str, length: int) -> str:
    """The text, shortened from the front if it is too long: the end is what distinguishes images and hosts."""
    return text if len(text) <= length else f"…{text[1 - length :]}"


def image_words(name: str) -> str:
    """A repository without docker.io and library/, which everybody takes for granted."""
    registry, _, repository = name.partition("/")
    return repository.removeprefix("library/") if registry == "docker.io" else name
