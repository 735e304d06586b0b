"""The first account: made with the password of the settings, or with a link that the start prints."""

from __future__ import annotations

import logging
import secrets
from hashlib import sha256

from diundashboard.config import AuthMode, Config
from diundashboard.store import Conflict, Store

logger = logging.getLogger("diundashboard")

NAME = "admin"
"""The name of the account that ADMIN_PASSWORD makes."""


def welcome(config: Config, store: Store) -> None:
    """Say how to get in, as far as the settings and the accounts ask for it."""
    if config.auth_mode == AuthMode.NONE:
        logger.warning("AUTH_MODE is none: whoever reaches %s may see and change everything", config.bind)
    elif config.auth_mode != AuthMode.PASSWORD:
        logger.info("AUTH_MODE is %s: people do not log in with a password here", config.auth_mode)
    elif config.admin_password:
        _make_admin(store, config.admin_password)
    else:
        code = secrets.token_urlsafe(24)
        if store.keep_setup_code(sha256(code.encode()).hexdigest()):
            print(f"Create the first account: http://{config.address}/setup/{code}", flush=True)


def _make_admin(store: Store, password: str) -> None:
    from diundashboard import passwords

    if store.accounts():
        return
    try:
        store.add_first_account(NAME, passwords.hashed(password), None)
    except Conflict:
        return
    logger.info("Created the account %s with the password of ADMIN_PASSWORD", NAME)
