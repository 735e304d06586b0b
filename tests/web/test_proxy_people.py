"""AUTH_MODE=proxy: the proxy in front says who asks, and nobody else can."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from diundashboard.address import networks
from diundashboard.app import create_app
from diundashboard.config import AuthMode, Config, Misconfigured
from diundashboard.model import Level
from diundashboard.store import Store
from tests.dashboard import Dashboard, running
from tests.store.asking import record
from tests.web.people import logged_in

PROXY = "192.0.2.1"
STRANGER = "192.0.2.9"
NEEDED = {"AUTH_MODE": "proxy", "AUTH_PROXY_NETWORKS": "127.0.0.1"}


@pytest.fixture
def config(config_of: Any) -> Config:
    chosen: Config = config_of("sqlite")
    return replace(
        chosen,
        auth_mode=AuthMode.PROXY,
        auth_proxy_networks=networks("192.0.2.0/29"),
        trusted_proxies=networks("192.0.2.0/24"),
    )


@pytest.fixture
def client(config: Config, store: Store) -> FlaskClient:
    return create_app(config, store).test_client()


@pytest.fixture
def grouped(config: Config, store: Store) -> FlaskClient:
    """The dashboard where the proxy says the groups too."""
    groups: Any = {"auth_groups_admin": ("admins",), "auth_groups_write": ("ops",), "auth_groups_read": ("users",)}
    return create_app(replace(config, auth_proxy_groups_header="Remote-Groups", **groups), store).test_client()


def ask(
    client: FlaskClient, path: str = "/", peer: str = PROXY, method: str = "GET", **headers: str
) -> tuple[int, str]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = client.open(path, method=method, environ_base={"REMOTE_ADDR": peer}, headers=sent)
    return answer.status_code, answer.text


def test_whom_the_proxy_names_may_do_everything_and_acts_under_that_name(client: FlaskClient, store: Store) -> None:
    number = record(store, "a:1")
    assert ask(client, "/connect", method="POST", Remote_User="ada", Sec_Fetch_Site="same-origin")[0] == 200
    answer = client.patch(
        f"/api/v1/updates/{number}",
        json={"state": "acknowledged"},
        environ_base={"REMOTE_ADDR": PROXY},
        headers={"Remote-User": "ada", "Sec-Fetch-Site": "same-origin"},
    )
    assert answer.status_code == 200
    assert store.update(number).acknowledged_by == "ada"
    assert store.accounts() == ()


def test_a_name_is_utf_8(client: FlaskClient) -> None:
    assert "Jürgen" in ask(client, "/account", Remote_User="Jürgen".encode().decode("latin-1"))[1]
    assert ask(client, Remote_User="J\xfcrgen")[0] == 403


def test_the_header_counts_from_no_one_else_whatever_forwarded_headers_say(client: FlaskClient) -> None:
    for forged in ({}, {"X_Forwarded_For": "192.0.2.1"}, {"X_Forwarded_For": "192.0.2.1, 192.0.2.1"}):
        for path in ("/", "/api/v1/updates", "/nothing"):
            status, words = ask(client, path, STRANGER, Remote_User="ada", **forged)
            assert status == 403
            assert "192.0.2.9 is not in it" in words
    assert ask(client, X_Forwarded_For="198.51.100.7", Remote_User="ada")[0] == 200


@pytest.mark.parametrize("name", ["ada,eve", "ada, eve", "a\tb", "a\x7fb", "\u202eada", "x" * 101])
def test_a_name_that_is_not_one_name_is_refused(client: FlaskClient, name: str) -> None:
    status, words = ask(client, Remote_User=name.encode().decode("latin-1"))
    assert (status, "one name" in words) == (403, True)


@pytest.mark.parametrize("name", [None, ""])
def test_a_request_in_which_the_proxy_names_nobody_is_told_so(client: FlaskClient, name: str | None) -> None:
    headers = {} if name is None else {"Remote_User": name}
    status, words = ask(client, **headers)
    assert (status, "the proxy did not send a name" in words.lower()) == (403, True)
    assert ask(client, "/api/v1/updates", **headers)[0] == 401
    assert ask(client, X_Requested_With="poll", **headers)[0] == 401
    status, words = ask(client, peer=STRANGER)
    assert (status, "192.0.2.9 is not in AUTH_PROXY_NETWORKS" in words) == (403, True)


def test_programs_and_health_need_no_proxy_and_ignore_the_header(client: FlaskClient) -> None:
    for headers in ({}, {"Remote_User": "ada,eve"}):
        assert ask(client, "/healthz", STRANGER, **headers)[0] == 200
        assert ask(client, "/readyz", STRANGER, **headers)[0] == 200
        assert ask(client, "/ping/nas", STRANGER, "POST", **headers)[0] == 200
        sent: Any = {"environ_base": {"REMOTE_ADDR": STRANGER}, "data": b'{"image": "a:1"}'}
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        assert client.post("/webhook", headers=names, **sent).status_code == 200


@pytest.mark.parametrize(
    ("groups", "status", "words"),
    [
        ("admins", 200, "see and change everything"),
        ("users,admins", 200, "see and change everything"),
        ("users|ops", 200, "change updates"),
        (" users ", 200, "change nothing"),
        ("Admins", 403, "ada is in no group"),
        ("", 403, "ada is in no group"),
        (None, 403, "ada is in no group"),
    ],
)
def test_groups_become_a_level(grouped: FlaskClient, groups: str | None, status: int, words: str) -> None:
    headers = {"Remote_User": "ada"} | ({} if groups is None else {"Remote_Groups": groups})
    answer = ask(grouped, "/account", **headers)
    assert (answer[0], words in answer[1].lower()) == (status, True)


def test_groups_count_from_no_one_else(grouped: FlaskClient) -> None:
    status, words = ask(grouped, peer=STRANGER, Remote_Groups="admins")
    assert (status, "can log people in" in words) == (403, True)
    assert ask(grouped, "/people", Remote_User="ada", Remote_Groups="users")[0] == 403


def test_a_level_can_be_set_for_people_without_groups(config: Config, store: Store) -> None:
    for level in ("read", "write"):
        chosen = Config.read(NEEDED | {"AUTH_LEVEL": level})
        client = create_app(replace(config, auth_level=chosen.auth_level), store).test_client()
        assert ask(client, "/people", Remote_User="ada")[0] == 403
        assert ask(client, Remote_User="ada")[0] == 200


def test_pages_about_passwords_and_accounts_are_elsewhere(client: FlaskClient, store: Store) -> None:
    for path in ("/login", "/setup/x", "/people", "/oidc/begin", "/oidc/callback"):
        assert ask(client, path, Remote_User="ada")[0] == 404, path
    page = ask(client, "/account", Remote_User="ada")[1]
    assert "The proxy in front" in page
    assert "Log out" not in page
    assert "password" not in page


def test_a_session_cookie_is_worth_nothing(config: Config, store: Store) -> None:
    inside = logged_in(create_app(config, store), store, Level.ADMIN)
    assert ask(inside)[0] == 403


def test_what_another_site_has_the_browser_send_through_the_proxy_is_refused(client: FlaskClient) -> None:
    for headers in ({}, {"Sec_Fetch_Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert ask(client, "/theme", method="POST", Remote_User="ada", **headers)[0] == 403


@pytest.mark.parametrize(
    ("lacking", "named"),
    [
        ({"AUTH_MODE": "proxy"}, "AUTH_PROXY_NETWORKS"),
        (NEEDED | {"AUTH_GROUPS_ADMIN": "admins"}, "AUTH_PROXY_GROUPS_HEADER"),
        (NEEDED | {"AUTH_PROXY_GROUPS_HEADER": "Remote-Groups"}, "AUTH_GROUPS_ADMIN"),
        (NEEDED | {"AUTH_PROXY_NETWORKS": "everywhere"}, "AUTH_PROXY_NETWORKS"),
        (NEEDED | {"AUTH_PROXY_HEADER": "Remote_User"}, "AUTH_PROXY_HEADER"),
        (NEEDED | {"AUTH_PROXY_HEADER": "Authorization"}, "AUTH_PROXY_HEADER"),
        (NEEDED | {"AUTH_LEVEL": "root"}, "AUTH_LEVEL"),
    ],
)
def test_settings_that_lack_something_are_refused_in_one_line(lacking: dict[str, str], named: str) -> None:
    with pytest.raises(Misconfigured, match=named) as caught:
        Config.read(lacking)
    assert str(caught.value).isprintable()


@pytest.fixture
def served(config: Config) -> Iterator[Dashboard]:
    with running(config, AUTH_PROXY_NETWORKS="127.0.0.1") as dashboard:
        yield dashboard


def test_on_the_wire_the_header_has_one_spelling_and_one_value(served: Dashboard) -> None:
    def status(*lines: str) -> int:
        with socket.create_connection(("127.0.0.1", served.port), 10) as raw:
            head = ["GET /account HTTP/1.1", "Host: localhost", "Connection: close", *lines, "", ""]
            raw.sendall("\r\n".join(head).encode())
            answer = b""
            while part := raw.recv(65536):
                answer += part
        body[:] = [answer.decode()]
        return int(answer.split(b" ", 2)[1])

    body: list[str] = []
    assert status("Remote-User: ada") == 200
    assert status("remote-user: ada") == 200
    assert status("Remote_User: mallory") == 403
    assert "did not send a name" in body[0]
    assert status("Remote-User: ada", "Remote_User: mallory") == 200
    assert "mallory" not in body[0]
    assert status("Remote_User: mallory", "Remote-User: ada") == 200
    assert "mallory" not in body[0]
    assert status("Remote-User: mallory", "Remote-User: ada") == 403
    assert status("Remote-User: ada", "Remote-User: ada") == 403
    assert status("Remote-User : mallory") == 400
    assert status("Remote-User: ada\r\n mallory") in (400, 403)
    assert status("Remote-User: Jürgen") == 200
    assert "Jürgen" in body[0]
