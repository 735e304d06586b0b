"""The Flask application: the only place where the modules are joined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask

from diundashboard import web
from diundashboard.access import Access
from diundashboard.config import Config
from diundashboard.forwarded import Forwarded
from diundashboard.notification import BODY_LIMIT
from diundashboard.spool import Spool
from diundashboard.store import Store, place_of


class _Application(Flask):
    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view is a coroutine, so this does not check it for each request."""
        return func


def create_app(config: Config, store: Store | Access) -> Flask:
    """The WSGI application that serves an open store, or one that is opened in the background, as `config` says."""
    access = store if isinstance(store, Access) else Access.to(store)
    app = _Application("diundashboard.web", static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=BODY_LIMIT, MAX_FORM_MEMORY_SIZE=BODY_LIMIT)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    web.register(app, config, access, Spool(config.spool_folder, access, place=place_of(config)))
    app.wsgi_app = Forwarded(app.wsgi_app, config.trusted_proxies, config.public_url)  # type: ignore[method-assign]
    return app
