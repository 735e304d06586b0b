"""What every view needs: the settings and the store of the running application."""

from __future__ import annotations

from flask import current_app, request

from diundashboard.config import Config
from diundashboard.store import Store


def settings() -> Config:
    """The settings that the application was made with."""
    config: Config = current_app.extensions["diundashboard"][0]
    return config


def store() -> Store:
    """The store that the application was made with."""
    chosen: Store = current_app.extensions["diundashboard"][1]
    return chosen


def host() -> str:
    """The host, and its port if any, by which the client called. Docker's names may hold the underscore that
    `request.host` answers with an empty string.
    """
    return request.host or request.headers.get("Host", "")
