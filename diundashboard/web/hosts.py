"""The hosts page: what is pending on each machine, how its DIUN runs, and what to do about its name and metadata."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from diundashboard.limits import ITEMS, OPTIONS, PULSES
from diundashboard.model import Invalid, Pulse
from diundashboard.store import NotFound
from diundashboard.web.context import actor, spool, store
from diundashboard.web.fresh import fresh
from diundashboard.web.reading import number, page_of

blueprint = Blueprint("hosts", __name__, url_prefix="/hosts")


@blueprint.get("")
@partial(fresh, also=lambda: (store().pulses(), spool().waits()))
def index() -> ResponseReturnValue:
    """One page of hosts, and the runs of their DIUNs; those of a name that no host has follow the last of them."""
    hosts = store().hosts()
    page, pages, shown = page_of(len(hosts))
    pulses: dict[int | None, list[Pulse]] = {}
    for pulse in store().pulses():
        pulses.setdefault(pulse.host_id, []).append(pulse)
    return render_template(
        "hosts.html",
        hosts=hosts[shown],
        total=len(hosts),
        page=page,
        pages=pages,
        pulses=pulses,
        strangers=pulses.get(None, [])[:PULSES] if page == pages else [],
        waiting=spool().waits(),
    )


@blueprint.post("/<int:host_id>/rename")
def rename(host_id: int) -> ResponseReturnValue:
    """Show a host under the name that the form gives; an empty name restores the hostname."""
    store().rename_host(host_id, request.form.get("name", ""), actor())
    return _back(host_id)


@blueprint.get("/<int:host_id>/merge")
def choose_other(host_id: int) -> ResponseReturnValue:
    """Ask which host to merge one into."""
    hosts = {host.id: host for host in store().hosts()}
    host = hosts.pop(host_id, None)
    if host is None:
        raise NotFound(f"no host has the id {host_id}")
    others = list(hosts.values())
    return render_template("merge.html", host=host, others=others[:OPTIONS], more=len(others[OPTIONS:]))


@blueprint.post("/<int:host_id>/merge")
def merge(host_id: int) -> ResponseReturnValue:
    """Merge a host into the one that the form chooses."""
    if not request.form.get("into"):
        raise Invalid("choose the host to merge into")
    into = number(request.form, "into", 0)
    store().merge_hosts(host_id, into, actor())
    return _back(into)


@blueprint.post("/<int:host_id>/metadata")
def trust_metadata(host_id: int) -> ResponseReturnValue:
    """Use the metadata of a host's containers again."""
    store().trust_metadata(host_id, actor())
    return _back(host_id)


@blueprint.post("/<int:host_id>/forget")
def forget(host_id: int) -> ResponseReturnValue:
    """Remove a host; what it sent stays in the history."""
    store().forget_host(host_id, actor())
    return _back()


@blueprint.post("/pulses/<int:pulse_id>/forget")
def forget_pulse(pulse_id: int) -> ResponseReturnValue:
    """Remove the runs of a name. The next report brings the name back."""
    store().forget_pulse(pulse_id, actor())
    return _back()


def _back(host_id: int | None = None) -> ResponseReturnValue:
    """The page again, at the host that was changed."""
    if host_id is None:
        return redirect(url_for("hosts.index"), 303)
    place = [host.id for host in store().hosts()].index(host_id)
    page = place // ITEMS + 1
    return redirect(url_for("hosts.index", page=page if page > 1 else None, _anchor=f"host-{host_id}"), 303)
