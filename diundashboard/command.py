"""Placeholder until the real room lands in this tree."""

from collections.abc import Sequence
from diundashboard.model import Update


def commands(update: Update) -> tuple[object, ...]:
    return ()


def script(updates: Sequence[Update]) -> str:
    return ""
