"""Insights: charts of the history, drawn on the server."""

from __future__ import annotations

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue

from diundashboard.clock import now
from diundashboard.web import chart
from diundashboard.web.context import store
from diundashboard.web.fresh import fresh

blueprint = Blueprint("insights", __name__, url_prefix="/insights")


@blueprint.get("")
@fresh
def index() -> ResponseReturnValue:
    """How many notifications arrive, how many updates wait and for how long, and what causes most of them."""
    insights = store().insights()
    tagged = [wait.label != chart.NO_TAG for wait in insights.waits_by_tag]
    return render_template(
        "insights.html",
        coming=chart.coming(insights),
        still_open=chart.still_open(insights),
        by_tag=chart.waiting(insights.waits_by_tag, "tag") if any(tagged) else None,
        by_host=chart.waiting(insights.waits_by_host, "host"),
        noisiest=chart.noisiest(insights.noisiest),
        noisy_links=[url_for("history.index", q=noise.name) for noise in insights.noisiest],
        oldest=insights.oldest,
        oldest_finding=chart.oldest_finding(now() - insights.oldest[0].waiting_since) if insights.oldest else "",
        pitch=chart.BAR_PITCH,
    )
