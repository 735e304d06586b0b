"""AUTH_MODE=oidc with a real provider: the npm package oidc-provider."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest
from playwright.sync_api import Page, expect

from diundashboard.config import AuthMode, Config
from tests.dashboard import START_TIMEOUT, Dashboard, free_port, running

CLIENT, SECRET = "diun dashboard", "a secret: with/signs+and%"


class Browser:
    """Cookies, and the page that is shown."""

    def __init__(self) -> None:
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))
        self.status, self.url, self.text = 0, "", ""

    def get(self, url: str) -> None:
        self._go(Request(url, headers={"Sec-Fetch-Site": "same-origin"}))

    def submit(self, **fields: str) -> None:
        """Send the form that is shown, with these fields filled in."""
        (action,) = re.findall(r'<form[^>]* action="([^"]*)"', self.text)
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(\w*)"', self.text))
        self.post(action, **hidden, **fields)

    def post(self, url: str, **fields: str) -> None:
        self._go(Request(url, urlencode(fields).encode(), {"Sec-Fetch-Site": "same-origin"}))

    def log_in(self, dashboard: Dashboard, name: str) -> None:
        self.get(f"{dashboard.url}/hosts")
        self.get(f"{dashboard.url}{self.link('/oidc/begin')}")
        self.submit(login=name, password="x")
        self.submit()

    def link(self, start: str) -> str:
        """The address of the link that is shown and begins so."""
        (found,) = re.findall(rf'<a[^>]* href="({re.escape(start)}[^"]*)"', self.text)
        return str(found).replace("&amp;", "&")

    def _go(self, request: Request) -> None:
        try:
            answer = self._opener.open(request, timeout=30)
        except HTTPError as error:
            answer = error
        with answer:
            self.status, self.url, self.text = answer.status, answer.geturl(), answer.read().decode()


@contextmanager
def providing(program: Path, folder: Path, port: int, site: str) -> Iterator[subprocess.Popen[bytes]]:
    """The provider, which ends with the block."""
    log = folder / "provider.log"
    command = ["node", str(program), str(port), CLIENT, SECRET, f"{site}/oidc/callback", f"{site}/login"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + START_TIMEOUT
        while "ready" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait(15)


@pytest.fixture
def served(config_of: Any, oidc_provider: Path, tmp_path: Path) -> Iterator[tuple[Dashboard, subprocess.Popen[bytes]]]:
    """The dashboard, and the provider at which its people log in."""
    config: Config = replace(config_of("sqlite"), auth_mode=AuthMode.OIDC)
    own, others = free_port(), free_port()
    settings: Any = {
        "PORT": str(own),
        "OIDC_ISSUER": f"http://127.0.0.1:{others}",
        "OIDC_CLIENT_ID": CLIENT,
        "OIDC_CLIENT_SECRET": SECRET,
        "AUTH_GROUPS_ADMIN": "admins",
        "AUTH_GROUPS_READ": "users",
    }
    with (
        providing(oidc_provider, tmp_path, others, f"http://127.0.0.1:{own}") as process,
        running(config, **settings) as dashboard,
    ):
        yield dashboard, process


def test_people_log_in_with_their_groups_and_out(served: tuple[Dashboard, subprocess.Popen[bytes]]) -> None:
    dashboard, provider = served
    ada, bob, eve = Browser(), Browser(), Browser()
    ada.log_in(dashboard, "ada")
    assert (ada.status, ada.url) == (200, f"{dashboard.url}/hosts")
    ada.get(f"{dashboard.url}/people")
    assert (ada.status, ">ada<" in ada.text) == (200, True)
    bob.log_in(dashboard, "bob")
    assert (bob.status, bob.url) == (200, f"{dashboard.url}/hosts")
    bob.get(f"{dashboard.url}/people")
    assert bob.status == 403
    eve.log_in(dashboard, "eve")
    assert (eve.status, "&lt;b&gt;eve&lt;/b&gt; may not use this dashboard" in eve.text) == (403, True)

    ada.post(f"{dashboard.url}/logout")
    ada.get(ada.link("http://127.0.0.1"))
    ada.submit(logout="yes")
    assert ada.url == f"{dashboard.url}/login"
    ada.get(f"{dashboard.url}{ada.link('/oidc/begin')}")
    assert 'name="password"' in ada.text

    ada.get(f"{dashboard.url}/login")
    ada.get(f"{dashboard.url}{ada.link('/oidc/begin')}")
    ada.get(ada.link("http://127.0.0.1"))
    assert (ada.status, "End-User aborted interaction" in ada.text) == (403, True)

    provider.send_signal(signal.SIGKILL)
    provider.wait(15)
    bob.get(f"{dashboard.url}/")
    assert bob.status == 200
    bob.post(f"{dashboard.url}/logout")
    # Where the provider is, is known for an hour: what fails without it is the provider's own page.
    assert (bob.status, "log out at the provider" in bob.text) == (200, True)


@pytest.mark.browser
def test_a_browser_logs_in_at_the_provider_and_out(
    served: tuple[Dashboard, subprocess.Popen[bytes]], page: Page
) -> None:
    dashboard, _ = served
    page.goto(f"{dashboard.url}/tags")
    page.get_by_role("link", name="Log in at 127.0.0.1").click()
    page.get_by_placeholder("Enter any login").fill("ada")
    page.get_by_placeholder("and password").fill("x")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()
    expect(page).to_have_url(f"{dashboard.url}/tags")
    page.get_by_role("link", name="ada", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("ada")
    page.get_by_role("button", name="Log out", exact=True).click()
    page.get_by_role("button", name="Yes, sign me out").click()
    expect(page).to_have_url(f"{dashboard.url}/login")
    page.goto(f"{dashboard.url}/")
    expect(page.get_by_role("link", name="Log in at 127.0.0.1")).to_be_visible()
