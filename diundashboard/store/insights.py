"""The interface: statistics over the history."""

from __future__ import annotations

from abc import ABC, abstractmethod

from diundashboard import model


class Insights(ABC):
    """Statistics over the history."""

    @abstractmethod
    def insights(self) -> model.Insights:
        """What arrives, what is waiting and for how long, and which images send the most notifications."""
