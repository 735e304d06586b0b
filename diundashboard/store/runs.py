"""The interface: the runs that DIUN reports."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import timedelta

from diundashboard.model import NOBODY, Actor, Pulse, RunEvent

ARRIVES_WITHIN = timedelta(seconds=15)
"""How far outside of a run its notifications may arrive: DIUN waits 10 seconds for an answer, and the clocks of two
dashboards differ."""

LOOKED_AT = 5000
"""The most notifications of a host, from the start of a run, that are read to count those of the run."""


class Runs(ABC):
    """The runs of each DIUN."""

    @abstractmethod
    def report_run(self, name: str, event: RunEvent, report: str) -> None:
        """Store the report of a run under a name, with the first 1,000 characters of its text.

        A start begins a run. Every other event ends the run that has not ended yet, or is a run of its own if no start
        was reported. The last 30 runs of a name are kept, and at most 200 names without a host: a new one replaces the
        one that has been silent the longest.

        Raises:
            Invalid: the name is empty or longer than 100 characters.
        """

    @abstractmethod
    def pulses(self) -> tuple[Pulse, ...]:
        """The runs of every name, sorted by name regardless of case."""

    @abstractmethod
    def forget_pulse(self, pulse_id: int, by: Actor = NOBODY) -> None:
        """Delete a name and its runs. The next report brings it back.

        Raises:
            NotFound: no name has this id.
        """
