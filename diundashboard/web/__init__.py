"""The pages, the webhook and the API: one blueprint a file."""

from __future__ import annotations

from flask import Flask

from diundashboard.access import Access
from diundashboard.config import Config
from diundashboard.spool import Spool
from diundashboard.web import (
    act,
    api,
    appearance,
    assets,
    connect,
    errors,
    guard,
    history,
    hosts,
    insights,
    ops,
    ping,
    refusals,
    tags,
    updates,
    views,
    webhook,
)


def register(app: Flask, config: Config, access: Access, spool: Spool) -> None:
    """Give the application its routes, its errors and what its templates use."""
    app.extensions["diundashboard"] = (config, access, spool)
    for room in (
        webhook,
        ping,
        updates,
        act,
        views,
        hosts,
        history,
        insights,
        tags,
        connect,
        api,
        appearance,
        ops,
        assets,
    ):
        app.register_blueprint(room.blueprint)
    for room in (errors, guard, refusals):
        room.register(app)
