"""The rules of a series: they derive its state from what DIUN reported and what people did. Pure.

A series is the versions of one repository in one variant on one host. Its history is the truth: each event, applied to
one state, gives the next (`Event.on`); see `fold` for whole histories. The stores load events and states, and write
what changed; they know no rules.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from diundashboard import image
from diundashboard.image import update_kind
from diundashboard.model import NEXT_VERSION

RULES = 3
"""Raised when the same facts are read differently, or the same events give another state. The stores then derive and
fold everything again."""


class Version(NamedTuple):
    """One version of a series. Times are in UTC.

    `opened_at` is when it became pending, regardless of later digests. `done_at` is when it was last marked as done,
    with any digest; `acknowledged_at` and `acknowledged_by` are set while it is done with its present digest.

    The other six follow from all versions of the series. `kind` and `from_version` compare it with the version that ran
    when it last became pending. `folded` is false for a row of the page; `older` counts the pending versions that are
    folded under a row, and `waiting_since` is the first `opened_at` among these and its own.
    """

    id: int
    text: str
    digest: str
    rebuilt: bool
    first_seen_at: datetime
    received_at: datetime
    opened_at: datetime
    done_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    kind: str = ""
    from_version: str = ""
    superseded: bool = False
    folded: bool = False
    older: int = 0
    waiting_since: datetime | None = None

    @property
    def key(self) -> str:
        return image.version(self.text).sort_key

    @property
    def order(self) -> tuple[str, datetime, int]:
        """The sort key of the versions of a series; among equal versions, the newest is the highest."""
        return image.version(self.text).sort_key, self.received_at, self.id

    @property
    def pending(self) -> bool:
        return self.acknowledged_at is None and not self.superseded


class Counts(NamedTuple):
    """How many versions of a series are pending, how many are done with the digest that they have, and how many it has.

    `rows` is how many of them the list of all updates shows: the pending rows, or otherwise the newest version.
    """

    open: int
    done: int
    rows: int
    versions: int


class Series(NamedTuple):
    """The state of a series.

    `running` is the running version, "" if none is known. `said` is the running version that a person or a label set
    last, and `label` the one that a label set last, with the digest if it named one. `snoozed_until` and `muted_at` are
    None while the series is not snoozed and not muted.
    """

    variant: str
    versions: tuple[Version, ...] = ()
    running: str = ""
    said: str = ""
    said_at: datetime | None = None
    label: str = ""
    note: str = ""
    snoozed_until: datetime | None = None
    muted_at: datetime | None = None

    @property
    def counts(self) -> Counts:
        open = done = rows = 0
        for version in self.versions:
            open += version.pending
            done += version.acknowledged_at is not None
            rows += not version.folded
        return Counts(open, done, rows, len(self.versions))

    def version(self, id: int) -> Version | None:
        return next((version for version in self.versions if version.id == id), None)

    def under(self, id: int) -> tuple[int, ...]:
        """The ids of the pending versions that are folded under a row."""
        rows, folded = _places([version for version in self.versions if version.pending])
        return tuple(version.id for version in folded if _row_of(version, rows).id == id)


class Reported(NamedTuple):
    """DIUN reported a version with a digest.

    `known` is whether DIUN knew another digest of the tag before, even if this series does not. `current` is what runs
    according to the container's metadata: a version, or `version@digest`.
    """

    at: datetime
    update: int
    text: str
    digest: str
    known: bool = False
    current: str = ""
    action: int = 0

    def on(self, series: Series) -> Series:
        """Apply the digest to a known version. The same digest changes nothing, nor does one that is older."""
        before = series.version(self.update)
        if before is None:
            return self._first(series)
        if before.digest == self.digest or self.at < before.received_at:
            return series
        new = before._replace(
            digest=self.digest,
            rebuilt=self._rebuilt(True),
            kind="",
            first_seen_at=min(before.first_seen_at, self.at),
            received_at=self.at,
            opened_at=self.at if before.acknowledged_at is not None else min(before.opened_at, self.at),
            acknowledged_at=None,
            acknowledged_by="",
        )
        series = _with(series, {new.id: new})
        # Versions without an order have no next one, so another digest is the next one.
        if not new.key and series.snoozed_until == NEXT_VERSION:
            series = series._replace(snoozed_until=None)
        return _settled(_labelled(series, self.current, self.at))

    def _first(self, series: Series) -> Series:
        """Add a new version to the series. A version that is higher than all others ends a snooze."""
        rebuilt = self._rebuilt(self.known)
        new = Version(self.update, self.text, self.digest, rebuilt, self.at, self.at, self.at)
        highest = max((version.order for version in series.versions), default=None)
        series = _settled(_labelled(series._replace(versions=(*series.versions, new)), self.current, self.at))
        if series.snoozed_until is not None and (highest is None or new.order > highest):
            reported = series.version(self.update)
            if reported is not None and not reported.superseded:
                return series._replace(snoozed_until=None)
        return series

    def _rebuilt(self, known: bool) -> bool:
        """Whether the digest of the version differs from the one that runs, or from its previous one."""
        version, _, digest = self.current.partition("@")
        return digest != self.digest if digest and version == self.text else known


class Acknowledged(NamedTuple):
    """A person marked versions as done, each with the digest that the person saw; two after two hosts were merged."""

    at: datetime
    action: int
    digests: Mapping[int, Collection[str]]
    by: str

    def on(self, series: Series) -> Series:
        """Mark the version as done. If it has another digest by now, it counts as running and stays pending."""
        done = {}
        for version in series.versions:
            digests = self.digests.get(version.id)
            if digests is None:
                continue
            if version.digest in digests:
                done[version.id] = version._replace(done_at=self.at, acknowledged_at=self.at, acknowledged_by=self.by)
            else:
                done[version.id] = version._replace(done_at=self.at)
        return _settled(_with(series, done)) if done else series


class Reopened(NamedTuple):
    """A person reopened versions."""

    at: datetime
    action: int
    updates: Collection[int]

    def on(self, series: Series) -> Series:
        back = {
            version.id: version._replace(done_at=None, acknowledged_at=None, acknowledged_by="")
            for version in series.versions
            if version.id in self.updates and version.done_at is not None
        }
        return _settled(_with(series, back)) if back else series


class Snoozed(NamedTuple):
    """A person snoozed the series until a time, or until the next version; None unsnoozes it."""

    at: datetime
    action: int
    until: datetime | None

    def on(self, series: Series) -> Series:
        return series if series.snoozed_until == self.until else series._replace(snoozed_until=self.until)


class Muted(NamedTuple):
    """A person muted the series, or unmuted it."""

    at: datetime
    action: int
    muted: bool

    def on(self, series: Series) -> Series:
        if self.muted == (series.muted_at is not None):
            return series
        return series._replace(muted_at=self.at if self.muted else None)


class Noted(NamedTuple):
    """A person wrote a note for the series; an empty note removes it."""

    at: datetime
    action: int
    text: str

    def on(self, series: Series) -> Series:
        return series if series.note == self.text else series._replace(note=self.text)


class SaidRunning(NamedTuple):
    """A person set the running version; "" unsets it."""

    at: datetime
    action: int
    version: str

    def on(self, series: Series) -> Series:
        if self.version and not compares(series.variant, self.version):
            return series
        if not self.version and not series.said:
            return series
        return _settled(series._replace(said=self.version, said_at=self.at if self.version else None))


Event = Reported | Acknowledged | Reopened | Snoozed | Muted | Noted | SaidRunning


def to_acknowledge(series: Series, chosen: Collection[int]) -> dict[int, Collection[str]]:
    """Which of the chosen versions are pending, each with the digest that it has."""
    return {version.id: (version.digest,) for version in series.versions if version.id in chosen and version.pending}


def to_reopen(series: Series, chosen: Collection[int]) -> frozenset[int]:
    """Which of the chosen versions are done."""
    return frozenset(
        version.id for version in series.versions if version.id in chosen and version.acknowledged_at is not None
    )


def compares(variant: str, version: str) -> bool:
    """Whether a version compares with those of a series of this variant."""
    return image.variant(version) == variant


def _with(series: Series, new: Mapping[int, Version]) -> Series:
    return series._replace(versions=tuple([new.get(version.id, version) for version in series.versions]))


def _labelled(series: Series, current: str, at: datetime) -> Series:
    """A label sets the running version when its value changes; a repeated value has no effect."""
    version = current.partition("@")[0]
    if current in ("", series.label) or not compares(series.variant, version):
        return series
    return series._replace(label=current, said=version, said_at=at)


def _what_runs(series: Series) -> str:
    """The highest version that was done after a person or a label set the running version, or the version so set."""
    done = [version for version in series.versions if version.done_at is not None]
    if series.said and series.said_at is not None:
        key, at = image.version(series.said).sort_key, series.said_at
        done = [version for version in done if version.done_at and version.done_at > at and version.key >= key]
    if not done:
        return series.said
    highest = done[0] if len(done) == 1 else max(done, key=lambda version: (version.key, version.id))
    return highest.text


def _order(version: Version) -> tuple[str, datetime, int]:
    return version.order


def _settled(series: Series) -> Series:
    """Update what follows from all versions: the running version, what it supersedes, the kinds, the rows."""
    running = _what_runs(series)
    superseded: set[int] = set()
    if running:
        runs = next((version for version in series.versions if version.text == running), None)
        superseded = {
            version.id
            for version in series.versions
            if version.acknowledged_at is None and _is_superseded(version, running, runs)
        }
    pending = [v for v in series.versions if v.acknowledged_at is None and v.id not in superseded]
    rows, folded = _places(pending) if pending else (sorted(series.versions, key=_order)[-1:], [])
    under: dict[int, list[Version]] = {row.id: [] for row in rows}
    for version in folded:
        under[_row_of(version, rows).id].append(version)
    versions = []
    for version in series.versions:
        below = under.get(version.id, [])
        kind, from_version = version.kind, version.from_version
        if version.acknowledged_at is None and (from_version != running or not kind):
            kind, from_version = update_kind(running, version.text, version.rebuilt), running
        since = min([version.opened_at, *[each.opened_at for each in below]])
        follows = (kind, from_version, version.id in superseded, version.id not in under, len(below), since)
        versions.append(version if version[_FACTS:] == follows else Version._make((*version[:_FACTS], *follows)))
    return series._replace(versions=tuple(versions), running=running)


_FACTS = Version._fields.index("kind")
"""How many fields of a version its own events set; the others follow from all versions."""


def _is_superseded(version: Version, running: str, runs: Version | None) -> bool:
    """Whether a version that is not done is below the running one, or is the running one without another digest."""
    if version.text == running:
        return not version.rebuilt
    if runs is None:
        return version.key < image.version(running).sort_key
    return version.order < runs.order


def _places(pending: list[Version]) -> tuple[list[Version], list[Version]]:
    """The rows among pending versions, lowest first: the newest release, and the newest pre-release above it."""
    if len(pending) == 1:
        return pending, []
    newest: list[Version] = []
    for version in sorted(pending, key=_order, reverse=True):
        release = not image.version(version.text).prerelease
        if release or not newest:
            newest.append(version)
        if release:
            break
    rows = newest[::-1]
    return rows, [version for version in pending if version not in rows]


def _row_of(version: Version, rows: list[Version]) -> Version:
    """The lowest row above a version."""
    return next(row for row in rows if row.order > version.order)
