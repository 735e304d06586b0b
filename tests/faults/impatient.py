"""The dashboard with limits so short that a test can wait for them, and with pages that are slow and large."""

from __future__ import annotations

import fcntl
import os
from typing import Any

from flask import Flask

from diundashboard.config import Config
from diundashboard.connection import Limits
from diundashboard.server import Server
from diundashboard.store import opener
from diundashboard.web.gate import LEVELS
from diundashboard.worker import Worker

LARGE = 8 * 2**20
"""Bytes of a page that no kernel buffers whole."""


class Impatient(Worker):
    """The worker with short limits."""

    limits = Limits(
        request=3.0, answer=2.0, farewell=1.0, dropped=2**20, requests=8 * 2**20, hurry=0.1, answers=LARGE * 2
    )


class ImpatientServer(Server):
    """The dashboard's server settings with that worker, and two pages more."""

    def load_config(self) -> None:
        super().load_config()
        self.cfg.set("worker_class", Impatient)

    def load(self) -> Any:
        app: Flask = super().load()
        LEVELS.update(dict.fromkeys(("held", "large", "broken")))

        @app.get("/held")
        def held() -> str:
            """Wait until nobody holds the lock on the file."""
            with open(os.environ["HELD_BY"]) as file:
                fcntl.flock(file, fcntl.LOCK_SH)
            return "free"

        @app.get("/large")
        def large() -> bytes:
            return bytes(LARGE)

        @app.get("/broken")
        def broken() -> Any:
            def parts() -> Any:
                yield b"a part"
                raise RuntimeError("half-way")

            return app.response_class(parts())

        return app


if __name__ == "__main__":
    config = Config.read(os.environ)
    ImpatientServer(config, opener(config), reload=False).run()
