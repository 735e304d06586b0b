"""What a request asks for, read out of its query string or form; what makes no sense is Invalid, in words."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from flask import request

from diundashboard.model import Invalid

Choice = TypeVar("Choice", bound=StrEnum)


def number(name: str, default: int) -> int:
    """A whole number of at most nine digits from the query string."""
    text = request.args.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 10):
        raise Invalid(f"{name} must be a whole number")
    return int(text)


def one_of(choices: type[Choice], name: str, default: Choice) -> Choice:
    """One of the values of an enumeration from the query string."""
    try:
        return choices(request.args.get(name, "") or default)
    except ValueError:
        raise Invalid(f"{name} must be one of {', '.join(choices)}") from None


def one_or_all(choices: type[Choice], name: str, default: Choice) -> Choice | None:
    """One of the values of an enumeration from the query string, or None for `all`."""
    if request.args.get(name) == "all":
        return None
    try:
        return one_of(choices, name, default)
    except Invalid as error:
        raise Invalid(f"{error} or all") from None


def id_list(name: str) -> list[int]:
    """The ids that a form posts."""
    texts = request.form.getlist(name)
    if not texts:
        raise Invalid("nothing was chosen")
    if not all(text.isascii() and text.isdigit() and len(text) < 20 for text in texts):
        raise Invalid(f"{name} must be a whole number")
    return [int(text) for text in texts]
