"""What the tests of the list of updates share: notifications sent, and what a person finds on the page."""

from __future__ import annotations

import json
import re
from typing import Any

from playwright.sync_api import Locator, Page, Response, expect

from tests.dashboard import Dashboard

FORM = {"Content_Type": "application/x-www-form-urlencoded"}


def notify(dashboard: Dashboard, *images: str, **fields: Any) -> None:
    """Send a notification for each image as DIUN does."""
    for image in images:
        body = {"hostname": "nas", "digest": f"sha256:{image:0>64}", "image": image, **fields}
        assert dashboard.request("POST", "/webhook", json.dumps(body).encode()).status == 200


def row(page: Page, name: str) -> Locator:
    """The row of an image on nas."""
    return page.locator(".updates > .update").filter(has=page.get_by_label(f"Select {name} on nas", exact=True))


def ticks(page: Page) -> Locator:
    return page.get_by_role("checkbox", name=re.compile("^Select .* on nas$"))


def act(page: Page, verb: str | re.Pattern[str]) -> None:
    """Press a button of the selection's bar."""
    page.get_by_role("toolbar").get_by_role("button", name=verb, exact=True).click()


def undo(page: Page, said: str) -> None:
    """Read what was done, and undo it."""
    expect(page.locator("[data-did]")).to_contain_text(said)
    page.get_by_role("button", name="Undo").click()


def state(page: Page, name: str) -> None:
    """Go to the updates of another state."""
    page.get_by_role("navigation", name="State").get_by_role("link", name=re.compile(f"^{name}")).click()


def names(page: Page) -> Locator:
    """What the rows are about."""
    return page.locator(".updates > .update > .what strong")


def scripted(response: Response) -> bool:
    """Whether a script asked for it: an icon that changes is asked for by the browser."""
    return response.request.resource_type == "fetch"


def refresh(page: Page) -> None:
    """What the page does every 15 seconds, now; when this returns, it shows the answer."""
    page.evaluate("document.querySelector('[data-live]').textContent = ''")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("[data-live]")).to_have_text("live")
