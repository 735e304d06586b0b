"""Where notifications, updates and tags are kept: the interface, and the choice between its two stores."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime

from diundashboard.clock import now
from diundashboard.config import Config
from diundashboard.model import (
    Action,
    Choices,
    HistoryQuery,
    Host,
    Insights,
    Page,
    Received,
    Refusal,
    Rule,
    Selection,
    Summary,
    Tag,
    Totals,
    Update,
    UpdateQuery,
    View,
)
from diundashboard.notification import Notification

logger = logging.getLogger("diundashboard")


class StoreError(Exception):
    """What a store can answer instead of a result; the message is fit for a person."""


class NotFound(StoreError):
    """Nothing has this id."""


class Conflict(StoreError):
    """Something else has this name."""


class Unavailable(StoreError):
    """The database cannot be used; the message says why, without a secret."""


class Store(ABC):
    """What the dashboard remembers, on either database.

    Both stores promise the same, and the contract test holds them to it. Every operation is one transaction: done
    whole, or not at all. Operations may run in any number of threads, and of processes, at once. A store connects at
    its first operation, so that it can be opened before a server forks its workers. Text compares by code point, case
    counts. Each operation raises Unavailable when the database does not answer.
    """

    @abstractmethod
    def record(self, notification: Notification, at: datetime | None = None) -> int:
        """Keep a notification, and return the id of the update that it is about. Durable on return.

        `at` is when it came, where that is not now.

        The first one for its host and image begins an update. One with the digest that is known already adds to the
        history, the containers and the metadata, and changes nothing else. Another digest makes the update pending
        again and speaks for it from now on.
        """

    @abstractmethod
    def updates(self, query: UpdateQuery) -> Page:
        """One page of updates in the order of the query; what compares equal comes newest first.

        Newest first means the time received, then the order recorded. A page beyond the last one is empty.
        """

    @abstractmethod
    def choices(self, query: UpdateQuery) -> Choices:
        """What every filter could be set to, with the number of updates that it would show."""

    @abstractmethod
    def totals(self) -> Totals:
        """The numbers in the navigation."""

    @abstractmethod
    def summary(self) -> Summary:
        """The numbers at the top: what is pending, and what was done."""

    @abstractmethod
    def update(self, update_id: int) -> Update:
        """One update.

        Raises:
            NotFound: no update has this id.
        """

    @abstractmethod
    def series(self, update_id: int) -> tuple[Update, ...]:
        """The versions of an update's series, the newest first; at most 100.

        Raises:
            NotFound: no update has this id.
        """

    @abstractmethod
    def older(self, update_id: int) -> tuple[Update, ...]:
        """The versions that are folded under an update, the newest first.

        Raises:
            NotFound: no update has this id.
        """

    @abstractmethod
    def chosen(self, selection: Selection) -> tuple[Update, ...]:
        """The updates of a selection, by host and name; at most the first 1,000.

        Raises:
            NotFound: one of the ids is unknown.
        """

    @abstractmethod
    def stamp(self) -> str:
        """A text that changes whenever a page of updates would: with each notification, each thing that a person did,
        and each snooze that ends.
        """

    @abstractmethod
    def action(self, action_id: int) -> Action:
        """What was done.

        Raises:
            NotFound: no action has this id.
        """

    @abstractmethod
    def timeline(self, update_id: int, offset: int = 0, limit: int = 500) -> tuple[Received | Action, ...]:
        """What DIUN told and what people did about an update's series, newest first, from one place on.

        Raises:
            NotFound: no update has this id.
        """

    @abstractmethod
    def digest_before(self, update_id: int) -> str:
        """The digest that an update had before the one it has; "" for none, and for an unknown id."""

    @abstractmethod
    def received(self, notification_id: int) -> Received:
        """One notification.

        Raises:
            NotFound: no notification has this id.
        """

    @abstractmethod
    def views(self) -> tuple[View, ...]:
        """The saved views, by name as tags are."""

    @abstractmethod
    def save_view(self, name: str, query: str, replace: bool = False) -> View:
        """Keep a view, its query string with the question mark, under a name.

        Raises:
            Invalid: the name is empty or too long.
            Conflict: a view has this name and another query, and is not to be replaced.
        """

    @abstractmethod
    def delete_view(self, view_id: int) -> None:
        """Forget a view.

        Raises:
            NotFound: no view has this id.
        """

    @abstractmethod
    def start_with(self, view_id: int | None) -> None:
        """Make a view the start page, or none.

        Raises:
            NotFound: no view has this id.
        """

    @abstractmethod
    def acknowledge(self, selection: Selection, by: str) -> Action:
        """Mark updates done, each with every older version folded under it.

        Acknowledging twice keeps the first time and person. The highest version acknowledged is taken as running.

        This and the following operations return what was done: how many series it changed, or updates where `reopen`
        did, and the id that `undo` takes. Where nothing was to be done, the count and the id are 0.

        Raises:
            NotFound: one of the ids is unknown; then none is changed.
        """

    @abstractmethod
    def reopen(self, selection: Selection, by: str) -> Action:
        """Take acknowledgements back.

        Raises:
            NotFound: one of the ids is unknown; then none is changed.
        """

    @abstractmethod
    def snooze(self, selection: Selection, until: datetime | None, by: str) -> Action:
        """Put the series of updates off until a time, or NEXT_VERSION; None wakes them.

        A newer version or another digest wakes a series at once.

        Raises:
            NotFound: one of the ids is unknown; then none is changed.
        """

    @abstractmethod
    def mute(self, selection: Selection, muted: bool, by: str) -> Action:
        """Ask no more about the series of updates, whatever comes; or ask again.

        Raises:
            NotFound: one of the ids is unknown; then none is changed.
        """

    @abstractmethod
    def annotate(self, selection: Selection, note: str, by: str) -> Action:
        """Write a note to the series of updates; an empty one removes it.

        Raises:
            Invalid: the note is longer than 1,000 characters.
            NotFound: one of the ids is unknown; then none is changed.
        """

    @abstractmethod
    def tag_updates(self, selection: Selection, name: str | None, by: str) -> Action:
        """Give the repositories of updates the tag of this name, created if there is none; None: they have no tag.

        Tags of exact images give way, where they have one.

        Raises:
            Invalid: the name is empty or too long.
            NotFound: one of the ids is unknown; then none is changed.
        """

    @abstractmethod
    def say_running(self, update_id: int, version: str, by: str) -> Action:
        """Say which version of an update's series runs; the kinds count from it at once. "" takes the word back.

        Raises:
            Invalid: the version does not compare with the series.
            NotFound: no update has this id.
        """

    @abstractmethod
    def undo(self, action_id: int, by: str) -> Action:
        """Take a whole action back: everything is as it was before, but for what has changed since.

        Raises:
            NotFound: no action has this id.
            Conflict: it was undone already.
        """

    @abstractmethod
    def tags(self) -> tuple[Tag, ...]:
        """Every tag with the number of its updates, by name: letters A to Z first without regard to case."""

    @abstractmethod
    def create_tag(self, name: str) -> Tag:
        """Add a tag.

        Raises:
            Invalid: the name is empty or too long.
            Conflict: a tag has this name.
        """

    @abstractmethod
    def change_tag(self, tag_id: int, name: str, colour: int) -> Tag:
        """Give a tag another name and one of twelve colours.

        Raises:
            Invalid: the name is empty or too long, or there is no such colour.
            NotFound: no tag has this id.
            Conflict: another tag has this name.
        """

    @abstractmethod
    def delete_tag(self, tag_id: int) -> None:
        """Remove a tag, and its assignments and rules with it.

        Raises:
            NotFound: no tag has this id.
        """

    @abstractmethod
    def has_tag(self, tag_id: int) -> bool:
        """Whether a tag has this id."""

    @abstractmethod
    def assign_tag(self, reference: str, tag_id: int) -> str:
        """Tag a repository, or one exact image where the reference names a version; return the reference as kept.

        It replaces the tag that the same reference had. The tag of an exact image wins over its repository's.

        Raises:
            Invalid: the reference is blank.
            NotFound: no tag has this id.
        """

    @abstractmethod
    def unassign_tag(self, reference: str) -> None:
        """Take the tag from a repository or an exact image. It is no error if there is none.

        Raises:
            Invalid: the reference is blank.
        """

    @abstractmethod
    def hosts(self) -> tuple[Host, ...]:
        """Every host, by name without regard to case, without those that were merged into another or forgotten."""

    @abstractmethod
    def rename_host(self, host_id: int, name: str) -> None:
        """Call a host by another name on pages; an empty one takes that back.

        Raises:
            Invalid: the name is too long.
            NotFound: no host has this id.
            Conflict: another host is called so.
        """

    @abstractmethod
    def merge_hosts(self, host_id: int, into_id: int) -> None:
        """Take one host for another: its updates and history become the other's, and so does what it sends from now on.

        Where both have an update for one image, the one received later speaks, with the notifications of both.

        Raises:
            Invalid: both are the same.
            NotFound: one of the ids is unknown.
        """

    @abstractmethod
    def forget_host(self, host_id: int) -> None:
        """Remove a host with its updates; the history keeps its notifications. It comes back when it is heard again.

        Raises:
            NotFound: no host has this id.
        """

    @abstractmethod
    def notifications(self, query: HistoryQuery) -> tuple[Received, ...]:
        """Notifications, newest first. The search is for words in the image and the names of the host, in any case."""

    @abstractmethod
    def insights(self) -> Insights:
        """What the history tells: how much comes, how much waits and for how long, and what makes the most of it."""

    @abstractmethod
    def refuse(self, refusal: Refusal) -> None:
        """Remember a request that was refused; the last 200 are kept."""

    @abstractmethod
    def refusals(self, since: datetime) -> tuple[Refusal, ...]:
        """The requests refused since then, newest first."""

    @abstractmethod
    def rules(self) -> tuple[Rule, ...]:
        """The rules that tag repositories, by pattern."""

    @abstractmethod
    def create_rule(self, pattern: str, tag_id: int) -> Rule:
        """Add a rule, and tag what it matches and nothing else has tagged. The longest pattern that matches wins.

        Raises:
            Invalid: the pattern is empty or too long.
            NotFound: no tag has this id.
            Conflict: a rule has this pattern.
        """

    @abstractmethod
    def delete_rule(self, rule_id: int) -> None:
        """Remove a rule, and the tags that it gave.

        Raises:
            NotFound: no rule has this id.
        """

    @abstractmethod
    def ping(self) -> None:
        """Ask the database for an answer."""

    @abstractmethod
    def close(self) -> None:
        """Let go of every connection. The store cannot be used afterwards."""


def open_store(config: Config, clock: Callable[[], datetime] = now) -> Store:
    """The store that the settings choose, its schema brought up to date.

    The drivers are imported here, so that a process loads one of them only.

    Raises:
        Unavailable: the database does not answer, or is not one that this program can use; one line says why.
    """
    if config.database_url:
        logger.info("Using PostgreSQL database")
        from diundashboard.store.postgres import PostgresStore

        return PostgresStore(config.database_url, clock)
    logger.info("Using SQLite database at %s", config.db_path)
    from diundashboard.store.sqlite import SQLiteStore

    return SQLiteStore(config.db_path, clock)
