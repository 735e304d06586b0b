"""The Flask application: the only place where the rooms are joined."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from diundashboard import web
from diundashboard.config import Config
from diundashboard.notification import BODY_LIMIT
from diundashboard.spool import Spool
from diundashboard.store import Store


def create_app(config: Config, store: Store) -> Flask:
    """The WSGI application that serves `store` as `config` says."""
    app = Flask("diundashboard.web", static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=BODY_LIMIT, MAX_FORM_MEMORY_SIZE=BODY_LIMIT)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    if config.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, *[config.trusted_proxies] * 5)  # type: ignore[method-assign]
    web.register(app, config, store, Spool(Path(config.spool_path), store))
    return app
