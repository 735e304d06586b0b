"""The store on one SQLite file: one connection, guarded by one lock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from diundashboard.clock import now
from diundashboard.store import Store
from diundashboard.store.sqlite.accounts import Accounts
from diundashboard.store.sqlite.actions import Actions
from diundashboard.store.sqlite.audit import Audit
from diundashboard.store.sqlite.carry import Carry
from diundashboard.store.sqlite.history import History
from diundashboard.store.sqlite.hosts import Hosts
from diundashboard.store.sqlite.insights import Insights
from diundashboard.store.sqlite.intake import Intake
from diundashboard.store.sqlite.prepare import prepare
from diundashboard.store.sqlite.runs import Runs
from diundashboard.store.sqlite.secrets import Secrets
from diundashboard.store.sqlite.sessions import Sessions
from diundashboard.store.sqlite.tags import Tags
from diundashboard.store.sqlite.tokens import Tokens
from diundashboard.store.sqlite.updates import Updates
from diundashboard.store.sqlite.upkeep import Upkeep
from diundashboard.store.sqlite.views import Views


class SQLiteStore(
    Intake,
    Updates,
    Actions,
    Tags,
    Hosts,
    Runs,
    History,
    Insights,
    Views,
    Accounts,
    Sessions,
    Secrets,
    Tokens,
    Audit,
    Upkeep,
    Carry,
    Store,
):
    """Raises Unavailable if this program cannot use the file at `path`, which is then left as it was.

    A damaged file is left as it is too; then each operation raises Unavailable until somebody replaces the file.
    """

    def __init__(self, path: str, clock: Callable[[], datetime] = now) -> None:
        super().__init__(path, clock, prepare)
