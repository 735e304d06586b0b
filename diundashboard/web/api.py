"""The API: the same for programs, as JSON."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from diundashboard.model import Invalid, Selection, State, Tag, Update
from diundashboard.web.context import actor, person, store
from diundashboard.web.reading import query_of

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")


@blueprint.get("/updates")
def updates() -> ResponseReturnValue:
    """One page of updates."""
    page = store().updates(query_of(request.args))
    return {
        "updates": [_update(update) for update in page.updates],
        "total": page.total,
        "page": page.page,
        "per_page": page.per_page,
    }


@blueprint.get("/updates/<int:update_id>")
def update(update_id: int) -> ResponseReturnValue:
    """One update."""
    return _update(store().update(update_id))


@blueprint.patch("/updates/<int:update_id>")
def change(update_id: int) -> ResponseReturnValue:
    """Mark one update as done, or reopen it."""
    match _body().get("state"):
        case State.ACKNOWLEDGED:
            store().acknowledge(Selection((update_id,)), person())
        case State.PENDING:
            store().reopen(Selection((update_id,)), person())
        case _:
            raise Invalid('state must be "acknowledged" or "pending"')
    return _update(store().update(update_id))


@blueprint.get("/tags")
def tags() -> ResponseReturnValue:
    """Every tag."""
    return {"tags": [_tag(tag) for tag in store().tags()]}


@blueprint.post("/tags")
def create_tag() -> ResponseReturnValue:
    """Add a tag."""
    return _tag(store().create_tag(_string("name"), actor())), 201


@blueprint.delete("/tags/<int:tag_id>")
def delete_tag(tag_id: int) -> ResponseReturnValue:
    """Remove a tag."""
    store().delete_tag(tag_id, actor())
    return "", 204


@blueprint.put("/tag-assignments")
def assign_tag() -> ResponseReturnValue:
    """Tag a repository or an exact image."""
    tag_id = _body().get("tag_id")
    if type(tag_id) is not int:
        raise Invalid("tag_id must be a whole number")
    return {"image": store().assign_tag(_string("image"), tag_id, actor()), "tag_id": tag_id}


@blueprint.delete("/tag-assignments")
def unassign_tag() -> ResponseReturnValue:
    """Remove the tag of a repository or an exact image."""
    store().unassign_tag(_string("image"), actor())
    return "", 204


def _body() -> dict[str, Any]:
    """The request's JSON object, whatever Content-Type it was sent with."""
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError):
        raise Invalid("the body must be JSON") from None
    if not isinstance(body, dict):
        raise Invalid("the body must be a JSON object")
    return body


def _string(name: str) -> str:
    value = _body().get(name)
    if not isinstance(value, str):
        raise Invalid(f"{name} must be a string")
    return value


def _time(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _tag(tag: Tag) -> dict[str, Any]:
    return {"id": tag.id, "name": tag.name}


def _update(update: Update) -> dict[str, Any]:
    return {
        "id": update.id,
        "hostname": update.hostname,
        "image": update.image,
        "registry": update.registry,
        "repository": update.repository,
        "version": update.version,
        "digest": update.digest,
        "status": update.status,
        "state": update.state,
        "kind": update.kind,
        "from_version": update.from_version or None,
        "provider": update.provider,
        "platform": update.platform,
        "hub_link": update.hub_link,
        "created": _time(update.created),
        "first_seen_at": _time(update.first_seen_at),
        "received_at": _time(update.received_at),
        "acknowledged_at": _time(update.acknowledged_at),
        "notifications": update.notifications,
        "containers": list(update.containers),
        "tag": _tag(update.tag) if update.tag else None,
        "metadata": dict(update.metadata),
    }
