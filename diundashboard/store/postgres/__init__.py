"""The store on PostgreSQL: a pool of connections, and no lock of ours but those of the database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from diundashboard.clock import now
from diundashboard.store import Store
from diundashboard.store.postgres.accounts import Accounts
from diundashboard.store.postgres.actions import Actions
from diundashboard.store.postgres.audit import Audit
from diundashboard.store.postgres.carry import Carry
from diundashboard.store.postgres.history import History
from diundashboard.store.postgres.hosts import Hosts
from diundashboard.store.postgres.insights import Insights
from diundashboard.store.postgres.intake import Intake
from diundashboard.store.postgres.prepare import prepare
from diundashboard.store.postgres.runs import Runs
from diundashboard.store.postgres.secrets import Secrets
from diundashboard.store.postgres.sessions import Sessions
from diundashboard.store.postgres.tags import Tags
from diundashboard.store.postgres.tokens import Tokens
from diundashboard.store.postgres.updates import Updates
from diundashboard.store.postgres.upkeep import Upkeep
from diundashboard.store.postgres.views import Views


class PostgresStore(
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
    """Raises Unavailable if the server at `url`, a URI or conninfo string of libpq, does not answer."""

    def __init__(self, url: str, clock: Callable[[], datetime] = now) -> None:
        identity = prepare(url)
        super().__init__(url, clock)
        self._identity = identity
