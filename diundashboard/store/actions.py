"""The interface: what a person does about updates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime

from diundashboard.model import (
    Action,
    Selection,
)


class Actions(ABC):
    """Change updates for a person, and undo changes.

    The operations before `undo` return what they did: `count` is the number of series changed (`reopen`: of updates),
    `id` is what `undo` takes. If there was nothing to change, both are 0.
    """

    @abstractmethod
    def acknowledge(self, selection: Selection, by: str) -> Action:
        """Mark updates as done with the digests that they have. Lower versions of their series are then superseded.

        If an update is already done, its time and person stay. The highest done version counts as running.

        Raises:
            NotFound: one of the ids is unknown; none is changed.
        """

    @abstractmethod
    def reopen(self, selection: Selection, by: str) -> Action:
        """Make done updates pending again, together with the versions that they had superseded.

        Raises:
            NotFound: one of the ids is unknown; none is changed.
        """

    @abstractmethod
    def snooze(self, selection: Selection, until: datetime | None, by: str) -> Action:
        """Snooze the series of updates until a time, or until NEXT_VERSION; None unsnoozes them.

        A higher version ends any snooze. For a tag that does not compare, another digest ends NEXT_VERSION.

        Raises:
            NotFound: one of the ids is unknown; none is changed.
        """

    @abstractmethod
    def mute(self, selection: Selection, muted: bool, by: str) -> Action:
        """Mute the series of updates, also for versions to come; or unmute them.

        Raises:
            NotFound: one of the ids is unknown; none is changed.
        """

    @abstractmethod
    def annotate(self, selection: Selection, note: str, by: str) -> Action:
        """Write a note on the series of updates. An empty note removes it.

        Raises:
            Invalid: the note is longer than 1,000 characters.
            NotFound: one of the ids is unknown; none is changed.
        """

    @abstractmethod
    def tag_updates(self, selection: Selection, name: str | None, by: str) -> Action:
        """Give the repositories of updates the tag with this name, created if there is none; None leaves them untagged.

        Any tags of the exact images are removed.

        Raises:
            Invalid: the name is empty or too long.
            NotFound: one of the ids is unknown; none is changed.
        """

    @abstractmethod
    def say_running(self, update_id: int, version: str, by: str) -> Action:
        """Set which version of an update's series is running, until a higher one is done. "" unsets it.

        Raises:
            Invalid: the version cannot be compared with the series.
            NotFound: no update has this id.
        """

    @abstractmethod
    def undo(self, action_id: int, by: str) -> Action:
        """Undo a whole action, as if it had never happened.

        Raises:
            NotFound: no action has this id.
            Conflict: the action was undone already.
        """

    @abstractmethod
    def last_action(self, by: str | None, since: datetime) -> Action | None:
        """The newest action since a time, inclusive, that can still be undone; None for `by` means of anybody."""

    @abstractmethod
    def action(self, action_id: int) -> Action:
        """One action.

        Raises:
            NotFound: no action has this id.
        """
