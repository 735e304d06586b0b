"""The pages, the webhook and the API: one blueprint a file."""

from __future__ import annotations

from flask import Flask

from diundashboard.access import Access
from diundashboard.config import Config
from diundashboard.secret import Secret
from diundashboard.spool import Spool
from diundashboard.web import (
    account,
    act,
    api,
    appearance,
    assets,
    audit,
    compression,
    connect,
    deeds,
    errors,
    filters,
    gate,
    guard,
    history,
    hosts,
    insights,
    login,
    oidc,
    ops,
    people,
    ping,
    refusals,
    said,
    shown,
    tags,
    tokens,
    tried,
    updates,
    views,
    webhook,
)


def register(app: Flask, config: Config, access: Access, spool: Spool) -> None:
    """Give the application its routes, its errors and what its templates use."""
    app.extensions["diundashboard"] = (config, access, spool, Secret(config, access))
    pages = (updates, act, views, hosts, history, insights, tags, connect, appearance, shown, said, deeds, filters)
    doors = (gate, login, oidc, account, people, tokens, audit)
    for room in (webhook, ping, api, ops, assets, *pages, *doors):
        app.register_blueprint(room.blueprint)
    for room in (errors, guard, compression, tried, gate, refusals):
        room.register(app)
    oidc.register(app, config)
