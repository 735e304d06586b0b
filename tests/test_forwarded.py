"""What a reverse proxy says counts if it is a trusted one and makes sense; what anybody else says never does."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest

from diundashboard.address import networks, site
from diundashboard.config import Config
from diundashboard.forwarded import PEER, Forwarded
from tests.dashboard import Dashboard, running

PROXY = "10.0.0.2"
ORIGINAL = (PROXY, "http", "called:80", "")


def seen(proxies: str | int, peer: str = PROXY, public: str = "", called: str = "called:80", **said: str) -> Any:
    """Client, scheme, host and prefix of a request, as the application sees them."""
    noted: dict[str, Any] = {}
    environ = {"REMOTE_ADDR": peer, "wsgi.url_scheme": "http", "HTTP_HOST": called, "SCRIPT_NAME": ""}
    environ |= {f"HTTP_X_FORWARDED_{name.upper()}": value for name, value in said.items()}

    def application(environ: dict[str, Any], start_response: object) -> list[bytes]:
        noted.update(environ)
        return []

    trusted = networks(proxies) if isinstance(proxies, str) else proxies
    nothing: Any = None
    Forwarded(application, trusted, site(public) if public else None)(environ, nothing)
    assert noted[PEER] == peer
    return tuple(noted[key] for key in ("REMOTE_ADDR", "wsgi.url_scheme", "HTTP_HOST", "SCRIPT_NAME"))


SAID = {"For": "192.0.2.7", "Proto": "https", "Host": "diun.lan", "Prefix": "/d"}
APPLIED = ("192.0.2.7", "https", "diun.lan", "/d")


@pytest.mark.parametrize(
    ("proxies", "peer", "trusted"),
    [
        ("10.0.0.0/8", PROXY, True),
        (PROXY, PROXY, True),
        (f"fd00::/8, {PROXY}", "fd00::1", True),
        ("10.0.0.3", PROXY, False),
        ("fd00::/8", PROXY, False),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("0.0.0.0/0, ::/0", "", False),
        (0, PROXY, False),
        (1, PROXY, True),
        (1, "", True),
    ],
)
def test_only_trusted_proxies_are_believed(proxies: str | int, peer: str, trusted: bool) -> None:
    assert seen(proxies, peer, **SAID) == (APPLIED if trusted else (peer, *ORIGINAL[1:]))


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("198.51.100.1, 192.0.2.7", "192.0.2.7"),
        ("10.0.0.9,192.0.2.7 , 10.0.0.3", "192.0.2.7"),
        ("192.0.2.7, 10.0.0.3, 10.0.0.4", "192.0.2.7"),
        ("10.0.0.5", "10.0.0.5"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:10.0.0.3", "10.0.0.3"),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_proxy(chain: str, client: str) -> None:
    assert seen("10.0.0.0/8", For=chain)[0] == client


def test_an_ipv4_proxy_that_connects_as_ipv6_is_the_same_proxy() -> None:
    noted: dict[str, Any] = {}

    def application(environ: dict[str, Any], start_response: object) -> list[bytes]:
        noted.update(environ)
        return []

    nothing: Any = None
    environ = {"REMOTE_ADDR": "::ffff:10.0.0.2", "HTTP_X_FORWARDED_FOR": "192.0.2.7"}
    Forwarded(application, networks("10.0.0.0/8"), None)(environ, nothing)
    assert (noted[PEER], noted["REMOTE_ADDR"]) == (PROXY, "192.0.2.7")


NO_ADDRESS = (
    "unknown",
    "",
    "_x",
    "192.0.2",
    "192.0.2.7:x",
    "192.0.2.7:0",
    "[::1",
    "::1]:5",
    "٣.1.1.1",
    "<b>",
    "evil.example",
)
NONSENSE = {
    "For": NO_ADDRESS,
    "Proto": ("javascript", "HTTPS", "https:", "ftp", "", "http\t", "ws", "https://x"),
    "Host": (
        "a/b",
        "a b",
        "javascript:alert(1)",
        "a@b",
        "a:b",
        "a:0",
        "a:99999",
        "a:",
        "[::1",
        "[x]",
        "",
        "<b>",
        "a\\b",
        "a#b",
        "ü",
    ),
    "Prefix": (
        "//evil.example",
        "/\\evil",
        "d",
        "/a//b",
        "/a/../b",
        "/./a",
        "/a b",
        "/a?b",
        "/a%2fb",
        "https://x",
        '/"><b>',
        "",
    ),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in NONSENSE.items() for value in values])
@pytest.mark.parametrize("proxies", [PROXY, 1])
def test_what_makes_no_sense_is_as_if_it_were_not_said(proxies: str | int, name: str, value: str) -> None:
    assert seen(proxies, **{name: value}) == ORIGINAL
    assert seen(proxies, **(SAID | {name: value})) == tuple(
        original if header == name else applied
        for header, applied, original in zip(SAID, APPLIED, ORIGINAL, strict=True)
    )


def test_what_makes_no_sense_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    proxy = Forwarded(lambda environ, start_response: [], networks(PROXY), None)
    nothing: Any = None
    with caplog.at_level(logging.WARNING, "diundashboard"):
        for number in range(3):
            said = {"HTTP_X_FORWARDED_PROTO": f"no\n{number}", "HTTP_X_FORWARDED_PREFIX": "x" * 10_000}
            proxy({"REMOTE_ADDR": PROXY, "wsgi.url_scheme": "http", **said}, nothing)
    assert [record.getMessage()[:40] for record in caplog.records] == [
        "X-Forwarded-Proto: invalid 'no\\n0' from ",
        "X-Forwarded-Prefix: invalid 'xxxxxxxxxxx",
    ]
    assert all(len(record.getMessage()) < 250 for record in caplog.records)


def test_of_several_values_the_outermost_proxys_counts() -> None:
    """A client can put values in front, which no proxy said."""
    one, two = "192.0.2.7", "192.0.2.7, 10.0.0.3"
    assert seen("10.0.0.0/8", For=one, Proto="http, https", Host="evil.example, a.lan")[1:3] == ("https", "a.lan")
    assert seen("10.0.0.0/8", For=two, Proto="https, http", Host="a.lan, b")[1:3] == ("https", "a.lan")
    assert seen("10.0.0.0/8", For=two, Proto="http, https, http", Host="evil, a.lan, b")[1:3] == ("https", "a.lan")
    assert seen("10.0.0.0/8", For=two, Proto="https")[1] == "https"


def test_a_number_of_proxies_counts_values_from_the_right() -> None:
    said = {"For": "192.0.2.1, 192.0.2.2, 192.0.2.3", "Host": "a, b, c", "Proto": "https"}
    assert seen(2, **said) == ("192.0.2.2", "http", "b", "")
    assert seen(9, **said) == ORIGINAL


def test_a_port_counts_where_a_number_of_proxies_is_set() -> None:
    assert seen(1, Host="a.lan:80", Port="8443")[2] == "a.lan:8443"
    assert seen(1, Host="a.lan", Port="8443x")[2] == "a.lan"
    assert seen(PROXY, Host="a.lan", Port="8443")[2] == "a.lan"


def test_a_prefix_is_the_public_addresss_where_one_is_set() -> None:
    public = "https://diun.example.org/d"
    assert seen(PROXY, Prefix="/x/")[3] == "/x"
    assert seen(PROXY, Prefix="/")[3] == ""
    assert seen(PROXY, public=public, Prefix="/x")[3] == "/d"
    assert seen(PROXY, public=public)[3] == "/d"
    assert seen(PROXY, public="https://diun.example.org", Prefix="/x")[3] == ""
    assert seen(0, public=public)[3] == ""
    for called in ("diun.example.org", "Diun.Example.org:443", "diun.example.org."):
        assert seen(0, public=public, called=called)[3] == "/d"
    assert seen(0, public=public, called="diun.example.org:8080")[3] == ""


# On the real server


@pytest.fixture
def sqlite(config_of: Callable[[str], Config]) -> Config:
    return config_of("sqlite")


def test_who_reaches_the_port_of_a_dashboard_with_another_proxy_forges_nothing(sqlite: Config) -> None:
    said: Any = {f"X_Forwarded_{name}": value for name, value in SAID.items()}
    with running(sqlite, TRUSTED_PROXIES="192.0.2.0/24, ::1") as dashboard:
        page = dashboard.request("GET", "/connect", **said).body.decode()
        assert f"{dashboard.url}/webhook" in page
        assert 'action="/theme"' in page
    with running(sqlite, TRUSTED_PROXIES="127.0.0.1") as dashboard:
        page = dashboard.request("GET", "/connect", **said).body.decode()
        assert "https://diun.lan/d/webhook" in page
        assert 'action="/d/theme"' in page
        nonsense: Any = {"X_Forwarded_Proto": "javascript", "X_Forwarded_Prefix": "//evil.example"}
        answer = dashboard.request("GET", "/connect", X_Forwarded_For="<b>", **nonsense)
        assert (answer.status, answer.headers.get("Strict-Transport-Security")) == (200, None)
        for word in (b"javascript:", b"evil.example"):
            assert word not in answer.body
        assert dashboard.log.count("is ignored and logged only once") == 3


def test_a_public_address_is_where_the_log_says_that_it_runs(sqlite: Config) -> None:
    with running(sqlite, PUBLIC_URL="https://diun.example.org/d/") as dashboard:
        assert "DIUN Dashboard runs at https://diun.example.org/d\n" in dashboard.log


def raw(dashboard: Dashboard, request: str) -> str:
    """The answer to a request that is sent as it is."""
    with socket.create_connection(("127.0.0.1", dashboard.port), 30) as connection:
        connection.sendall(request.encode("latin-1"))
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode("latin-1")


def test_no_host_and_no_target_leads_elsewhere(sqlite: Config) -> None:
    with running(sqlite) as dashboard:
        for head, status in (
            ("GET / HTTP/1.0\r\n", 200),
            ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: localhost, evil.example\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: javascript:alert(1)\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: localhost/evil\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: evil.example@localhost\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: evil.example\r\n", 421),
            ("GET / HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: localhost\r\n", 421),
            ("GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n", 421),
            ("GET http://localhost/ HTTP/1.1\r\nHost: evil.example\r\n", 421),
            ("GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n", 200),
            ("GET evil://evil.example/ HTTP/1.1\r\nHost: localhost\r\n", 421),
            ("POST /webhook HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 19\r\n", 200),
        ):
            answer = raw(dashboard, f'{head}Connection: close\r\n\r\n{{"image":"nginx:1"}}')
            assert int(answer.split()[1]) == status, (head, answer)
            assert "Location: //" not in answer
        for target in ("//evil.example/", "//evil.example/%2e%2e", "/\\evil.example", "/%5cevil.example"):
            answer = raw(dashboard, f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert int(answer.split()[1]) in (308, 400, 404), (target, answer)
            assert "ocation: //" not in answer
            assert "ocation: http://evil" not in answer
