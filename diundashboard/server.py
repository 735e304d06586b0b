"""gunicorn, with the settings of the dashboard."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import TConn, ThreadWorker

from diundashboard import retention
from diundashboard.app import create_app
from diundashboard.config import Config
from diundashboard.store import Store
from diundashboard.web.context import spool

THREADS = 8
"""Requests that one worker answers at the same time."""

FIRST_BYTE_TIMEOUT = 0.2
"""Seconds that a thread waits for a new connection to say something, before it turns to others."""


_STOP = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


class Worker(ThreadWorker):
    """gunicorn's worker with threads; told to stop, it finishes the requests that it has and waits for nothing else.

    Browsers open connections ahead of time and keep others open. gunicorn's own worker waits seconds for each of them.
    """

    def init_signals(self) -> None:
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)

    def run(self) -> None:
        super().run()
        # Told twice, as Ctrl-C does, it would be killed while it ends: Python takes its handlers away first.
        for stop in _STOP:
            signal.signal(stop, signal.SIG_IGN)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        # gunicorn's own shuts the pool of threads down in here, for ever if the signal came while a thread was added.
        self.handle_exit(sig, frame)

    def handle(self, conn: TConn) -> bool:
        wait = conn.wait_for_data
        conn.wait_for_data = lambda timeout: wait(FIRST_BYTE_TIMEOUT)  # type: ignore[method-assign]
        return super().handle(conn)

    def murder_keepalived(self, force: bool = False) -> None:
        self._expire(self.keepalived_conns)
        super().murder_keepalived()

    def murder_pending(self) -> None:
        self._expire(self.pending_conns)
        super().murder_pending()

    def _expire(self, idle: Iterable[TConn]) -> None:
        if not self.alive:
            for connection in idle:
                connection.timeout = 0


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
            before=partial(signal.pthread_sigmask, signal.SIG_BLOCK, _STOP),
            after_in_parent=partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, _STOP),
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
        spool(app).start(self._config.former_spool_folder)
        retention.start(self._store, self._config.retention_days)
        return app
