"""The frozen types that pass between the rooms, by area."""

from diundashboard.model.accounts import Account, Level, Person, Token
from diundashboard.model.actions import NEXT_VERSION, Action
from diundashboard.model.audit import COMMAND_LINE, NOBODY, Actor, Entry
from diundashboard.model.carry import Contents, Filled, Form, Row
from diundashboard.model.history import REFUSALS_KEPT, HistoryQuery, Received, Refusal
from diundashboard.model.hosts import Host
from diundashboard.model.insights import INSIGHT_DAYS, WAITS, Insights, Noise, Wait
from diundashboard.model.invalid import Invalid
from diundashboard.model.runs import REPORT_LENGTH, RUNS_KEPT, STRANGERS_KEPT, Pulse, Run, RunEvent, Scan
from diundashboard.model.tags import COLOURS, Rule, Tag
from diundashboard.model.updates import (
    COUNTED_DONE,
    FILTERS,
    PER_PAGE_LIMIT,
    STATE_TABS,
    UNTAGGED,
    VALUES_LIMIT,
    Age,
    Cause,
    Choice,
    Choices,
    Group,
    Page,
    Selection,
    Sort,
    State,
    Summary,
    Totals,
    Update,
    UpdateQuery,
)
from diundashboard.model.upkeep import Difference, Pruned
from diundashboard.model.views import View

__all__ = [
    "COLOURS",
    "COMMAND_LINE",
    "COUNTED_DONE",
    "FILTERS",
    "INSIGHT_DAYS",
    "NEXT_VERSION",
    "NOBODY",
    "PER_PAGE_LIMIT",
    "REFUSALS_KEPT",
    "REPORT_LENGTH",
    "RUNS_KEPT",
    "STATE_TABS",
    "STRANGERS_KEPT",
    "UNTAGGED",
    "VALUES_LIMIT",
    "WAITS",
    "Account",
    "Action",
    "Actor",
    "Age",
    "Cause",
    "Choice",
    "Choices",
    "Contents",
    "Difference",
    "Entry",
    "Filled",
    "Form",
    "Group",
    "HistoryQuery",
    "Host",
    "Insights",
    "Invalid",
    "Level",
    "Noise",
    "Page",
    "Person",
    "Pruned",
    "Pulse",
    "Received",
    "Refusal",
    "Row",
    "Rule",
    "Run",
    "RunEvent",
    "Scan",
    "Selection",
    "Sort",
    "State",
    "Summary",
    "Tag",
    "Token",
    "Totals",
    "Update",
    "UpdateQuery",
    "View",
    "Wait",
]
