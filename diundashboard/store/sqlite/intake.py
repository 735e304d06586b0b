"""Store what DIUN sends."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from diundashboard.model import REFUSALS_KEPT, Refusal
from diundashboard.notification import Notification
from diundashboard.store import intake
from diundashboard.store.errors import Unavailable
from diundashboard.store.sqlite.database import Database, microseconds, time_of
from diundashboard.store.sqlite.keeper import BUSY_TIMEOUT, busy
from diundashboard.store.sqlite.record import record
from diundashboard.text import storable


@dataclass(slots=True, eq=False)
class _Arrival:
    """A notification waiting to be stored, and the result."""

    notification: Notification
    at: datetime
    again: datetime | None
    settled: bool = False
    update_id: int | None = None
    error: Exception | None = None


class Intake(intake.Intake, Database):
    def __init__(self, path: str, clock: Callable[[], datetime], prepare: Callable[[str], str]) -> None:
        super().__init__(path, clock, prepare)
        self._arrivals: deque[_Arrival] = deque()

    def record(
        self, notification: Notification, at: datetime | None = None, again: datetime | None = None
    ) -> int | None:
        """Store a notification, as the interface promises.

        Those that arrive while another transaction runs share the next one, and so one wait for the disk. Each is still
        stored as a whole or not at all, and durable on return.
        """
        arrival = _Arrival(notification, at or self._clock(), again)
        self._arrivals.append(arrival)
        self._wait_for_turn(arrival)
        try:
            if not arrival.settled:
                self._record_arrivals()
        finally:
            self._lock.release()
        if arrival.error:
            raise arrival.error
        return arrival.update_id

    def _wait_for_turn(self, arrival: _Arrival) -> None:
        """Acquire the lock, or raise Unavailable before DIUN stops waiting for an answer."""
        if self._lock.acquire(timeout=BUSY_TIMEOUT):
            return
        try:
            self._arrivals.remove(arrival)
        except ValueError:
            # It is being stored right now. Should that take as long again, it can be stored twice.
            if self._lock.acquire(timeout=BUSY_TIMEOUT):
                return
        raise busy(self._path)

    def _record_arrivals(self) -> None:
        """Store all waiting notifications and set their results. The caller holds the lock."""
        batch = [self._arrivals.popleft() for _ in range(len(self._arrivals))]
        try:
            self._record_batch(batch)
        except Unavailable as error:
            for arrival in batch:
                arrival.error = error
        except Exception:
            # One that cannot be stored must not fail the others.
            for arrival in batch:
                try:
                    self._record_batch([arrival])
                except Exception as error:
                    arrival.error = error
        for arrival in batch:
            arrival.settled = True

    def _record_batch(self, batch: list[_Arrival]) -> None:
        with self._locked_transaction() as cursor:
            for arrival in batch:
                arrival.update_id = record(cursor, arrival.notification, arrival.at, arrival.again)

    def refuse(self, refusal: Refusal) -> None:
        with self._transaction() as cursor:
            cursor.execute(
                "INSERT INTO refusals (at, address, status, reason, excerpt) VALUES (?, ?, ?, ?, ?)",
                (
                    microseconds(refusal.at),
                    storable(refusal.address),
                    refusal.status,
                    storable(refusal.reason),
                    storable(refusal.excerpt),
                ),
            )
            cursor.execute("DELETE FROM refusals WHERE id <= (SELECT max(id) FROM refusals) - ?", (REFUSALS_KEPT,))

    def refusals(self, since: datetime) -> tuple[Refusal, ...]:
        with self._transaction("DEFERRED") as cursor:
            rows = cursor.execute(
                "SELECT at, address, status, reason, excerpt FROM refusals WHERE at >= ? ORDER BY id DESC",
                (microseconds(since),),
            ).fetchall()
        return tuple(Refusal(**dict(row) | {"at": time_of(row["at"])}) for row in rows)
