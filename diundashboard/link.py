"""Placeholder until the real room lands in this tree."""

from diundashboard.model import Update


def links(update: Update) -> tuple[object, ...]:
    return ()
