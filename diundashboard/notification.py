"""Parse the body of a request from DIUN into a Notification, or refuse it and say why.

DIUN sends each notification only once, so everything that can be understood is accepted: unknown fields are ignored,
and a known field of the wrong type counts as missing. Long values are shortened to `limits`. The payload keeps the
original.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from diundashboard import image
from diundashboard.limits import CONTAINERS, LINK, METADATA_KEY, METADATA_KEYS, METADATA_TEXT, SEARCH
from diundashboard.text import beginning, name_of, searchable, storable

BODY_LIMIT = 1024 * 1024
"""The largest body, in bytes."""

TEST_IMAGE = "docker.io/diun/testnotif:latest"
"""What `diun notif test` reports."""

_CONTAINER_KEYS = ("ctn_names", "ctn_name", "task_name", "pod_name")
_STACK_KEYS = ("stack", "compose_project", "pod_namespace", "job_namespace")
_VALUE_LENGTH = 200

_ID_LENGTH = 128
"""Characters of a container's id: Docker's have 64. The stores index it."""

_OF_ONE_CONTAINER = {"current", "current_tag", "current_digest", "tag", "stack", "compose_project", "compose_service"}
"""The metadata that belongs to one container, together with every key that begins with `ctn_`."""

_READ = {*_CONTAINER_KEYS, *_STACK_KEYS, *_OF_ONE_CONTAINER, "ctn_id", "ctn_image", "ctn_namespace", "svc_id", "job_id"}
"""The keys that the dashboard itself reads. If there are too many keys, these are kept first."""


class Refused(Exception):
    """The body is not a notification; the message is for the person who reads DIUN's log."""


@dataclass(frozen=True, slots=True)
class Derived:
    """The values of an update that the stores keep because SQL cannot derive them from its names."""

    variant: str
    version_key: str
    prerelease: bool
    name: str
    stack: str
    search: str


@dataclass(frozen=True, slots=True)
class Notification:
    """One webhook request of DIUN.

    `created` is when the image was published, in UTC, to the microsecond. `containers` are the names of what runs the
    image, as the provider calls it. `payload` is the request's body.
    """

    hostname: str
    reference: image.Reference
    digest: str
    status: str
    provider: str
    platform: str
    mime_type: str
    hub_link: str
    diun_version: str
    created: datetime | None
    metadata: dict[str, str]
    containers: tuple[str, ...]
    payload: bytes

    @property
    def is_test(self) -> bool:
        """Whether this is DIUN's own test, which reports no image that anybody runs."""
        return self.reference.image == TEST_IMAGE

    @property
    def current(self) -> str:
        """What the container runs, from its metadata: `version` or `version@digest`; "" if unknown.

        The first of: the label `diun.metadata.current`, diun-boost's `current_tag` (with its `current_digest`), and the
        tag of containerd's `ctn_image`.
        """
        label, tag, digest, image_name = (
            self.metadata.get(key, "").strip() for key in ("current", "current_tag", "current_digest", "ctn_image")
        )
        current = label or tag
        if current:
            # diun-boost knows the digest of its own tag only.
            named = digest and "@" not in current and tag in ("", current)
            version, at, of_version = current.partition("@")
            if named:
                at, of_version = "@", digest.rpartition("@")[2]
            return f"{name_of(version)}{at}{name_of(of_version)}"
        return image.parse(image_name).version if image_name else ""

    @property
    def pinned(self) -> str:
        """The digest that the user wrote into the reference (`repo:1.0.0@sha256:...`); "" for none.

        Swarm adds the running digest by itself, which is no pin.
        """
        return "" if self.provider == "swarm" else self.reference.digest

    @property
    def container_key(self) -> str:
        """The container's name as DIUN sent it, under which the stores keep its metadata; "" if there is none."""
        return name_of(_container_key(self.metadata))

    @property
    def ctn_id(self) -> str:
        """The container's id; "" if unknown."""
        return container_id(self.metadata)

    def without_container_metadata(self) -> Notification:
        """The same notification without the metadata of the container; the payload keeps everything.

        With `defaults.metadata` in its configuration, DIUN sends one container's metadata with every image.
        """
        metadata = {
            key: value
            for key, value in self.metadata.items()
            if key not in _OF_ONE_CONTAINER and not key.startswith("ctn_")
        }
        return replace(self, metadata=metadata, containers=_containers(metadata))

    def derived(self) -> Derived:
        """The values that the stores keep because SQL cannot derive them from the names."""
        reference = self.reference
        return derive(self.hostname, reference.name, reference.version, self.metadata, self.containers)


def parse(body: bytes) -> Notification:
    """Read one request's body.

    Raises:
        Refused: it is empty, not a JSON object, or names no image.
    """
    if not body.strip():
        raise Refused("the request has no body; DIUN's webhook notifier sends JSON")
    fields = _object(body)
    text = _text(fields, "image").strip()
    if not text:
        raise Refused('the notification names no image: its field "image" is missing, empty or not a string')
    metadata = _metadata(fields)
    hub_link = _text(fields, "hub_link")
    return Notification(
        hostname=name_of(_text(fields, "hostname")),
        reference=image.parse(text),
        digest=name_of(_text(fields, "digest")),
        status=name_of(_text(fields, "status")),
        provider=name_of(_text(fields, "provider")),
        platform=name_of(_text(fields, "platform")),
        mime_type=name_of(_text(fields, "mime_type")),
        hub_link=hub_link if len(hub_link) <= LINK else "",
        diun_version=name_of(_text(fields, "diun_version")),
        created=_time(fields.get("created")),
        metadata=bounded(metadata),
        containers=_containers(metadata),
        payload=body,
    )


def _not_json(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _no_value(number: str) -> None:
    """Numbers are not read: none is a known field, and Python limits how long an integer may be."""


_DECODER = json.JSONDecoder(parse_int=_no_value, parse_float=_no_value, parse_constant=_not_json)


def _object(body: bytes) -> dict[str, Any]:
    try:
        fields = _DECODER.decode(body.decode(json.detect_encoding(body), "replace"))
    except RecursionError:
        raise Refused("the body is JSON that is nested too deeply") from None
    except ValueError as error:
        raise Refused(f"the body is not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise Refused("the body is JSON, but not an object; DIUN's webhook notifier sends an object")
    return fields


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    return storable(value) if isinstance(value, str) else ""


def _metadata(fields: dict[str, Any]) -> dict[str, str]:
    value = fields.get("metadata")
    if not isinstance(value, dict):
        return {}
    return {storable(key): storable(text) for key, text in value.items() if isinstance(text, str)}


def size_of(metadata: Mapping[str, str]) -> tuple[int, int]:
    """How many keys, and how many characters of keys and values."""
    return len(metadata), sum(map(len, metadata)) + sum(map(len, metadata.values()))


def bounded(metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata of one container within the limits: first the keys that the dashboard reads, then the shortest."""
    keys, text = size_of(metadata)
    if keys <= METADATA_KEYS and text <= METADATA_TEXT and max(map(len, metadata), default=0) <= METADATA_KEY:
        return dict(metadata)
    kept: dict[str, str] = {}
    room = METADATA_TEXT
    for key, value in sorted(metadata.items(), key=lambda item: (item[0] not in _READ, len(item[1]), item[0])):
        key = key[:METADATA_KEY]
        if len(kept) == METADATA_KEYS or len(key) >= room:
            break
        kept[key] = value[: room - len(key)]
        room -= len(key) + len(kept[key])
    return kept


def container_id(metadata: Mapping[str, str]) -> str:
    """The id of the container in the metadata; "" if there is none, or it is longer than any real one."""
    found = metadata.get("ctn_id", "")
    return found if len(found) <= _ID_LENGTH else ""


def _container_key(metadata: dict[str, str]) -> str:
    """The name that the provider gives to what runs the image; its metadata key differs from provider to provider."""
    return next((metadata[key] for key in _CONTAINER_KEYS if metadata.get(key)), "")


def _containers(metadata: dict[str, str]) -> tuple[str, ...]:
    return tuple(sorted({name_of(name.strip()) for name in _container_key(metadata).split(",")} - {""})[:CONTAINERS])


def _time(value: object) -> datetime | None:
    """An RFC 3339 time in UTC; None for anything else, and for the year 1, which is Go's zero time."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return time if time.year > 1 else None


def derive(
    hostname: str,
    name: str,
    version: str,
    metadata: Mapping[str, str],
    containers: Collection[str],
) -> Derived:
    """Read an update's facts; `name` is its `registry/repository`.

    A version without an order is a series of its own: no tag contains `=`, so no variant looks like one.
    """
    read = image.version(version)
    names = {name, version, hostname}
    found = {*names, *containers, *(value[:_VALUE_LENGTH] for value in metadata.values())}
    search = searchable(" ".join(sorted(found)))
    if len(search) > SEARCH // 4 and len(search.encode()) > SEARCH:
        search = beginning(searchable(" ".join([*sorted(names), *sorted(found - names)])), SEARCH)
    return Derived(
        variant=read.variant if read.numbers else f"={version}",
        version_key=read.sort_key,
        prerelease=read.prerelease,
        name=searchable(name.rpartition("/")[2]),
        stack=name_of(next((metadata[key] for key in _STACK_KEYS if metadata.get(key)), "")),
        search=search,
    )
