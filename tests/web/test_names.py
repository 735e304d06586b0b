"""Under which names the dashboard answers, and that a stranger's name which resolves to it is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from diundashboard.address import site
from diundashboard.app import create_app
from diundashboard.config import Config
from diundashboard.store import Store

OURS = [
    *("localhost", "LOCALHOST:8080", "localhost.", "diun.localhost", "127.0.0.1", "192.168.1.2:9000", "[fd00::1]:8080"),
    *("[::1]", "[::FFFF:1.2.3.4]", "nas", "NAS:8080", "diun_dashboard:8080", "nas.local", "Nas.LAN.", "a.b.home.arpa"),
    *("nas.internal:80", "diun_dashboard.lan", "8.8.8.8"),
]
FOREIGN = [
    *("evil.example", "EVIL.example:8080", "evil.example.", "localhost.evil.example", "127.0.0.1.evil.example"),
    *("lan.evil.example", "local.example", "evil.lan.example", "evil-lan.xlan", "127.1", "1.2.3.4.5", "evil_.example"),
    *("home.arpa.example", "x.arpa", "a.evil-internal"),
]


@pytest.fixture
def config(config_of: Callable[[str], Config]) -> Config:
    return config_of("sqlite")


def status(client: FlaskClient, host: str, path: str = "/") -> int:
    return client.get(path, headers={"Host": host}).status_code


def test_the_names_of_a_home_are_ours_and_others_are_not(client: FlaskClient) -> None:
    assert {host: status(client, host) for host in OURS} == dict.fromkeys(OURS, 200)
    assert {host: status(client, host) for host in FOREIGN} == dict.fromkeys(FOREIGN, 421)


def test_a_foreign_name_gets_nothing_but_what_to_do(client: FlaskClient, store: Store) -> None:
    store.create_tag("media")
    for path in ("/", "/nowhere", "/api/v1/updates", "/connect", "/static/x.css", "/webhook/x", "/?x=/webhook"):
        for method in ("GET", "POST", "DELETE"):
            answer = client.open(path, method=method, headers={"Host": "evil.example", "Sec-Fetch-Site": "same-origin"})
            assert answer.status_code == 421, (method, path)
            assert answer.json == {
                "error": "the dashboard does not answer under the name evil.example: if it is yours, "
                "set PUBLIC_URL to the address of the dashboard, or add the name to ALLOWED_HOSTS"
            }
            assert answer.headers["Cache-Control"] == "no-store"
    assert client.post("/tags", data={"name": "x"}, headers={"Host": "evil.example"}).status_code == 421
    assert [tag.name for tag in store.tags()] == ["media"]


def test_diun_and_monitors_are_answered_under_every_name(client: FlaskClient) -> None:
    for host in ("evil.example", "javascript:alert(1)", "a,b"):
        for path in ("/webhook", "/webhook/"):
            assert client.post(path, data=b'{"image": "nginx:1"}', headers={"Host": host}).status_code == 200
        assert client.post("/ping/nas", headers={"Host": host}).status_code == 200
        for path in ("/healthz", "/readyz"):
            assert status(client, host, path) == 200
    lost = client.post("/", data=b"{}", headers={"Host": "diun.example.org", "User-Agent": "diun/4.33.0"})
    assert (lost.status_code, "go to http://diun.example.org/webhook" in lost.text) == (404, True)


@pytest.mark.parametrize(
    ("allowed", "ours", "foreign"),
    [
        ("a.example", ["a.example", "A.EXAMPLE.:80"], ["b.a.example", "example", "xa.example"]),
        ("*.a.example", ["b.a.example", "c.b.a.example"], ["a.example", "xa.example"]),
        (".a.example, b.example", ["b.a.example", "a.example", "b.example"], ["xa.example", "c.b.example"]),
        ("*", ["evil.example"], []),
    ],
)
def test_more_names_can_be_allowed(
    config: Config, store: Store, allowed: str, ours: list[str], foreign: list[str]
) -> None:
    names = Config.read({"ALLOWED_HOSTS": allowed}).allowed_hosts
    client = create_app(replace(config, allowed_hosts=names), store).test_client()
    assert [status(client, host) for host in ours] == [200] * len(ours)
    assert [status(client, host) for host in foreign if "." in host] == [421] * len([h for h in foreign if "." in h])


def test_the_public_name_is_ours(config: Config, store: Store) -> None:
    client = create_app(replace(config, public_url=site("https://diun.example.org:8443/d")), store).test_client()
    assert [status(client, host) for host in ("diun.example.org", "diun.example.org:8443")] == [200, 200]
    assert status(client, "www.diun.example.org") == 421


def test_a_proxy_is_asked_for_one_of_our_names_too(config: Config, store: Store) -> None:
    """A proxy that sets no X-Forwarded-Host hands over what a page under a foreign name says in its place."""
    client = create_app(replace(config, trusted_proxies=1), store).test_client()
    for called, forwarded, expected in (
        ("evil.example", "localhost", 421),
        ("localhost", "evil.example", 421),
        ("dashboard", "nas.lan", 200),
    ):
        answer = client.get("/", headers={"Host": called, "X-Forwarded-Host": forwarded})
        assert answer.status_code == expected
