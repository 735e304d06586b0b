"""The stylesheet, the module and the icons."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def test_static_files_are_kept_for_a_year_under_a_fingerprint(client: FlaskClient) -> None:
    addresses = set(re.findall(r'/static/[^"#]+', client.get("/").text))
    assert {re.sub(r"\.[0-9a-f]{12}\.", ".", address) for address in addresses} == {
        "/static/icon.svg",
        "/static/icons.svg",
        "/static/page.js",
        "/static/style.css",
    }
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer.mimetype == TYPES[address.rpartition(".")[2]]
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert len(answer.data) < 40 * 1024


def test_any_other_static_file_is_not_found(client: FlaskClient) -> None:
    for name in ("style.css", "style.000000000000.css", "", "..%2fguard.py", "../guard.py", "%00", "%ff"):
        answer = client.get(f"/static/{name}")
        assert answer.status_code == 404, name
        assert "max-age" not in answer.headers["Cache-Control"]


def test_the_icon_is_where_browsers_look_for_it(client: FlaskClient) -> None:
    answer = client.get("/favicon.ico")
    assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")
