"""The interface: the machines that DIUN reports for."""

from __future__ import annotations

from abc import ABC, abstractmethod

from diundashboard.model import NOBODY, Actor, Host


class Hosts(ABC):
    """Hosts: name, merge and forget them. Each of these is in the audit."""

    @abstractmethod
    def hosts(self) -> tuple[Host, ...]:
        """Every host, sorted by name regardless of case, except merged and forgotten ones."""

    @abstractmethod
    def rename_host(self, host_id: int, name: str, by: Actor = NOBODY) -> None:
        """Set the name of a host on pages. An empty one restores its hostname.

        Raises:
            Invalid: the name is too long.
            NotFound: no host has this id.
            Conflict: another host has this name.
        """

    @abstractmethod
    def merge_hosts(self, host_id: int, into_id: int, by: Actor = NOBODY) -> None:
        """Merge one host into another: its updates and history move there, and so do its future notifications.

        If both have an update for an image, the one received later stays, with the notifications of both. What people
        did on both counts in the order in which they did it.

        Raises:
            Invalid: both ids are the same.
            NotFound: one of the ids is unknown.
        """

    @abstractmethod
    def trust_metadata(self, host_id: int, by: Actor = NOBODY) -> None:
        """Use the metadata of a host's containers again, once DIUN's configuration is corrected.

        Raises:
            NotFound: no host has this id.
        """

    @abstractmethod
    def forget_host(self, host_id: int, by: Actor = NOBODY) -> None:
        """Delete a host, its updates and its runs, but keep its notifications. It is back with its next notification.

        Raises:
            NotFound: no host has this id.
        """
