"""The interface: the secret that the dashboard has chosen for DIUN."""

from __future__ import annotations

from abc import ABC, abstractmethod

from diundashboard.model import NOBODY, Actor

WEBHOOK = "webhook"
"""The name of the secret that DIUN must send."""


class Secrets(ABC):
    """What DIUN must send where no setting says it."""

    @abstractmethod
    def webhook_secret(self, offered: str) -> str:
        """The secret that DIUN must send; "" if none is asked for.

        The first call decides: `offered` for a database without notifications; "" for one that has some, as nobody has
        told its DIUN a secret.
        """

    @abstractmethod
    def require_webhook_secret(self, offered: str, by: Actor = NOBODY) -> str:
        """Require a secret from now on, `offered` if there is none yet; returns it."""
