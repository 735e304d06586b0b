"""Behind a real nginx, set up as the documentation says."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from diundashboard.config import Config
from diundashboard.notification import BODY_LIMIT
from tests.conftest import PAYLOADS
from tests.dashboard import Dashboard, free_port, running

MANUAL = Path(__file__).parents[1] / "docs" / "proxy.md"
pytestmark = pytest.mark.parametrize("config", ["sqlite"], indirect=True)


@pytest.fixture
def proxied(config: Config, nginx: str, tmp_path: Path) -> Iterator[Dashboard]:
    """The dashboard as nginx hands it out, at the path /diun/."""
    (location,) = re.findall(r"```nginx\n(.*?)```", MANUAL.read_text(), re.DOTALL)
    with behind(nginx, location, config, tmp_path, TRUSTED_PROXIES="127.0.0.1") as served:
        served.wait("/diun/healthz")
        yield served


@contextmanager
def behind(nginx: str, location: str, config: Config, tmp_path: Path, **settings: Any) -> Iterator[Dashboard]:
    """The dashboard as nginx hands it out with this block of its configuration."""
    port = free_port()
    with running(config, **settings) as dashboard:
        places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "".join(f"{place}_temp_path {tmp_path / place};" for place in places)
        (tmp_path / "nginx.conf").write_text(
            f"""
            {"user root;" if os.geteuid() == 0 else ""}
            daemon off;
            pid {tmp_path / "pid"};
            error_log stderr;
            events {{}}
            http {{
                access_log off;
                {temporary}
                server {{
                    listen 127.0.0.1:{port};
                    {location.replace("127.0.0.1:8080", f"127.0.0.1:{dashboard.port}")}
                }}
            }}
            """
        )
        log = tmp_path / "nginx.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [nginx, "-c", tmp_path / "nginx.conf", "-e", "stderr"], stdout=output, stderr=output
            )
        served = Dashboard(port, process, log)
        try:
            served.wait()
            yield served
        finally:
            process.terminate()
            process.wait(15)


def test_what_diun_sends_arrives_whatever_the_method_and_size(proxied: Dashboard) -> None:
    for method in ("GET", "POST", "PUT"):
        for path in PAYLOADS:
            assert proxied.request(method, "/diun/webhook", path.read_bytes()).status == 200, (method, path.name)
    assert proxied.request("POST", "/diun/webhook", b'{"image": "nginx:1"}'.ljust(BODY_LIMIT)).status == 200
    assert proxied.request("POST", "/diun/webhook", b'{"image": "nginx:1"}'.ljust(BODY_LIMIT + 1)).status == 413


def test_pages_links_and_forms_stay_behind_the_proxy(proxied: Dashboard, page: Page) -> None:
    address = f"http://127.0.0.1:{proxied.port}/diun"
    page.goto(f"{address}/")
    expect(page.locator("main")).to_contain_text(f"{address}/webhook")
    assert proxied.request("POST", "/diun/webhook", b'{"image": "nginx:1", "hostname": "nas"}').status == 200
    page.goto(f"{address}/")
    page.get_by_role("button", name="Done nginx on nas").click()
    expect(page.get_by_role("heading", name="All done")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("link", name="nginx", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("nginx")
    expect(page.locator(".timeline")).to_contain_text("127.0.0.1")
    for link in page.get_by_role("navigation", name="Pages").get_by_role("link").all():
        assert str(link.get_attribute("href")).startswith("/diun/")


AT_THE_TOP = """
location / {
    proxy_pass http://127.0.0.1:8080;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
}
"""
REWRITTEN = """
location /diun/ {
    proxy_pass http://127.0.0.1:8080/;
}
"""


def test_without_a_prefix_a_client_cannot_say_who_it_is(config: Config, nginx: str, tmp_path: Path) -> None:
    with behind(nginx, AT_THE_TOP, config, tmp_path, TRUSTED_PROXIES="127.0.0.0/8") as proxied:
        forged: Any = {"X_Forwarded_For": "192.0.2.1", "X_Forwarded_Proto": "https"}
        page = proxied.request("GET", "/connect", **forged).body.decode()
        assert f"http://127.0.0.1:{proxied.port}/webhook" in page
        assert proxied.request("POST", "/webhook", b"?", **forged).status == 400
        names: Any = {"Host": "evil.example", "X_Forwarded_Host": "localhost"}
        for path in ("/", "/api/v1/updates", "/connect"):
            answer = proxied.request("GET", path, **names)
            assert (answer.status, "ALLOWED_HOSTS" in answer.json["error"]) == (421, True)
        assert proxied.request("POST", "/webhook", b'{"image": "nginx:1"}', **names).status == 200


def test_the_public_address_does_where_the_proxy_says_nothing(config: Config, nginx: str, tmp_path: Path) -> None:
    public = "https://diun.example.org/diun"
    settings = {"TRUSTED_PROXIES": "127.0.0.1", "PUBLIC_URL": public}
    with behind(nginx, REWRITTEN, config, tmp_path, **settings) as proxied:
        page = proxied.request("GET", "/diun/connect").body.decode()
        assert f"{public}/webhook" in page
        assert 'action="/diun/theme"' in page
        answer = proxied.request("POST", "/diun/tags", b"name=x", Origin="https://diun.example.org", **FORM)
        assert (answer.status, answer.headers["Location"]) == (303, "/diun/tags#tag-1")
        answer = proxied.request("POST", "/diun/tags", b"name=y", Origin="https://evil.example", **FORM)
        assert answer.status == 403


FORM: Any = {"Content_Type": "application/x-www-form-urlencoded"}

NAMES_PEOPLE = """
location / {
    proxy_pass http://127.0.0.1:8080;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header Remote-User ada;
    proxy_set_header Remote-Groups users;
}
"""


def test_the_proxy_says_who_asks_and_a_client_cannot(config: Config, nginx: str, tmp_path: Path, page: Page) -> None:
    settings = {
        "AUTH_MODE": "proxy",
        "AUTH_PROXY_NETWORKS": "127.0.0.1",
        "AUTH_PROXY_GROUPS_HEADER": "Remote-Groups",
        "AUTH_GROUPS_WRITE": "users",
        "AUTH_GROUPS_ADMIN": "admins",
        "TRUSTED_PROXIES": "127.0.0.1",
    }
    with behind(nginx, NAMES_PEOPLE, config, tmp_path, **settings) as proxied:
        for user, groups in (("Remote-User", "Remote-Groups"), ("Remote_User", "Remote_Groups")):
            connection = HTTPConnection("127.0.0.1", proxied.port, timeout=30)
            connection.request("GET", "/account", headers={user: "mallory", groups: "admins"})
            account = connection.getresponse().read().decode()
            connection.close()
            assert "<h1>ada</h1>" in account
            assert "change updates" in account
        assert proxied.request("POST", "/webhook", b'{"image": "nginx:1", "hostname": "nas"}').status == 200
        page.goto(f"{proxied.url}/")
        page.get_by_role("button", name="Done nginx on nas").click()
        expect(page.get_by_role("heading", name="All done")).to_be_visible()
        page.get_by_role("link", name="ada", exact=True).click()
        expect(page.locator("main")).to_contain_text("The proxy in front of the dashboard has logged you in")
        expect(page.get_by_role("button", name="Log out")).to_have_count(0)
