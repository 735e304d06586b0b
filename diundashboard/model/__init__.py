"""The frozen types that pass between the rooms, by area."""

from diundashboard.clock import now
from diundashboard.image import update_kind
from diundashboard.model.actions import NEXT_VERSION, Action
from diundashboard.model.history import REFUSALS_KEPT, HistoryQuery, Received, Refusal
from diundashboard.model.hosts import Host
from diundashboard.model.insights import INSIGHT_DAYS, WAITS, Insights, Noise, Wait
from diundashboard.model.invalid import Invalid
from diundashboard.model.tags import COLOURS, Rule, Tag
from diundashboard.model.updates import (
    COUNTED_DONE,
    PER_PAGE_LIMIT,
    UNTAGGED,
    Age,
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
from diundashboard.model.views import View
from diundashboard.notification import DERIVED_RULES, Derived, derive
from diundashboard.store.choices import choices_of, state_choice
from diundashboard.store.days import insight_days
from diundashboard.store.names import (
    action_label,
    assignable,
    host_name,
    metadata_tag,
    note_text,
    rule_pattern,
    tag_name,
    view_name,
)
from diundashboard.text import searchable, storable

__all__ = [
    "COLOURS",
    "COUNTED_DONE",
    "DERIVED_RULES",
    "INSIGHT_DAYS",
    "NEXT_VERSION",
    "PER_PAGE_LIMIT",
    "REFUSALS_KEPT",
    "UNTAGGED",
    "WAITS",
    "Action",
    "Age",
    "Choice",
    "Choices",
    "Derived",
    "Group",
    "HistoryQuery",
    "Host",
    "Insights",
    "Invalid",
    "Noise",
    "Page",
    "Received",
    "Refusal",
    "Rule",
    "Selection",
    "Sort",
    "State",
    "Summary",
    "Tag",
    "Totals",
    "Update",
    "UpdateQuery",
    "View",
    "Wait",
    "action_label",
    "assignable",
    "choices_of",
    "derive",
    "host_name",
    "insight_days",
    "metadata_tag",
    "note_text",
    "now",
    "rule_pattern",
    "searchable",
    "state_choice",
    "storable",
    "tag_name",
    "update_kind",
    "view_name",
]
