"""The recipes for reverse proxies, run for real: with TLS, at a name of their own and below a path."""

from __future__ import annotations

import os
import re
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from diundashboard.config import Config
from tests.conftest import PAYLOADS
from tests.dashboard import START_TIMEOUT, Answer, free_port, running

RECIPES = Path(__file__).parents[1] / "deploy" / "proxy"
LIES = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "javascript",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "666",
    "X-Forwarded-Prefix": "//evil.example",
}
"""What a client says, and no proxy should pass on."""

pytestmark = pytest.mark.parametrize("config", ["sqlite"], indirect=True)


@dataclass(frozen=True, slots=True)
class Site:
    """The dashboard as a proxy hands it out over TLS."""

    port: int
    prefix: str
    trust: ssl.SSLContext

    @property
    def origin(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        connection = HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self.trust)
        try:
            connection.request(method, f"{self.prefix}{path}", body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "cert.pem", folder / "key.pem"
    options = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", *options, *names, "-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return made, key


@contextmanager
def served(command: list[str], site: Site, log: Path, **environment: str) -> Iterator[Site]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | environment)
    try:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and process.poll() is None:
            try:
                site.request("GET", "/healthz")
                break
            except ConnectionRefusedError:
                time.sleep(0.02)
        else:
            raise AssertionError(log.read_text())
        yield site
    finally:
        process.terminate()
        process.wait(15)


def nginx_command(program: str, recipe: str, site: Site, folder: Path, files: tuple[Path, Path]) -> list[str]:
    places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{place}_temp_path {folder / place};" for place in places)
    recipe = recipe.replace("listen 443 ssl", f"listen 127.0.0.1:{site.port} ssl")
    for setting, path in zip(("ssl_certificate", "ssl_certificate_key"), files, strict=True):
        recipe = re.sub(rf"{setting} .*;", f"{setting} {path};", recipe)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder / 'pid'}; error_log stderr; events {{}}"
        f"http {{ access_log off; {temporary} {recipe} }}"
    )
    return [program, "-c", str(folder / "nginx.conf"), "-e", "stderr"]


def caddy_command(program: str, recipe: str, site: Site, folder: Path, files: tuple[Path, Path]) -> list[str]:
    own, key = files
    recipe = re.sub(r"^\S*example\.org \{", f"{site.origin} {{\n\ttls {own} {key}", recipe, flags=re.MULTILINE)
    (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{recipe}")
    return [program, "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


COMMANDS: dict[str, Callable[[str, str, Site, Path, tuple[Path, Path]], list[str]]] = {
    "nginx": nginx_command,
    "caddy": caddy_command,
}


@pytest.fixture(
    params=[
        ("nginx", "nginx.conf", ""),
        ("nginx", "nginx-prefix.conf", "/diun"),
        ("caddy", "Caddyfile", ""),
        ("caddy", "Caddyfile-prefix", "/diun"),
    ],
    ids=lambda param: param[1],
)
def site(
    request: pytest.FixtureRequest, config: Config, certificate: tuple[Path, Path], tmp_path: Path
) -> Iterator[Site]:
    """The dashboard behind the recipe, of which only addresses and the places of files are changed."""
    name, recipe, prefix = request.param
    made = Site(free_port(), prefix, ssl.create_default_context(cafile=str(certificate[0])))
    program = request.getfixturevalue(name)
    with running(config, TRUSTED_PROXIES="127.0.0.1") as dashboard:
        text = (RECIPES / recipe).read_text().replace("127.0.0.1:8080", f"127.0.0.1:{dashboard.port}")
        command = COMMANDS[name](program, text, made, tmp_path, certificate)
        with served(command, made, tmp_path / "proxy.log", HOME=str(tmp_path), XDG_DATA_HOME=str(tmp_path)):
            yield made


def links(page: str) -> list[str]:
    return re.findall(r' (?:href|src|action)="(/[^"]*|https?://127[^"]*)"', page)


def test_everything_works_behind_the_recipe(site: Site) -> None:
    assert site.request("POST", "/webhook", PAYLOADS[0].read_bytes()).status == 200
    home = site.request("GET", "/")
    page = home.body.decode()
    found = links(page)
    assert found
    assert [link for link in found if not link.startswith(f"{site.prefix}/")] == []
    for asset in [link for link in found if "/static/" in link]:
        assert site.request("GET", asset.removeprefix(site.prefix).partition("#")[0]).status == 200
    (validator,) = (value for name, value in home.headers.items() if name.lower() == "etag")
    again = site.request("GET", "/", headers={"If-None-Match": validator})
    assert (again.status, again.body) == (304, b"")
    connect = site.request("GET", "/connect").body.decode()
    assert f"{site.origin}{site.prefix}/webhook" in connect


def test_a_form_is_taken_from_the_own_page_alone_and_leads_back_to_it(site: Site) -> None:
    site.request("POST", "/webhook", PAYLOADS[0].read_bytes())
    form = urlencode({"id": 1, "view": ""}).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    refused = site.request("POST", "/act/acknowledge", form, kind | {"Origin": "https://evil.example"})
    assert refused.status == 403
    done = site.request("POST", "/act/acknowledge", form, kind | {"Origin": site.origin})
    assert done.status == 303
    assert done.headers["Location"].removeprefix(site.origin).startswith(f"{site.prefix}/")
    assert b'"state":"acknowledged"' in site.request("GET", "/api/v1/updates/1").body.replace(b" ", b"")


def test_what_a_client_says_of_itself_does_not_pass(site: Site) -> None:
    site.request("POST", "/webhook", PAYLOADS[0].read_bytes(), LIES)
    honest = site.request("GET", "/connect").body
    assert site.request("GET", "/connect", headers=LIES).body == honest
    lied = site.request("GET", "/", headers=LIES).body.decode()
    assert [link for link in links(lied) if not link.startswith(f"{site.prefix}/")] == []
    for lie in ("evil.example", ":666", "javascript:", "203.0.113.9"):
        assert lie not in lied + honest.decode()
