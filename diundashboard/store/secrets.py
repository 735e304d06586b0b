"""The interface: the secret that the dashboard has chosen for DIUN."""

from __future__ import annotations

from abc import ABC, abstractmethod

from diundashboard.model import NOBODY, Actor

WEBHOOK = "webhook"
"""The name of the secret that DIUN must send."""


class Secrets(ABC):
    """The secret of the webhook, if no setting has one."""

    @abstractmethod
    def webhook_secret(self, offered: str) -> str:
        """The secret that DIUN must send; "" if none is required.

        The first call decides: `offered` for a database without notifications; "" for one that has some, because its
        DIUN sends no secret yet.
        """

    @abstractmethod
    def require_webhook_secret(self, offered: str, by: Actor = NOBODY) -> str:
        """Require a secret from now on, `offered` if there is none yet; returns it."""
