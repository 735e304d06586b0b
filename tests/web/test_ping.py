"""DIUN reports its runs as to a Healthchecks server, in the requests that its own client makes."""

from __future__ import annotations

import html
import logging
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from diundashboard.app import create_app
from diundashboard.clock import now
from diundashboard.config import Config
from diundashboard.store import Declined, Store, Unavailable
from diundashboard.web import ping
from tests.conftest import settle
from tests.dashboard import Dashboard
from tests.pings import HEADERS, STOPPED, result
from tests.store.asking import record

SECRET = "s/e c:r%et?x#é\"'&a=b//start"
"""Every character that could end or change a part of an address."""


@pytest.fixture
def protected(config: Config, store: Store) -> FlaskClient:
    """The application with a secret."""
    return create_app(replace(config, webhook_secret=SECRET), store).test_client()


def send(client: FlaskClient, path: str, body: str = "") -> Any:
    return client.post(f"/ping/{path}", data=body, headers=HEADERS)


def reported(store: Store) -> list[tuple[str, bool, bool, str]]:
    """Each run: its name, whether it was heard to start, whether DIUN stopped, and its report."""
    return [
        (pulse.name, bool(run.started_at), run.stopped, run.report) for pulse in store.pulses() for run in pulse.runs
    ]


def test_diun_takes_the_dashboard_for_a_healthchecks_server(client: FlaskClient, store: Store) -> None:
    for path, body in (("nas/start", ""), ("nas", result(unchanged=42)), ("nas/fail", STOPPED)):
        assert send(client, path, body).status_code == 200, "DIUN takes nothing else for success"
    assert reported(store) == [("nas", False, True, STOPPED), ("nas", True, False, result(unchanged=42))]


def test_a_real_server_takes_each_ping(dashboard: Dashboard) -> None:
    for path, body in (("nas/start", ""), ("nas", result(1)), ("nas/fail", STOPPED)):
        assert dashboard.request("POST", f"/ping/{path}", body.encode(), **HEADERS).status == 200
    assert b"1 scanned, 1 new" in dashboard.request("GET", "/hosts").body


@pytest.mark.parametrize("name", ["nas.example.net", "a.b", "7c1f0a9b3e55", "start", "näs", ".nas"])
def test_the_name_carries_any_secret(protected: FlaskClient, store: Store, name: str) -> None:
    address = quote(f"{name}.{SECRET}", safe="")
    for path, body in ((f"{address}/start", ""), (address, "done")):
        assert send(protected, path, body).status_code == 200
    assert reported(store) == [(name, True, False, "done")]


@pytest.mark.parametrize(
    "sent",
    ["nas", "nas/start", "nas.", "nas.wrong/start", f"nas{SECRET}", f"nas.{SECRET}x", SECRET, f"nas.{SECRET}/log"],
)
def test_a_ping_without_the_secret_is_refused_and_told_on_connect(
    protected: FlaskClient, store: Store, sent: str
) -> None:
    answer = send(protected, quote(sent))
    assert answer.status_code == 401
    assert "does not contain the secret" in answer.json["error"]
    assert reported(store) == []
    settle()
    (refusal,) = store.refusals(now() - timedelta(hours=1))
    assert (refusal.status, refusal.reason) == (401, answer.json["error"])


def test_the_secret_of_an_address_is_in_no_log_no_answer_and_no_page(
    protected: FlaskClient, store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    address = quote(f"nas.{SECRET}", safe="")
    answers = [send(protected, address), send(protected, f"{address}/log", SECRET), protected.get(f"/ping/{address}")]
    for error in (Declined("away"), RuntimeError("a bug")):
        monkeypatch.setattr(store, "report_run", lambda *_, error=error: (_ for _ in ()).throw(error))
        answers.append(send(protected, address))
    assert [answer.status_code for answer in answers] == [200, 401, 405, 503, 500]
    answers += [protected.get("/hosts"), protected.get("/connect")]
    for text in (caplog.text, *(answer.text for answer in answers)):
        for form in (SECRET, quote(SECRET, safe=""), quote(SECRET), html.escape(SECRET)):
            assert form not in text


@pytest.mark.parametrize("path", ["nas/log", "nas/1", "a/b/start", "nas/start/", "nas/"])
def test_what_is_no_ping_says_what_one_is(client: FlaskClient, store: Store, path: str) -> None:
    answer = send(client, path)
    assert answer.status_code == 404
    assert "/ping/NAME/start" in answer.json["error"]
    assert reported(store) == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_only_a_post_is_a_ping(client: FlaskClient, store: Store, method: str) -> None:
    """A picture or a link on another site's page makes a browser send the others."""
    assert client.open("/ping/nas", method=method).status_code == 405
    assert reported(store) == []


def test_a_person_who_opens_the_address_is_told_where_it_belongs(client: FlaskClient) -> None:
    answer = client.get("/ping/nas", base_url="https://diun.example.net")
    assert "DIUN_WATCH_HEALTHCHECKS_BASEURL) to https://diun.example.net/ping/" in answer.text


def test_another_site_cannot_ping(client: FlaskClient, store: Store) -> None:
    assert client.post("/ping/nas", headers={"Origin": "https://evil.example"}).status_code == 403
    assert reported(store) == []


@pytest.mark.parametrize("size", [ping.BODY_LIMIT, ping.BODY_LIMIT + 1])
def test_a_body_has_a_limit(client: FlaskClient, store: Store, size: int) -> None:
    answer = send(client, "nas", "x" * size)
    if size > ping.BODY_LIMIT:
        assert (answer.status_code, answer.json) == (413, {"error": "the request is too large (limit 100,000 bytes)"})
    assert len(reported(store)) == (size == ping.BODY_LIMIT)


def test_a_name_that_no_host_can_have_is_refused(client: FlaskClient, store: Store) -> None:
    assert send(client, "x" * 101).status_code == 400
    assert send(client, "%20").status_code == 400
    assert reported(store) == []


def test_many_pings_at_once_leave_the_database_to_the_webhook(
    client: FlaskClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[str] = []
    monkeypatch.setattr(store, "report_run", lambda name, *_: stored.append(name))
    answers = [send(client, f"invented{number}") for number in range(ping.A_MINUTE + 2)]
    assert [answer.status_code for answer in answers[-3:]] == [200, 429, 429]
    assert len(stored) == ping.A_MINUTE
    assert client.post("/webhook", data=b'{"image": "nginx"}').status_code == 200


def test_while_the_database_is_away_a_ping_is_refused_and_diun_says_so_in_its_log(
    client: FlaskClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise Unavailable("PostgreSQL is away")

    monkeypatch.setattr(store, "report_run", away)
    assert send(client, "nas").status_code == 503


def words(client: FlaskClient) -> str:
    """What a person reads on Hosts, on one line."""
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", client.get("/hosts").text)).split())


def test_hosts_says_that_a_run_found_more_than_arrived(client: FlaskClient, store: Store) -> None:
    record(store, "known:1", status="update")
    send(client, "nas/start")
    record(store, "a:1", status="update")
    send(client, "nas", result(1, 2, 38, 0, 3))
    page = words(client)
    assert ": 44 scanned, 1 new, 2 updated, 1 arrived, 3 with errors" in page
    assert "found 2 updated, 1 arrived." in page
    send(client, "nas/start")
    assert "run started" in words(client)
    send(client, "nas/fail", STOPPED)
    assert "stopped: Application closed" in words(client)


def test_hosts_counts_first_checks_out(client: FlaskClient, store: Store) -> None:
    record(store, "known:1", status="update")
    send(client, "nas/start")
    send(client, "nas", result(5))
    page = words(client)
    assert ": 5 scanned, 5 new, 0 arrived" in page
    assert "found" not in page


def test_what_still_waits_on_disk_is_not_missed(config: Config, client: FlaskClient, store: Store) -> None:
    record(store, "known:1", status="update")
    send(client, "nas/start")
    send(client, "nas", result(0, 1))
    assert "0 arrived" in words(client)
    waits = create_app(config, store)
    waits.extensions["diundashboard"][2]._keep(b"{}", now())
    assert "arrived" not in words(waits.test_client())


def test_a_host_whose_diun_runs_as_usual_is_not_called_silent(client: FlaskClient, store: Store, clock: Any) -> None:
    start = clock.time
    for day in (0, 1, 3, 6, 8, 10):
        clock.time = start + timedelta(days=day)
        record(store, f"a:{day}")
    for day in range(10, 15):
        clock.time = start + timedelta(days=day)
        send(client, "nas", result(unchanged=42))
    assert "Silent" not in words(client)
    clock.time = start + timedelta(days=17)
    page = words(client)
    assert "Silent" in page
    assert "nas is late: DIUN's last run there began" in page
    assert "It usually runs again within 24 h" in page


def test_runs_of_no_host_are_listed_and_can_be_forgotten(client: FlaskClient, store: Store) -> None:
    send(client, "<b>n&s</b>".replace("/", "%5C"), "<i>odd</i>")
    page = client.get("/hosts").text
    assert "<b>" not in page
    assert "<i>odd" not in page
    assert "No host has this name yet" in page
    (pulse,) = store.pulses()
    assert client.post(f"/hosts/pulses/{pulse.id}/forget").status_code == 303
    assert "No hosts yet" in words(client)
    assert client.post(f"/hosts/pulses/{pulse.id}/forget").status_code == 404
