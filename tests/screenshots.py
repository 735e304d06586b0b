"""Take the pictures of the manual: `make screenshots`."""

from __future__ import annotations

import json
import tempfile
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import sync_playwright

from diundashboard.config import Config
from diundashboard.model import now
from tests.conftest import chromium_path, sandbox
from tests.dashboard import Dashboard, running

IMAGES = Path(__file__).parents[1] / "docs" / "images"

SHOWN = [
    ("nas", "jellyfin/jellyfin:10.10.3", "jellyfin", "media"),
    ("nas", "ghcr.io/immich-app/immich-server:v1.119.0", "immich-server", "photos"),
    ("pi-cellar", "homeassistant/home-assistant:2026.11.1", "home-assistant", "home"),
    ("vps", "traefik:v3.2", "edge", "web"),
    ("vps", "postgres:17.1-alpine", "db,db-replica", "web"),
    ("nas", "lscr.io/linuxserver/sonarr:4.0.10.2544-ls251", "sonarr", "media"),
    ("pi-cellar", "eclipse-mosquitto:2.0.20", "mosquitto", "home"),
    ("vps", "redis:7.4.0-alpine", "cache", "web"),
    ("nas", "nextcloud:30.0.2-fpm-alpine", "cloud", "files"),
    ("pi-cellar", "grafana/grafana:11.3.0", "grafana", "monitoring"),
]


def fill(dashboard: Dashboard) -> None:
    """Send what the pictures show."""
    for number, (host, image, containers, stack) in enumerate(SHOWN):
        for digest in "ab"[: 1 + number % 3 // 2]:
            fields = {
                "diun_version": "4.33.0",
                "hostname": host,
                "status": "new",
                "provider": "docker",
                "image": image,
                "hub_link": f"https://hub.docker.com/r/{image.partition(':')[0]}",
                "digest": f"sha256:{digest * 64}",
                "created": (now() - timedelta(hours=5 + 7 * number)).isoformat(),
                "platform": "linux/amd64",
                "metadata": {"ctn_names": containers, "stack": stack},
            }
            assert dashboard.request("POST", "/webhook", json.dumps(fields).encode()).status == 200
    for number, (_, image, _, stack) in enumerate(SHOWN):
        dashboard.request("POST", "/api/v1/tags", json.dumps({"name": stack}).encode())
        tags = {tag["name"]: tag["id"] for tag in dashboard.request("GET", "/api/v1/tags").json["tags"]}
        if number % 2 == 0:
            body = json.dumps({"image": image.partition(":")[0], "tag_id": tags[stack]}).encode()
            assert dashboard.request("PUT", "/api/v1/tag-assignments", body).status == 200


def take() -> None:
    """Render each page in light, dark and narrow."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Config(db_path=str(Path(folder) / "diun.db"))) as dashboard,
        sync_playwright() as playwright,
    ):
        fill(dashboard)
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=sandbox())
        for name, width, height, scheme in (
            ("light", 1440, 700, "light"),
            ("dark", 1440, 700, "dark"),
            ("narrow", 390, 844, "light"),
        ):
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if scheme == "dark" else "light",
            )
            page = context.new_page()
            for room, path in (("updates", "/"), ("tags", "/tags")):
                page.goto(dashboard.url + path)
                page.screenshot(path=IMAGES / f"{room}-{name}.png")
                print(f"docs/images/{room}-{name}.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    take()
