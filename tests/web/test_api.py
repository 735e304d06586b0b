"""The API: its contract, what it refuses and how, and that nothing from outside makes a 500."""

from __future__ import annotations

import json
import string
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from diundashboard.model import Selection
from diundashboard.store import Store
from tests.conftest import PAYLOADS, Clock
from tests.store.asking import OTHER, record

HUGE = [2**63 - 1, 2**63, 10**30]


def said(answer: TestResponse) -> Any:
    """The JSON of an answer."""
    return json.loads(answer.data)


def check_refused(answer: TestResponse, status: int, case: object = "") -> None:
    """The answer is a refusal with this status, as JSON, in words."""
    assert (answer.status_code, answer.mimetype) == (status, "application/json"), case
    assert list(said(answer)) == ["error"], case
    assert len(said(answer)["error"].split()) > 2, case


def test_there_is_nothing_at_first(client: FlaskClient) -> None:
    answer = client.get("/api/v1/updates")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.json == {"updates": [], "total": 0, "page": 1, "per_page": 50}
    assert client.get("/api/v1/tags").json == {"tags": []}


def test_an_update_has_every_field(client: FlaskClient, store: Store) -> None:
    body = PAYLOADS[2].read_bytes()
    update_id = said(client.post("/webhook", data=body))["update"]
    received = written(store.update(update_id).received_at)
    sent = json.loads(body)
    expected = {
        "id": update_id,
        "hostname": "nas",
        "image": "127.0.0.1:5000/immich-app/immich-server:v1.119.0",
        "registry": "127.0.0.1:5000",
        "repository": "immich-app/immich-server",
        "version": "v1.119.0",
        "digest": sent["digest"],
        "status": "new",
        "state": "pending",
        "kind": "new",
        "from_version": None,
        "provider": "file",
        "platform": "linux/amd64",
        "hub_link": sent["hub_link"],
        "created": "2026-11-01T10:00:00.000000Z",
        "first_seen_at": received,
        "received_at": received,
        "acknowledged_at": None,
        "notifications": 1,
        "containers": [],
        "tag": {"id": 1, "name": "photos"},
        "metadata": sent["metadata"],
    }
    assert client.get(f"/api/v1/updates/{update_id}").json == expected
    assert client.get("/api/v1/updates").json == {"updates": [expected], "total": 1, "page": 1, "per_page": 50}
    assert list(said(client.get(f"/api/v1/updates/{update_id}"))) == list(expected)


def written(time: datetime) -> str:
    """A time as the API writes it."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_containers_notifications_and_the_tag_are_told(client: FlaskClient, store: Store) -> None:
    update_id = record(store, metadata={"ctn_names": "web,proxy"})
    record(store, metadata={"ctn_names": "edge"}, created="2026-11-19T08:00:00.123456789+02:00")
    record(store, digest=OTHER, created="2026-11-19T08:00:00.123456789+02:00", status="update")
    tag = said(client.post("/api/v1/tags", json={"name": "media"}))
    client.put("/api/v1/tag-assignments", json={"image": "nginx", "tag_id": tag["id"]})
    update = said(client.get(f"/api/v1/updates/{update_id}"))
    assert update["containers"] == ["edge", "proxy", "web"]
    assert (update["notifications"], update["kind"], update["status"]) == (3, "rebuild", "update")
    assert update["created"] == "2026-11-19T06:00:00.123456Z"
    assert update["tag"] == tag
    assert update["first_seen_at"] < update["received_at"]


def test_times_are_utc_to_the_microsecond(client: FlaskClient, store: Store, clock: Clock) -> None:
    clock.time, clock.step = datetime(2026, 11, 21, 7, 0, 0, 12, tzinfo=UTC), timedelta(0)
    update_id = record(store, created="0002-01-01T00:00:00Z")
    client.patch(f"/api/v1/updates/{update_id}", json={"state": "acknowledged"})
    update = said(client.get(f"/api/v1/updates/{update_id}"))
    assert update["received_at"] == update["acknowledged_at"] == "2026-11-21T07:00:00.000012Z"
    assert update["created"] == "0002-01-01T00:00:00.000000Z"


def test_updates_come_newest_first_in_pages(client: FlaskClient, store: Store) -> None:
    for number in range(7):
        record(store, f"app:{number}")
    pages = [said(client.get(f"/api/v1/updates?fold=no&per_page=3&page={page}")) for page in (1, 2, 3, 4)]
    assert [[update["version"] for update in page["updates"]] for page in pages] == [
        ["6", "5", "4"],
        ["3", "2", "1"],
        ["0"],
        [],
    ]
    assert [(page["total"], page["page"], page["per_page"]) for page in pages] == [(7, n, 3) for n in (1, 2, 3, 4)]


def test_a_page_has_fifty_updates_and_at_most_two_hundred(client: FlaskClient, store: Store) -> None:
    for number in range(202):
        record(store, f"app:{number}")
    assert len(said(client.get("/api/v1/updates?fold=no"))["updates"]) == 50
    assert len(said(client.get("/api/v1/updates?fold=no&per_page=200"))["updates"]) == 200
    check_refused(client.get("/api/v1/updates?per_page=201"), 400)


def test_updates_are_chosen_by_state(client: FlaskClient, store: Store) -> None:
    done, _ = record(store, "a:1"), record(store, "b:2")
    store.acknowledge(Selection((done,)), "person")
    for query, versions in (
        ("", ["2"]),
        ("state=", ["2"]),
        ("state=pending", ["2"]),
        ("state=acknowledged", ["1"]),
        ("state=snoozed", []),
        ("state=muted", []),
        ("state=all", ["2", "1"]),
        ("state=all&fold=yes", ["2", "1"]),
        ("state=all&fold=no", ["2", "1"]),
    ):
        page = said(client.get(f"/api/v1/updates?{query}"))
        assert [update["version"] for update in page["updates"]] == versions, query
        assert page["total"] == len(versions)


def test_an_update_is_marked_as_done_and_reopened(client: FlaskClient, store: Store, clock: Clock) -> None:
    address, clock.step = f"/api/v1/updates/{record(store)}", timedelta(0)
    first = client.patch(address, json={"state": "acknowledged"})
    assert first.status_code == 200
    assert (said(first)["state"], said(first)["acknowledged_at"]) == ("acknowledged", written(clock.time))
    assert client.patch(address, json={"state": "acknowledged"}).json == client.get(address).json == first.json
    back = client.patch(address, json={"state": "pending"})
    assert (said(back)["state"], said(back)["acknowledged_at"]) == ("pending", None)
    assert client.patch(address, json={"state": "pending"}).json == client.get(address).json == back.json


def test_no_other_state_can_be_set(client: FlaskClient, store: Store) -> None:
    address = f"/api/v1/updates/{record(store)}"
    bodies: list[dict[str, Any]] = [
        {"state": "done"},
        {"state": "all"},
        {"state": "ACKNOWLEDGED"},
        {"state": ""},
        {"state": None},
        {"state": 1},
        {"state": True},
        {"state": ["pending"]},
        {"state": {"pending": 1}},
        {},
        {"id": 3},
    ]
    for body in bodies:
        check_refused(client.patch(address, json=body), 400, body)
        assert said(client.get(address))["state"] == "pending"


def test_an_unknown_id_is_not_found(client: FlaskClient, store: Store) -> None:
    record(store)
    store.create_tag("media")
    for unknown in [0, 2, 4711, *HUGE, -1, "x", "1.0", "1e3", "%00", "½"]:
        check_refused(client.get(f"/api/v1/updates/{unknown}"), 404, unknown)
        for state in ("acknowledged", "pending"):
            check_refused(client.patch(f"/api/v1/updates/{unknown}", json={"state": state}), 404, unknown)
        check_refused(client.delete(f"/api/v1/tags/{unknown}"), 404, unknown)
    assert len(store.tags()) == 1


def test_a_question_that_makes_no_sense_is_refused_in_words(client: FlaskClient) -> None:
    for query in [
        "page=-1",
        "page=0",
        "page=abc",
        "page=1.5",
        "page=+1",
        "page=%201",
        "page=٣",
        "page=%00",
        "page=999999999",
        "page=9999999999999999999999",
        "page=" + "9" * 3000,
        "per_page=1000000",
        "per_page=201",
        "per_page=0",
        "per_page=-5",
        "per_page=ten",
        "state=nonsense",
        "state=PENDING",
        "state=%ff",
        "state=pending%00",
        "fold=maybe",
        "fold=NO",
    ]:
        answer = client.get(f"/api/v1/updates?{query}")
        check_refused(answer, 400, query)
        assert query.partition("=")[0] in said(answer)["error"]


def test_older_versions_fold_under_the_newest_unless_one_asks_for_them(client: FlaskClient, store: Store) -> None:
    for version in ("1.27.0", "1.29.0", "1.28.0"):
        record(store, f"nginx:{version}")
    for query, versions in (("", ["1.29.0"]), ("fold=yes", ["1.29.0"]), ("fold=no", ["1.28.0", "1.29.0", "1.27.0"])):
        page = said(client.get(f"/api/v1/updates?{query}"))
        assert ([update["version"] for update in page["updates"]], page["total"]) == (versions, len(versions)), query


def test_fold_is_yes_or_no(client: FlaskClient) -> None:
    check_refused(client.get("/api/v1/updates?fold=all"), 400)


def test_tags_are_created_listed_and_deleted(client: FlaskClient, store: Store) -> None:
    answer = client.post("/api/v1/tags", json={"name": " network "})
    assert answer.status_code == 201
    assert answer.json == {"id": said(answer)["id"], "name": "network"}
    media = said(client.post("/api/v1/tags", json={"name": "Media"}))
    assert client.get("/api/v1/tags").json == {"tags": [media, answer.json]}
    update_id = record(store)
    client.put("/api/v1/tag-assignments", json={"image": "nginx", "tag_id": media["id"]})
    deleted = client.delete(f"/api/v1/tags/{media['id']}")
    assert (deleted.status_code, deleted.data) == (204, b"")
    assert client.get("/api/v1/tags").json == {"tags": [answer.json]}
    assert said(client.get(f"/api/v1/updates/{update_id}"))["tag"] is None
    check_refused(client.delete(f"/api/v1/tags/{media['id']}"), 404)


def test_a_name_that_exists_is_a_conflict(client: FlaskClient) -> None:
    client.post("/api/v1/tags", json={"name": "media"})
    for name in ("media", " media\n"):
        check_refused(client.post("/api/v1/tags", json={"name": name}), 409)
    assert client.post("/api/v1/tags", json={"name": "Media"}).status_code == 201
    assert len(said(client.get("/api/v1/tags"))["tags"]) == 2


def test_a_tag_has_a_name_of_at_most_a_hundred_characters(client: FlaskClient) -> None:
    for name in ["", " \t", "x" * 101, "日" * 10_000, None, 5, True, ["media"], {"a": "b"}]:
        check_refused(client.post("/api/v1/tags", json={"name": name}), 400, name)
    check_refused(client.post("/api/v1/tags", json={}), 400)
    assert client.get("/api/v1/tags").json == {"tags": []}
    assert client.post("/api/v1/tags", json={"name": "日" * 100}).status_code == 201


def test_a_name_may_have_any_characters(client: FlaskClient) -> None:
    for name in ("<b>", "a'b\"c", "%s", "é👍", "a\0b", "c\ud800d"):
        shown = name.replace("\0", "\ufffd").replace("\ud800", "\ufffd")
        created = client.post("/api/v1/tags", data=json.dumps({"name": name}))
        assert (created.status_code, said(created)["name"]) == (201, shown)
        assert shown in [tag["name"] for tag in said(client.get("/api/v1/tags"))["tags"]]
        check_refused(client.post("/api/v1/tags", data=json.dumps({"name": name})), 409, name)


def test_a_tag_is_assigned_to_a_repository_and_to_an_exact_image(client: FlaskClient, store: Store) -> None:
    old, new = record(store, "nginx:1.27.0"), record(store, "nginx:1.28.0", hostname="other")
    web = said(client.post("/api/v1/tags", json={"name": "web"}))
    old_ones = said(client.post("/api/v1/tags", json={"name": "old"}))

    def tags() -> list[Any]:
        return [said(client.get(f"/api/v1/updates/{update_id}"))["tag"] for update_id in (old, new)]

    for image, tag, kept, after in (
        ("docker.io/library/nginx", web, "docker.io/library/nginx", [web, web]),
        ("nginx:1.27.0", old_ones, "docker.io/library/nginx:1.27.0", [old_ones, web]),
        ("nginx", old_ones, "docker.io/library/nginx", [old_ones, old_ones]),
    ):
        answer = client.put("/api/v1/tag-assignments", json={"image": image, "tag_id": tag["id"]})
        assert (answer.status_code, answer.json) == (200, {"image": kept, "tag_id": tag["id"]})
        assert tags() == after
    for image, after in (("nginx", [old_ones, None]), ("nginx:1.27.0", [None, None]), ("never/assigned", [None, None])):
        answer = client.delete("/api/v1/tag-assignments", json={"image": image})
        assert (answer.status_code, answer.data) == (204, b"")
        assert tags() == after


def test_an_unknown_tag_cannot_be_assigned(client: FlaskClient) -> None:
    for tag_id in [0, -1, 4711, *HUGE, 10**4000]:
        body = f'{{"image": "nginx", "tag_id": {tag_id}}}'
        check_refused(client.put("/api/v1/tag-assignments", data=body), 404, tag_id)


def test_the_id_of_a_tag_is_a_whole_number(client: FlaskClient, store: Store) -> None:
    assert store.create_tag("media").id == 1
    for tag_id in ("true", "null", "1.0", "1e400", "NaN", "[1]", "{}", '"1"', "9" * 5000):
        answer = client.put("/api/v1/tag-assignments", data=f'{{"image": "nginx", "tag_id": {tag_id}}}')
        check_refused(answer, 400, tag_id)


def test_an_assignment_needs_an_image(client: FlaskClient, store: Store) -> None:
    tag = store.create_tag("media")
    for image in ["", "  ", None, 5, False, ["nginx"], {"image": "nginx"}]:
        check_refused(client.put("/api/v1/tag-assignments", json={"image": image, "tag_id": tag.id}), 400, image)
        check_refused(client.delete("/api/v1/tag-assignments", json={"image": image}), 400, image)
    check_refused(client.put("/api/v1/tag-assignments", json={"tag_id": tag.id}), 400)
    check_refused(client.delete("/api/v1/tag-assignments", json={}), 400)


def test_an_image_may_be_named_as_oddly_as_one_wants(client: FlaskClient, store: Store) -> None:
    tag = store.create_tag("media")
    for image in ["x" * 10_000, "a/" * 5000, "@", ":", "a\0b", "é:1", "@sha256:", "%:_", "a b"]:
        answer = client.put("/api/v1/tag-assignments", json={"image": image, "tag_id": tag.id})
        assert answer.status_code == 200
        kept = said(answer)["image"]
        assert said(client.put("/api/v1/tag-assignments", json={"image": kept, "tag_id": tag.id}))["image"] == kept
        assert client.delete("/api/v1/tag-assignments", json={"image": image}).status_code == 204


def test_a_body_that_is_no_object_is_refused(client: FlaskClient, store: Store) -> None:
    update_id = record(store)
    for body in [
        b"",
        b"state=pending",
        b"{",
        b'{"state": "pending"',
        b"{'state': 'pending'}",
        b"\xff\xfe",
        b"\x00",
        b"[]",
        b"[[]]",
        b"null",
        b"7",
        b'"pending"',
        b"[" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    ]:
        check_refused(client.patch(f"/api/v1/updates/{update_id}", data=body), 400, body)
        check_refused(client.post("/api/v1/tags", data=body), 400, body)
        check_refused(client.put("/api/v1/tag-assignments", data=body), 400, body)
        check_refused(client.delete("/api/v1/tag-assignments", data=body), 400, body)


def test_the_content_type_does_not_matter(client: FlaskClient) -> None:
    for kind in (None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = client.post("/api/v1/tags", data=json.dumps({"name": str(kind)}), content_type=kind)
        assert answer.status_code == 201, kind


def test_a_body_over_one_mebibyte_is_too_large(client: FlaskClient) -> None:
    body = json.dumps({"name": "media"}).encode()
    check_refused(client.post("/api/v1/tags", data=body.ljust(2**20 + 1)), 413)
    assert client.post("/api/v1/tags", data=body.ljust(2**20)).status_code == 201


def test_another_method_is_refused_with_those_that_are_allowed(client: FlaskClient) -> None:
    for path, allowed in (
        ("/api/v1/updates", {"GET"}),
        ("/api/v1/updates/1", {"GET", "PATCH"}),
        ("/api/v1/tags", {"GET", "POST"}),
        ("/api/v1/tags/1", {"DELETE"}),
        ("/api/v1/tag-assignments", {"PUT", "DELETE"}),
    ):
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "REPORT"} - allowed:
            answer = client.open(path, method=method)
            check_refused(answer, 405, (method, path))
            assert set(answer.headers["Allow"].split(", ")) - {"HEAD", "OPTIONS"} == allowed


def test_an_unknown_address_is_not_found(client: FlaskClient) -> None:
    for path in ["/api/", "/api/v1", "/api/v1/", "/api/v2/updates", "/api/v1/updates/", "/api/v1/%ff"]:
        check_refused(client.get(path), 404, path)


# Nothing from outside makes a 500. The addresses stay near those that exist: all others end in the same 404.

RAW = st.binary(max_size=20).map(lambda raw: raw.decode("latin-1"))
TEXT = st.text(max_size=20) | st.sampled_from(["1", "0", "-1", str(2**63), "pending", "all", "nginx", "a" * 3000, "\0"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(TEXT, children, max_size=3),
    max_leaves=5,
)
FIELDS = st.dictionaries(
    st.sampled_from(["state", "name", "image", "tag_id", "hostname", "digest", "created", "metadata", "status"]),
    VALUES,
)
FORMS = st.dictionaries(
    st.sampled_from(
        [
            "id",
            "only",
            "shown",
            "all",
            "view",
            "back",
            "until",
            "zone",
            "note",
            "version",
            "action",
            "tag",
            "name",
            "theme",
            "query",
            "pattern",
            "colour",
            "into",
        ]
    ),
    TEXT,
)
BODIES = st.binary(max_size=60) | VALUES.map(json.dumps) | FIELDS.map(json.dumps) | FORMS
PATHS = st.sampled_from(
    [
        "/",
        "/tags",
        "/tags/strip",
        "/tags/{}/change",
        "/tags/{}/delete",
        "/tags/rules",
        "/tags/rules/{}/delete",
        "/theme",
        "/updates/{}",
        "/updates/{}/older",
        "/act/acknowledge",
        "/act/reopen",
        "/act/snooze",
        "/act/wake",
        "/act/mute",
        "/act/unmute",
        "/act/tag",
        "/act/note",
        "/act/running",
        "/act/commands",
        "/act/undo",
        "/views",
        "/views/start",
        "/views/{}/delete",
        "/hosts",
        "/hosts/{}/rename",
        "/hosts/{}/merge",
        "/hosts/{}/forget",
        "/history",
        "/insights",
        "/connect",
        "/connect/heard",
        "/icon/{}.svg",
        "/webhook",
        "/static/{}",
        "/api/v1/updates",
        "/api/v1/updates/{}",
        "/api/v1/tags",
        "/api/v1/tags/{}",
        "/api/v1/tag-assignments",
        "/{}",
    ]
)
PARAMETERS = st.sampled_from(
    [
        "state",
        "page",
        "per_page",
        "fold",
        "q",
        "host",
        "tag",
        "registry",
        "provider",
        "kind",
        "age",
        "sort",
        "group",
        "until",
        "did",
        "before",
        "update_id",
        "endpoint",
        "_external",
        "_anchor",
        "x",
    ]
)
QUERIES = (
    st.lists(st.tuples(PARAMETERS, TEXT), max_size=3).map(urlencode)
    # The server lets nothing but ASCII through.
    | RAW.map(lambda raw: quote(raw, safe="&=;+%", encoding="latin-1"))
)
LATIN = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=20)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Host": LATIN | st.text(string.ascii_lowercase + ".:[]_-0", max_size=10),
        "Origin": LATIN.map("http://".__add__),
        "Referer": LATIN.map("http://localhost/".__add__) | LATIN,
        "Sec-Fetch-Site": st.sampled_from(["same-origin", "cross-site", "none", ""]),
        "Cookie": LATIN.map("theme=".__add__),
        "Content-Type": st.sampled_from(["application/json", "multipart/form-data; boundary=x", "?", ""]),
        "Authorization": LATIN,
    },
)


@pytest.fixture
def inhabited(client: FlaskClient, store: Store) -> FlaskClient:
    """The application on a store that knows an update and a tag with the id 1."""
    store.tag_updates(Selection((record(store),)), "media", "")
    return client


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "REPORT"]),
    path=PATHS,
    part=st.just("1") | TEXT.map(lambda text: text.encode().decode("latin-1")) | RAW,
    query=QUERIES,
    body=BODIES,
    headers=HEADERS,
)
@settings(max_examples=400, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_from_outside_makes_a_500(
    inhabited: FlaskClient,
    method: str,
    path: str,
    part: str,
    query: str,
    body: bytes | str | dict[str, str],
    headers: dict[str, str],
) -> None:
    raw = {"PATH_INFO": path.format(part), "QUERY_STRING": query}
    answer = inhabited.open("/", method=method, data=body, headers=headers, environ_overrides=raw)
    assert answer.status_code < 500, answer.text
