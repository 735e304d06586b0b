"""gunicorn, with the settings of the dashboard."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
from contextlib import suppress
from functools import partial
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from diundashboard.app import create_app
from diundashboard.config import Config
from diundashboard.store import Store
from diundashboard.web.context import spool
from diundashboard.worker import STOP, THREADS, Worker, connections


class Server(BaseApplication):
    """gunicorn with the settings of the dashboard; it reads no configuration file and no arguments of its own."""

    def __init__(self, config: Config, store: Store, reload: bool) -> None:
        self._config, self._store, self._reload = config, store, reload
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": self._config.bind,
            "workers": self._config.workers,
            "worker_class": Worker,
            "threads": THREADS,
            "worker_connections": connections(),
            # An answer is a text in memory, which the poller may have to send.
            "sendfile": False,
            "reload": self._reload,
            "loglevel": "warning",
            "graceful_timeout": 10,
            "control_socket_disable": True,
            # DIUN sends `post` where its configuration says so.
            "permit_unconventional_http_method": True,
            "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else None,
            # The forwarded headers are for TRUSTED_PROXIES to believe, not for gunicorn.
            "forwarded_allow_ips": "",
            "secure_scheme_headers": {},
            # A pool that is still open would hold the process up for ten seconds.
            "worker_exit": lambda server, worker: self._store.close(),
            "when_ready": lambda server: print(f"DIUN Dashboard runs at http://{self._config.bind}", flush=True),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def run(self) -> None:
        # A worker that is just forked still has the handlers of its parent, in which a signal would be lost.
        os.register_at_fork(
            before=partial(signal.pthread_sigmask, signal.SIG_BLOCK, STOP),
            after_in_parent=partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, STOP),
        )
        # The first start parses every migration: 13 MiB that glibc would keep, here and in each worker.
        with suppress(AttributeError):  # musl has no such function.
            ctypes.CDLL(None).malloc_trim(0)
        # What is there by now is never garbage: it is not looked through again, and workers share it.
        gc.freeze()
        super().run()

    def load(self) -> Any:
        if not self._reload:
            return self._serving(create_app(self._config, self._store))
        # A worker inherits the modules of the process that forked it, which are as old as that one.
        for name in [name for name in sys.modules if name.partition(".")[0] == "diundashboard"]:
            del sys.modules[name]
        from diundashboard import app, store

        self._store = store.open_store(self._config)
        return self._serving(app.create_app(self._config, self._store))

    def _serving(self, app: Flask) -> Flask:
        spool(app).start()
        return app
