"""The first account: created with the password of the settings, or by a link in the log."""

from __future__ import annotations

import logging
import secrets
from hashlib import sha256

from diundashboard.config import AuthMode, Config
from diundashboard.model import Actor
from diundashboard.store import Conflict, Store

logger = logging.getLogger("diundashboard")

NAME = "admin"
"""The name of the account that ADMIN_PASSWORD creates."""


def welcome(config: Config, store: Store) -> None:
    """Create the first account or print the link to create it, if there is none and people log in with passwords."""
    if config.auth_mode != AuthMode.PASSWORD:
        return
    if config.admin_password:
        _make_admin(store, config.admin_password)
    else:
        code = secrets.token_urlsafe(24)
        if store.keep_setup_code(sha256(code.encode()).hexdigest()):
            print(f"Create the first account: {config.url}/setup/{code}", flush=True)


def _make_admin(store: Store, password: str) -> None:
    from diundashboard import passwords

    if store.accounts():
        return
    try:
        store.add_first_account(NAME, passwords.hashed(password), None, Actor("ADMIN_PASSWORD"))
    except Conflict:
        return
    logger.info("Created the account %s with the password of ADMIN_PASSWORD", NAME)
