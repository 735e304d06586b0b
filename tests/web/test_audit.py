"""What the audit says about people at work, and how it is read, on both databases."""

from __future__ import annotations

import csv
import io
import re
import time
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from diundashboard import first, passwords
from diundashboard.app import create_app
from diundashboard.config import AuthMode, Config
from diundashboard.model import NOBODY, Actor, Level
from diundashboard.store import Store
from diundashboard.web import audit, tried
from diundashboard.web.gate import key_of
from diundashboard.web.tried import A_MINUTE, Tries
from tests.store.asking import record
from tests.web.people import browser_of, logged_in

PASSWORD = "correct horse"
HERE = "127.0.0.1"


@pytest.fixture
def app(config: Config, store: Store) -> Flask:
    return create_app(replace(config, auth_mode=AuthMode.PASSWORD, webhook_secret="hush"), store)


@pytest.fixture
def admin(app: Flask, store: Store) -> FlaskClient:
    return logged_in(app, store, Level.ADMIN)


def written(store: Store) -> list[tuple[str, str, str, str]]:
    """By whom, from where, what: every row, oldest first."""
    return [(row.by, row.address, row.event, row.detail) for row in store.audit()[::-1]]


def test_logging_in_and_out_is_written_and_so_is_every_failure(app: Flask, store: Store) -> None:
    store.add_account("Ada", Level.READ, passwords.hashed(PASSWORD))
    client = browser_of(app)
    client.post("/login", data={"name": "ada", "password": "wrong"})
    client.post("/login", data={"name": PASSWORD, "password": PASSWORD})
    client.post("/login", data={"name": "ada", "password": PASSWORD})
    client.post("/logout")
    assert written(store)[1:] == [
        ("Ada", HERE, "failed login", "wrong password"),
        ("", HERE, "failed login", "no account has this name"),
        ("Ada", HERE, "logged in", ""),
        ("Ada", HERE, "logged out", ""),
    ]
    assert [row.refused for row in store.audit()[::-1]] == [False, True, True, False, False]
    assert PASSWORD not in str(store.audit())


def test_what_the_gate_refuses_is_written(app: Flask, store: Store) -> None:
    logged_in(app, store, Level.READ).post("/hosts/7/forget")
    assert written(store)[-1] == ("read", HERE, "refused", "POST /hosts/7/forget")


def test_a_stranger_who_is_asked_to_log_in_leaves_no_row(app: Flask, store: Store) -> None:
    for path in ("/", "/nothing", "/setup/x", "/api/v1/updates"):
        app.test_client().get(path)
    assert store.audit() == ()


def test_every_form_writes_who_used_it(admin: FlaskClient, store: Store) -> None:
    record(store, "a:1", hostname="nas")
    record(store, "a:1", hostname="pi")
    nas, pi = (each.id for each in store.hosts())
    forms: list[tuple[str, dict[str, str]]] = [
        ("/tags", {"name": "x"}),
        ("/tags/1/change", {"name": "y", "colour": "1"}),
        ("/tags/rules", {"pattern": "*a", "tag": "1"}),
        ("/tags/rules/1/delete", {}),
        ("/tags/1/delete", {}),
        (f"/hosts/{nas}/rename", {"name": "cellar"}),
        (f"/hosts/{nas}/metadata", {}),
        (f"/hosts/{pi}/merge", {"into": str(nas)}),
        (f"/hosts/{nas}/forget", {}),
        ("/views", {"name": "v", "query": "?q=a"}),
        ("/views/start", {"view": "1"}),
        ("/views/1/delete", {}),
        ("/connect", {}),
        ("/people", {"name": "eve", "password": PASSWORD, "level": "read"}),
        ("/people/2/level", {"level": "write"}),
        ("/people/2/password", {"password": "another one"}),
        ("/people/2/remove", {}),
        ("/tokens", {"name": "ci", "level": "read"}),
        ("/tokens/1/remove", {}),
        ("/account/logout-everywhere", {}),
    ]
    before = len(store.audit())
    for path, form in forms:
        assert admin.post(path, data=form).status_code in (200, 303), path
    rows = written(store)[before:]
    assert {(by, address) for by, address, _, _ in rows} == {("admin", HERE)}
    assert len(rows) == len(forms)


def test_the_api_writes_who_used_it(admin: FlaskClient, store: Store) -> None:
    admin.post("/api/v1/tags", json={"name": "x"})
    admin.put("/api/v1/tag-assignments", json={"image": "a", "tag_id": 1})
    admin.delete("/api/v1/tag-assignments", json={"image": "a"})
    admin.delete("/api/v1/tags/1")
    assert [(by, event) for by, _, event, _ in written(store)[-4:]] == [
        ("admin", "tag added"),
        ("admin", "tag assigned"),
        ("admin", "tag unassigned"),
        ("admin", "tag deleted"),
    ]


def test_the_first_account_says_how_it_was_made(app: Flask, store: Store) -> None:
    store.keep_setup_code(key_of("code"))
    app.test_client().post("/setup/code", data={"name": "ada", "password": PASSWORD})
    assert written(store)[0] == ("setup link", HERE, "account added", "ada, admin")


def test_the_account_of_the_settings_says_so(store: Store, config: Config) -> None:
    first.welcome(replace(config, auth_mode=AuthMode.PASSWORD, admin_password=PASSWORD), store)
    assert written(store) == [("ADMIN_PASSWORD", "", "account added", "admin, admin")]


def test_a_flood_of_refusals_becomes_thirty_rows_and_a_number(store: Store) -> None:
    tries = Tries(lambda: store)
    for _ in range(A_MINUTE + 12):
        tries.keep(Actor("", "192.0.2.1"), "failed login")
    assert len(store.audit(limit=100)) == A_MINUTE
    tries.end()
    rows = store.audit(limit=100)
    assert (rows[0].event, rows[0].detail) == ("more refused", "12 more within a minute")
    assert len(rows) == A_MINUTE + 1
    tries.keep(NOBODY, "failed login")
    tries.end()
    assert len(store.audit(limit=100)) == A_MINUTE + 2


def test_the_minute_ends_by_itself(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tried, "A_MINUTE", 0)
    Tries(lambda: store, minute=0.01).keep(NOBODY, "failed login")
    until = time.monotonic() + 20
    while not store.audit() and time.monotonic() < until:
        time.sleep(0.01)
    assert [row.detail for row in store.audit()] == ["1 more within a minute"]


def test_the_page_is_read_from_the_newest_row_on(admin: FlaskClient, store: Store) -> None:
    for number in range(120):
        store.note(Actor("<b>eve</b>"), "done", f"n{number:03}")
    page = admin.get("/audit").text
    assert "&lt;b&gt;eve&lt;/b&gt;" in page
    seen = re.findall(r"n\d{3}(?=</td>)", page)
    while older := re.search(r'rel="next" href="([^"]+)"', page):
        page = admin.get(older[1]).text
        seen += re.findall(r"n\d{3}(?=</td>)", page)
    assert seen == [f"n{number:03}" for number in reversed(range(120))]


def test_the_csv_has_every_row_and_no_formula(
    admin: FlaskClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_AT_ONCE", 7)
    hostile = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '"=1"', "a,=1", "a\r\n=1", "é…", "plain"]
    for text in hostile:
        store.note(Actor(text, text), "tag added", text)
    answer = admin.get("/audit.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="diundashboard-audit.csv"'
    head, *rows = csv.reader(io.StringIO(answer.data.decode(), newline=""))
    assert head == ["time", "who", "address", "event", "detail", "refused"]
    shown = [row[4] for row in rows if row[3] == "tag added"][::-1]
    assert shown == [f"'{text}" if text[0] in "=+-@\t\r\n" else text for text in hostile]
    assert len(rows) == len(store.audit(limit=1000))
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]


def test_only_admins_read_it(app: Flask, store: Store) -> None:
    for path in ("/audit", "/audit.csv", "/tokens"):
        assert logged_in(app, store, Level.WRITE).get(path).status_code == 403
        assert logged_in(app, store, Level.ADMIN).get(path).status_code == 200
    page = logged_in(app, store, Level.ADMIN).get("/account").text
    assert 'href="/audit"' in page
    assert 'href="/tokens"' in page
    assert 'href="/audit"' not in logged_in(app, store, Level.WRITE).get("/account").text
