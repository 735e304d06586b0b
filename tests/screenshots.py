"""Take the pictures of the manual, of the demo's data: `make screenshots`."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import sync_playwright

from diundashboard.config import AuthMode, Config
from tests.conftest import chromium_path, sandbox
from tests.dashboard import COMMAND, environment, running

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
    "medium": (820, 1180, "light"),
    "narrow": (390, 844, "light"),
}


ADMIN = "correct horse battery"


def take() -> None:
    """Log in, and render each page in light, dark, medium and narrow."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        config = Config(
            db_path=str(Path(folder) / "diun.db"),
            auth_mode=AuthMode.PASSWORD,
            admin_password=ADMIN,
            webhook_secret="correct horse",
        )
        subprocess.run([COMMAND, "demo"], env=environment(config), check=True)
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=sandbox())
        with running(config, PUBLIC_URL="https://diun.lan") as dashboard:
            for name, (width, height, scheme) in SCREENS.items():
                context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
                page = context.new_page()
                page.goto(f"{dashboard.url}/login")
                page.get_by_label("Name").fill("admin")
                page.get_by_label("Password").fill(ADMIN)
                page.keyboard.press("Enter")
                first = page.locator(".update strong a").first.get_attribute("href")
                for room, path in (ROOMS | {"update": str(first)}).items():
                    page.goto(dashboard.url + path)
                    page.screenshot(path=IMAGES / f"{room}-{name}.png")
                    print(f"docs/images/{room}-{name}.png")
                context.close()
        browser.close()


if __name__ == "__main__":
    take()
