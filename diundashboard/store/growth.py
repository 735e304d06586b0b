"""What an update gathers from one notification to the next, within its limits. Pure.

Where a limit is reached, the newest stays: what DIUN reported last is what runs now. The history keeps the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from diundashboard.limits import CONTAINERS, METADATA_KEYS, METADATA_TEXT, SEARCH
from diundashboard.notification import bounded, size_of
from diundashboard.text import name_of

Metadata = Mapping[str, Mapping[str, str]]
"""The metadata of containers, by their names as DIUN sent them."""


def more_containers(known: Sequence[str], new: Iterable[str]) -> list[str]:
    """Containers in their order of arrival; if there are too many, the first are left out."""
    return list(dict.fromkeys([*known, *new]))[-CONTAINERS:]


def bounded_containers(known: Sequence[str]) -> list[str]:
    """Containers as an update keeps them, of what an earlier release or two hosts have gathered."""
    return more_containers([name_of(name) for name in known], ())


def bounded_metadata(metadata: Metadata, containers: Sequence[str]) -> Metadata:
    """The metadata of containers as an update keeps it, of what an earlier release or two hosts have gathered."""
    return fewer_metadata({name_of(container): bounded(each) for container, each in metadata.items()}, containers)


def more_metadata(known: Metadata, container: str, metadata: Mapping[str, str], containers: Sequence[str]) -> Metadata:
    """The metadata of containers with that of one more, or newer of it; `containers` are in their order of arrival."""
    return fewer_metadata({**known, container: metadata}, containers, container) if metadata else known


def fewer_metadata(metadata: Metadata, containers: Sequence[str], newest: str = "") -> Metadata:
    """The metadata of containers; if it is too much, that of the first to arrive is left out."""
    sizes = {container: size_of(each) for container, each in metadata.items()}
    keys = sum([size[0] for size in sizes.values()])
    text = sum([size[1] for size in sizes.values()])
    if keys <= METADATA_KEYS and text <= METADATA_TEXT:
        return metadata
    places = {name: place for place, name in enumerate(containers)}

    def came(container: str) -> tuple[bool, int, str]:
        return container == newest, max(places.get(name.strip(), -1) for name in container.split(",")), container

    kept = dict(metadata)
    for container in sorted(kept, key=came)[:-1]:
        del kept[container]
        keys, text = keys - sizes[container][0], text - sizes[container][1]
        if keys <= METADATA_KEYS and text <= METADATA_TEXT:
            break
    return kept


def more_search(known: str, new: str) -> str:
    """The search text of an update with that of one more notification, without the oldest words."""
    if new in known:
        return known
    room = SEARCH - len(new.encode()) - 1
    words = known.encode()
    if len(words) > room:
        words = words[-room:].partition(b" ")[2] if room > 0 else b""
    return f"{words.decode(errors='ignore')} {new}" if words else new
