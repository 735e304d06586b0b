"""The hosts page: what is pending on each machine, how its DIUN runs, and what to do about its name and metadata."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from diundashboard.limits import ITEMS, OPTIONS, PULSES
from diundashboard.model import Host, Invalid, Pulse
from diundashboard.store import NotFound
from diundashboard.web.context import actor, spool, store
from diundashboard.web.fresh import fresh
from diundashboard.web.reading import number, page_of
from diundashboard.web.said import saying

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
    before = _host(host_id)
    store().rename_host(host_id, request.form.get("name", ""), actor())
    names = _called(before), _called(_host(host_id))
    if names[0] == names[1]:
        return redirect(_place(host_id), 303)
    given = before.name if before.name != before.hostname else ""
    return saying(_place(host_id), "host renamed", *names, undo=(host_id, given))


@blueprint.get("/<int:host_id>/merge")
def choose_other(host_id: int) -> ResponseReturnValue:
    """Ask which host to merge one into."""
    host = _host(host_id)
    others = [other for other in store().hosts() if other.id != host_id]
    return render_template("merge.html", host=host, others=others[:OPTIONS], more=len(others[OPTIONS:]))


@blueprint.post("/<int:host_id>/merge")
def merge(host_id: int) -> ResponseReturnValue:
    """Merge a host into the one that the form chooses."""
    if not request.form.get("into"):
        raise Invalid("choose the host to merge into")
    into = number(request.form, "into", 0)
    names = _called(_host(host_id)), _called(_host(into))
    store().merge_hosts(host_id, into, actor())
    return saying(_place(into), "host merged", *names)


@blueprint.post("/<int:host_id>/metadata")
def trust_metadata(host_id: int) -> ResponseReturnValue:
    """Use the metadata of a host's containers again."""
    store().trust_metadata(host_id, actor())
    return saying(_place(host_id), "metadata used", _called(_host(host_id)))


@blueprint.post("/<int:host_id>/forget")
def forget(host_id: int) -> ResponseReturnValue:
    """Remove a host; what it sent stays in the history."""
    name = _called(_host(host_id))
    ids = [host.id for host in store().hosts()]
    store().forget_host(host_id, actor())
    at = ids.index(host_id)
    return saying(_place(*(ids[at + 1 :] + ids[:at][::-1])[:1]), "host forgotten", name)


@blueprint.post("/pulses/<int:pulse_id>/forget")
def forget_pulse(pulse_id: int) -> ResponseReturnValue:
    """Remove the runs of a name. The next report brings the name back."""
    name = next((pulse.name for pulse in store().pulses() if pulse.id == pulse_id), "")
    store().forget_pulse(pulse_id, actor())
    return saying(_place(*[host.id for host in store().hosts()][-1:]), "runs forgotten", name)


def _host(host_id: int) -> Host:
    for host in store().hosts():
        if host.id == host_id:
            return host
    raise NotFound(f"no host has the id {host_id}")


def _called(host: Host) -> str:
    return host.name or "unnamed host"


def _place(host_id: int | None = None) -> str:
    """The page, at a host."""
    ids = [host.id for host in store().hosts()]
    if host_id not in ids:
        return url_for("hosts.index")
    page = ids.index(host_id) // ITEMS + 1
    return url_for("hosts.index", page=page if page > 1 else None, _anchor=f"host-{host_id}")
