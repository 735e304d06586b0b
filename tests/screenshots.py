"""Take the pictures of the manual, of the demo's data: `make screenshots`."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import sync_playwright

from diundashboard.config import Config
from tests.conftest import chromium_path, sandbox
from tests.dashboard import COMMAND, environment, open_to_all, running

IMAGES = Path(__file__).parents[1] / "docs" / "images"

ROOMS = {
    "updates": "/?state=pending",
    "groups": "/?group=tag&sort=kind",
    "hosts": "/hosts",
    "history": "/history",
    "insights": "/insights",
    "tags": "/tags",
    "connect": "/connect",
}

SCREENS: dict[str, tuple[int, int, Literal["light", "dark"]]] = {
    "light": (1440, 900, "light"),
    "dark": (1440, 900, "dark"),
    "narrow": (390, 844, "light"),
}


def take() -> None:
    """Render each page in light, dark and narrow."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        config = open_to_all(Config(db_path=str(Path(folder) / "diun.db")))
        subprocess.run([COMMAND, "demo"], env=environment(config), check=True)
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=sandbox())
        with running(config) as dashboard:
            newest = dashboard.request("GET", "/api/v1/updates?per_page=1").json["updates"][0]["id"]
            for name, (width, height, scheme) in SCREENS.items():
                context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
                page = context.new_page()
                for room, path in (ROOMS | {"update": f"/updates/{newest}"}).items():
                    page.goto(dashboard.url + path)
                    page.screenshot(path=IMAGES / f"{room}-{name}.png")
                    print(f"docs/images/{room}-{name}.png")
                context.close()
        browser.close()


if __name__ == "__main__":
    take()
