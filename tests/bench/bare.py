"""What intake is compared with: a bare Flask view that parses JSON and returns, under the dashboard's own gunicorn."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask, request

from diundashboard.config import Config
from diundashboard.server import Server


class BareServer(Server):
    """The dashboard's server settings, without the dashboard."""

    def __init__(self, config: Config) -> None:
        super().__init__(config, None, reload=False)  # type: ignore[arg-type]

    def load(self) -> Any:
        app = Flask(__name__)

        @app.post("/webhook")
        def receive() -> dict[str, Any]:
            return {"status": "stored", "update": len(request.get_json(force=True))}

        @app.get("/healthz")
        def healthz() -> dict[str, str]:
            return {"status": "ok"}

        return app


if __name__ == "__main__":
    BareServer(Config.read(os.environ)).run()
