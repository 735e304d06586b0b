"""A year of sample data: three hosts, sixty images, and a person who works off the updates."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from diundashboard.model import NEXT_VERSION, HistoryQuery, Invalid, RunEvent, Selection, UpdateQuery
from diundashboard.notification import parse
from diundashboard.store import Store

DAYS = 365
PERSON = "demo"

# By host and stack; the version a year ago follows the colon.
_IMAGES = {
    "nas": {
        "media": """
            jellyfin/jellyfin:10.8.13 lscr.io/linuxserver/sonarr:4.0.1-ls210
            lscr.io/linuxserver/radarr:5.2.6-ls180 lscr.io/linuxserver/prowlarr:1.11.4-ls30
            lscr.io/linuxserver/bazarr:v1.4.0-ls240 lscr.io/linuxserver/sabnzbd:4.2.1-ls140
            ghcr.io/navidrome/navidrome:0.50.2
        """,
        "photos": """
            ghcr.io/immich-app/immich-server:v1.91.0 redis:7.2.3-alpine
            ghcr.io/immich-app/immich-machine-learning:v1.91.0 tensorchord/pgvecto-rs:pg16-v0.1.11
        """,
        "files": """
            nextcloud:28.0.1-fpm-alpine mariadb:11.2.2 nginx:1.25.3-alpine syncthing/syncthing:1.27.2
            vaultwarden/server:1.30.1-alpine ghcr.io/paperless-ngx/paperless-ngx:2.2.1
            gotenberg/gotenberg:8.0.0 apache/tika:2.9.1.0
        """,
        "books": "lscr.io/linuxserver/calibre-web:0.6.21-ls250 advplyr/audiobookshelf:2.7.0",
        "games": "itzg/minecraft-server:java21-alpine",
        "ops": """
            portainer/portainer-ce:2.19.4-alpine crazymax/diun:4.26.0
            lscr.io/linuxserver/duplicati:latest
        """,
    },
    "pi-cellar": {
        "home": """
            ghcr.io/home-assistant/home-assistant:2025.11.1 eclipse-mosquitto:2.0.18
            koenkk/zigbee2mqtt:1.35.0 esphome/esphome:2025.11.0 nodered/node-red:3.1.3
            influxdb:2.7.4-alpine grafana/grafana:10.2.3 ghcr.io/blakeblackshear/frigate:0.13.0
            lscr.io/linuxserver/wireguard:latest ghcr.io/evcc-io/evcc:0.123.0
        """,
        "dns": "pihole/pihole:2025.11.0 mvance/unbound:1.18.0 klutchell/cloudflared:2025.11.1",
        "ops": "crazymax/diun:4.26.0 prom/node-exporter:v1.7.0",
    },
    "vps": {
        "web": """
            traefik:v3.0.0 ghost:5.75.0-alpine mysql:8.2.0 matomo:5.0.1-fpm-alpine nginx:1.25.3-alpine
            umami-software/umami:postgresql-latest
        """,
        "git": """
            codeberg.org/forgejo/forgejo:1.21.3-0 postgres:16.1-alpine
            woodpeckerci/woodpecker-server:v2.1.1 woodpeckerci/woodpecker-agent:v2.1.1
        """,
        "mail": "mailserver/docker-mailserver:13.1.0",
        "chat": "matrixdotorg/synapse:v1.98.0 vectorim/element-web:v1.11.52",
        "monitoring": """
            prom/prometheus:v2.48.1 prom/alertmanager:v0.26.0 grafana/loki:2.9.3
            louislam/uptime-kuma:1.23.11
        """,
        "auth": "quay.io/keycloak/keycloak:23.0.3 lldap/lldap:v0.5.0-alpine",
        "ops": "crazymax/diun:4.26.0",
    },
}

_NOTES = ("wait for the backup to finish", "read the migration guide first", "breaks the theme, see the forum")


@dataclass(slots=True)
class _Image:
    """An image on a host whose project publishes new versions."""

    host: str
    stack: str
    repository: str
    version: str
    every: float
    """Days between two releases, on average."""
    builds: int = 0
    seen: set[str] = field(default_factory=set)

    def publish(self, random: Random, at: datetime) -> bytes:
        """The body of DIUN's notification of the next release."""
        if self.version[-1].isalpha() and not any(character.isdigit() for character in self.version):
            self.builds += 1
        else:
            self.version = _next(self.version, random, at)
        status = "update" if self.version in self.seen else "new"
        self.seen.add(self.version)
        name = self.repository.rpartition("/")[2]
        unique = f"{self.repository}:{self.version}:{self.builds}"
        fields = {
            "diun_version": "4.33.0",
            "hostname": self.host,
            "status": status,
            "provider": "docker",
            "image": f"{_whole(self.repository)}:{self.version}",
            "hub_link": _hub_link(self.repository),
            "mime_type": "application/vnd.oci.image.index.v1+json",
            "digest": f"sha256:{hashlib.sha256(unique.encode()).hexdigest()}",
            "created": (at - timedelta(hours=random.uniform(1, 20))).isoformat(),
            "platform": "linux/arm64" if self.host == "pi-cellar" else "linux/amd64",
            "metadata": {
                "ctn_names": name,
                "ctn_state": "running",
                "ctn_status": f"Up {random.randrange(2, 40)} days",
                "stack": self.stack,
            },
        }
        return json.dumps(fields).encode()


def fill(store: Store, set_clock: Callable[[datetime], None], now: datetime) -> int:
    """Fill an empty store with a year until `now`; returns the number of notifications.

    Raises:
        Invalid: the store has notifications already.
    """
    set_clock(now)
    if store.notifications(HistoryQuery(limit=1)):
        raise Invalid("the demo needs an empty database; this one has notifications")
    random = Random(9)  # noqa: S311 - a demonstration, the same each time
    count = 0
    images = list(_images(random))
    # Only versions with a date depend on when this runs, so every demo is much the same.
    for day in range(DAYS, 0, -1):
        start = now - timedelta(days=day)
        moments = sorted((start + timedelta(hours=random.uniform(0, 22)), image) for image in _due(images, random))
        for at, image in moments:
            set_clock(at)
            store.record(parse(image.publish(random, at)))
            count += 1
        set_clock(start + timedelta(hours=22, minutes=random.randrange(90)))
        if day % 7 in (1, 3, 4, 6):
            _work_off(store, day)
    _report_runs(store, set_clock, now)
    set_clock(now)
    _leave_some_for_later(store)
    return count


def _report_runs(store: Store, set_clock: Callable[[datetime], None], now: datetime) -> None:
    """Record the last runs of each DIUN, every six hours, which found nothing."""
    for number in range(8, 0, -1):
        for host, stacks in _IMAGES.items():
            start = now - timedelta(hours=6 * number - 4)
            set_clock(start)
            store.report_run(host, RunEvent.START, "")
            set_clock(start + timedelta(seconds=12))
            count = sum(len(names.split()) for names in stacks.values())
            numbers = ("0 new tag(s) found", "0 tag(s) updated", f"{count} tag(s) unchanged", "0 tag(s) skipped")
            lines = [f"{count} tag(s) have been scanned:", *numbers, "0 tag(s) with error"]
            store.report_run(host, RunEvent.DONE, "\n* ".join(lines))


def _images(random: Random) -> Iterator[_Image]:
    for host, stacks in _IMAGES.items():
        for stack, names in stacks.items():
            for name in names.split():
                repository, _, version = name.rpartition(":")
                yield _Image(host, stack, repository, version, random.choice((7, 12, 20, 30, 45)))


def _due(images: list[_Image], random: Random) -> list[_Image]:
    return [image for image in images if random.random() < 1 / image.every]


def _work_off(store: Store, day: int) -> None:
    """A person's work on one day: some of the pending updates, and rarely a major version."""
    page = store.updates(UpdateQuery(per_page=200))
    done = [
        update.id
        for update in page.updates
        if Random(f"{day} {update.image}").random() < {"major": 0.05, "new": 0.2}.get(update.kind, 0.25)  # noqa: S311 - a demonstration, the same each time
    ]
    if done:
        store.acknowledge(Selection(tuple(done)), PERSON)


def _leave_some_for_later(store: Store) -> None:
    updates = store.updates(UpdateQuery(per_page=200)).updates
    for update, note in zip(updates[2::7], _NOTES, strict=False):
        store.annotate(Selection((update.id,)), note, PERSON)
    for update in updates[4::9][:3]:
        store.snooze(Selection((update.id,)), NEXT_VERSION, PERSON)
    for update in updates[5::11][:2]:
        store.mute(Selection((update.id,)), True, PERSON)


def _next(version: str, random: Random, at: datetime) -> str:
    """The next version: a new date if it begins with a year, otherwise its last number or one before it goes up."""
    head, dash, tail = version.partition("-")
    prefix = head[: len(head) - len(head.lstrip("v"))]
    numbers = head.removeprefix(prefix).split(".")
    if dash and tail.startswith("ls") and random.random() < 0.6:
        return f"{head}-ls{int(tail.removeprefix('ls')) + 1}"
    if not all(number.isdigit() for number in numbers):
        return version
    if int(numbers[0]) > 2000:
        this_month = [str(at.year), str(at.month)]
        numbers = [*this_month, str(int(numbers[2]) + 1) if numbers[:2] == this_month else "0"]
    else:
        place = min(len(numbers) - 1, random.choices((2, 1, 0), (70, 27, 3))[0])
        numbers = [*numbers[:place], str(int(numbers[place]) + 1), *("0" for _ in numbers[place + 1 :])]
    if tail.startswith("ls"):
        tail = f"ls{int(tail.removeprefix('ls')) + 1}"
    return f"{prefix}{'.'.join(numbers)}{dash}{tail}"


def _whole(repository: str) -> str:
    first, slash, _ = repository.partition("/")
    return repository if slash and "." in first else f"docker.io/{repository if slash else f'library/{repository}'}"


def _hub_link(repository: str) -> str:
    """The link as DIUN writes it for Docker Hub; "" for other registries."""
    first, slash, _ = repository.partition("/")
    return "" if "." in first else f"https://hub.docker.com/{'r' if slash else '_'}/{repository}"
