"""The stylesheet, the scripts and the icons."""

from __future__ import annotations

import hashlib
import re
from importlib import resources

from flask.testing import FlaskClient

TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def test_static_files_are_kept_for_a_year_in_a_folder_that_changes_with_them(client: FlaskClient) -> None:
    addresses = set(re.findall(r'/static/[^"#]+', client.get("/").text))
    (folder,) = {address.rpartition("/")[0] for address in addresses}
    assert re.fullmatch("/static/[0-9a-f]{12}", folder)
    assert {f"{folder}/{name}" for name in ("icon.svg", "icons.svg", "page.js", "style.css")} < addresses
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer.mimetype == TYPES[address.rpartition(".")[2]]
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert len(answer.data) < (60 if "idiomorph" in address else 44) * 1024


def test_a_page_names_every_script_so_that_a_browser_fetches_them_at_once(client: FlaskClient) -> None:
    page = client.get("/").text
    folder = re.search(r'src="(/static/[^/]+/)page.js"', page)
    assert folder
    named = set(re.findall(rf'rel="modulepreload" href="{folder[1]}([^"]+)"', page))
    imported = {name for script in named for name in re.findall('"./(.+[.]js)"', client.get(folder[1] + script).text)}
    assert imported | {"page.js"} == named


def test_idiomorph_is_the_release_that_its_name_says() -> None:
    """Its digest in npm: `npm pack idiomorph@0.8.0`, dist/idiomorph.esm.js."""
    script = (resources.files("diundashboard.web") / "static" / "idiomorph-0.8.0.js").read_bytes()
    assert hashlib.sha256(script).hexdigest() == "e1e2c7dbd606233d302bac48074fd1307c15609b77ea485c18f1b13d6be67c14"


def test_any_other_static_file_is_not_found(client: FlaskClient) -> None:
    for name in ("style.css", "000000000000/style.css", "", "..%2fguard.py", "../guard.py", "%00", "%ff"):
        answer = client.get(f"/static/{name}")
        assert answer.status_code == 404, name
        assert "max-age" not in answer.headers["Cache-Control"]


def test_the_icon_is_where_browsers_look_for_it(client: FlaskClient) -> None:
    answer = client.get("/favicon.ico")
    assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")
