"""gunicorn, with the settings of the dashboard."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn.app.base import BaseApplication

from diundashboard import carry, first, retention
from diundashboard.config import Config
from diundashboard.spool import Foreign
from diundashboard.store import Store, Unavailable, Unusable
from diundashboard.web.context import secret, spool
from diundashboard.worker import STOP, THREADS, Worker, connections

logger = logging.getLogger("diundashboard")

OPENING = 7
"""Seconds that a new worker waits for the database before it serves without it. DIUN gives up after ten."""


class _Once:
    """Something that only one of the forked processes does: the first that asks."""

    def __init__(self) -> None:
        self._token, token = os.pipe()
        os.set_blocking(self._token, False)
        os.write(token, b".")

    def first(self) -> bool:
        """Whether this is the first time that any process asks."""
        try:
            return bool(os.read(self._token, 1))
        except BlockingIOError:
            return False


class Server(BaseApplication):
    """gunicorn with the settings of the dashboard; it reads no configuration file and no arguments of its own.

    It listens immediately. Each worker opens the store itself, in the background: a thread that migrates would not
    survive a fork, and a process that waits for the database could not answer DIUN.
    """

    def __init__(self, config: Config, open_store: Callable[[], Store], reload: bool) -> None:
        self._config, self._open_store, self._reload = config, open_store, reload
        self._master = os.getpid()
        self._unusable = False
        self._why_heard, self._why_told = os.pipe()
        os.set_blocking(self._why_heard, False)
        self._says_where, self._tells_of_other = _Once(), _Once()
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
            # DIUN sends `post` if its configuration is written like that.
            "permit_unconventional_http_method": True,
            "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else None,  # noqa: S108 - memory, not a folder for files
            # The forwarded headers are for TRUSTED_PROXIES to believe, not for gunicorn.
            "forwarded_allow_ips": "",
            "secure_scheme_headers": {},
            "post_worker_init": self._begin,
            # A pool that is still open would delay the end of the process by ten seconds.
            "worker_exit": lambda server, worker: self._access.close(),
            "on_exit": self._say_why,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def run(self) -> None:
        # A worker just after its fork still has the handlers of its parent, which would lose a signal.
        os.register_at_fork(
            before=partial(signal.pthread_sigmask, signal.SIG_BLOCK, STOP),
            after_in_parent=partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, STOP),
        )
        # Everything that exists by now stays: the garbage collector need not look at it again, and workers share it.
        gc.freeze()
        super().run()

    def load(self) -> Any:
        if self._reload:
            # A worker inherits the modules of the process that forked it, which are as old as that one.
            for name in [name for name in sys.modules if name.partition(".")[0] == "diundashboard"]:
                del sys.modules[name]
        from diundashboard.access import Access
        from diundashboard.app import create_app
        from diundashboard.store import opener

        if self._reload:
            self._open_store = opener(self._config)
        self._access = Access(self._open)
        app = create_app(self._config, self._access)
        self._spool, self._secret = spool(app), secret(app)
        self._access.start(self._give_up)
        self._spool.start(self._config.former_spool_folder)
        retention.start(self._access, self._config.retention_days)
        return app

    def _open(self) -> Store:
        try:
            store = self._open_store()
        finally:
            # The first start parses every migration: 13 MiB that glibc would keep.
            with suppress(AttributeError):  # musl has no such function.
                ctypes.CDLL(None).malloc_trim(0)
        try:
            self._spool.claim(store.identity())
        except Foreign as error:
            raise Unusable(f"SPOOL_PATH: {error.strerror}") from None
        except (OSError, Unavailable):
            pass  # The spool reports this when it is used.
        self._secret.learn_from(store)
        if self._tells_of_other.first():
            carry.tell_of_other(self._config, store)
            first.welcome(self._config, store)
            if self._secret.is_missing():
                logger.warning("anybody may send notifications: set WEBHOOK_SECRET, or require a secret on Connect")
        return store

    def _begin(self, worker: Worker) -> None:
        """Wait a moment for the database before the worker serves. The first requests wait in the socket meanwhile."""
        deadline = time.monotonic() + OPENING
        while worker.alive and not self._access.wait(0.05) and time.monotonic() < deadline:
            pass
        if worker.alive and not self._unusable and self._says_where.first():
            print(f"DIUN Dashboard runs at {self._config.url}", flush=True)

    def _give_up(self, error: Exception) -> None:
        """End every process, as with SIGTERM, because waiting for the database does not help."""
        self._unusable = True
        os.write(self._why_told, f"{error}\n".encode())
        if os.getppid() == self._master:
            os.kill(self._master, signal.SIGTERM)

    def _say_why(self, server: object) -> None:
        with suppress(BlockingIOError):
            raise Unusable(os.read(self._why_heard, 65536).decode().partition("\n")[0])
