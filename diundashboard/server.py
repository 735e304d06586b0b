"""gunicorn, with the settings of the dashboard."""

from __future__ import annotations

import os
from typing import Any

from gunicorn.app.base import BaseApplication

from diundashboard.app import create_app
from diundashboard.config import Config
from diundashboard.store import Store

THREADS = 8
"""Requests that one worker answers at the same time."""


class Server(BaseApplication):
    """gunicorn with the settings of the dashboard; it reads no configuration file and no arguments of its own."""

    def __init__(self, config: Config, store: Store, reload: bool) -> None:
        self._config, self._store, self._reload = config, store, reload
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": self._config.bind,
            "workers": self._config.workers,
            "worker_class": "gthread",
            "threads": THREADS,
            "reload": self._reload,
            "loglevel": "warning",
            "graceful_timeout": 10,
            "control_socket_disable": True,
            "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else None,
            # The forwarded headers are for TRUSTED_PROXIES to believe, not for gunicorn.
            "forwarded_allow_ips": "",
            "secure_scheme_headers": {},
            "when_ready": lambda server: print(f"DIUN Dashboard runs at http://{self._config.bind}", flush=True),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return create_app(self._config, self._store)
