"""What becomes of the bytes that DIUN sends, and of those that it does not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from diundashboard import image
from diundashboard.notification import BODY_LIMIT, Notification, Refused, parse
from tests.conftest import PAYLOADS

DIGEST = "sha256:" + "a" * 64


def notification(reference: object = "nginx:1.27.0", **fields: Any) -> Notification:
    """What is read out of an object with these fields."""
    return parse(json.dumps({"image": reference, **fields}).encode())


def refusal(body: bytes) -> str:
    """The words with which a body is refused."""
    with pytest.raises(Refused) as caught:
        parse(body)
    return str(caught.value)


# What DIUN sends


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.stem)
def test_every_field_of_a_real_notification_is_read(path: Path) -> None:
    body = path.read_bytes()
    sent = json.loads(body)
    read = parse(body)
    for name in ("hostname", "digest", "status", "provider", "platform", "mime_type", "hub_link", "diun_version"):
        assert getattr(read, name) == sent[name]
    assert read.reference == image.parse(sent["image"])
    assert read.created == (sent["created"] and datetime.fromisoformat(sent["created"]))
    assert read.metadata == (sent["metadata"] or {})
    names = read.metadata.get("ctn_names") or read.metadata.get("ctn_name")
    assert read.containers == ((names,) if names else ())
    assert read.payload == body


def test_a_notification_needs_no_more_than_an_image() -> None:
    body = b'{"image": "nginx"}'
    assert parse(body) == Notification(
        hostname="",
        reference=image.Reference("docker.io", "library/nginx", "latest", ""),
        digest="",
        status="",
        provider="",
        platform="",
        mime_type="",
        hub_link="",
        diun_version="",
        created=None,
        metadata={},
        containers=(),
        payload=body,
    )


NAMES = (
    "hostname",
    "digest",
    "status",
    "provider",
    "platform",
    "mime_type",
    "hub_link",
    "diun_version",
    "created",
    "metadata",
)


@pytest.mark.parametrize("wrong", [None, 5, -0.5, 10**400, True, [], ["text"], {}, {"a": {"b": 1}}, ""])
def test_a_known_field_of_the_wrong_type_counts_as_missing(wrong: object) -> None:
    read = notification("nginx", **dict.fromkeys(NAMES, wrong))
    bare = parse(b'{"image": "nginx"}')
    for name in NAMES:
        assert getattr(read, name) == getattr(bare, name)
    assert read.containers == ()


def test_a_value_of_the_metadata_that_is_no_text_counts_as_missing() -> None:
    metadata = {"a": "1", "b": 2, "c": None, "d": ["x"], "e": {"f": "g"}, "ctn_names": 5, "ctn_name": "web", "": ""}
    read = notification(metadata=metadata)
    assert read.metadata == {"a": "1", "ctn_name": "web", "": ""}
    assert read.containers == ("web",)


@pytest.mark.parametrize(
    "unknown",
    [
        "null",
        "true",
        "-0.5e-10",
        "1e999",
        "-1e999",
        "9" * 10_000,
        '"text"',
        "[[], {}]",
        '{"image": "another"}',
        "[" * 200 + "]" * 200,
        '"\\ud800"',
    ],
)
def test_an_unknown_field_may_have_any_type(unknown: str) -> None:
    body = f'{{"image": "nginx", "later": {unknown}, "metadata": {{"stack": "web", "later": {unknown}}}}}'.encode()
    read = parse(body)
    assert read.reference.name == "docker.io/library/nginx"
    assert read.metadata["stack"] == "web"
    assert read.payload == body


@pytest.mark.parametrize(
    ("reference", "identity", "version"),
    [
        ("127.0.0.1:5000/team/app:v3.1", "127.0.0.1:5000/team/app:v3.1", "v3.1"),
        ("127.0.0.1:5000/team/app", "127.0.0.1:5000/team/app:latest", "latest"),
        (f"127.0.0.1:5000/team/app:v3.1@{DIGEST}", "127.0.0.1:5000/team/app:v3.1", "v3.1"),
        (f"127.0.0.1:5000/team/app@{DIGEST}", f"127.0.0.1:5000/team/app@{DIGEST}", ""),
        ("  nginx:1\n", "docker.io/library/nginx:1", "1"),
    ],
)
def test_an_image_is_known_by_its_tag_and_by_its_digest_only_without_one(
    reference: str, identity: str, version: str
) -> None:
    read = notification(reference).reference
    assert (read.image, read.version) == (identity, version)


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        ("2026-11-01T10:00:00Z", datetime(2026, 11, 1, 10, tzinfo=UTC)),
        ("2026-11-01T10:00:00.5Z", datetime(2026, 11, 1, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-11-01T10:00:00.123456789Z", datetime(2026, 11, 1, 10, 0, 0, 123_456, tzinfo=UTC)),
        ("2026-11-01T10:00:00.999999999+02:00", datetime(2026, 11, 1, 8, 0, 0, 999_999, tzinfo=UTC)),
        ("2026-11-01T10:00:00-11:30", datetime(2026, 11, 1, 21, 30, tzinfo=UTC)),
        ("2026-11-01T00:00:00+23:59", datetime(2026, 10, 31, 0, 1, tzinfo=UTC)),
        ("2026-11-01 10:00:00", datetime(2026, 11, 1, 10, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        ("1969-12-31T23:59:59.5Z", datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999999Z", datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    ],
)
def test_the_time_of_publication_is_read_to_the_microsecond_in_utc(created: str, expected: datetime) -> None:
    read = notification(created=created).created
    assert read == expected
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    "created",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "0001-01-01T00:00:00-01:00",
        "9999-12-31T23:59:59-01:00",
        "10000-01-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-11-01T10:00:00+24:00",
        "2026-11-01T25:00:00Z",
        "2026-11-01 10:00:00 +0000 UTC",
        "yesterday",
        "1793527200",
        "\0",
        "2026-11-01T10:00:00Z" * 1000,
    ],
)
def test_what_is_no_time_and_the_zero_time_of_go_count_as_no_time(created: str) -> None:
    assert notification(created=created).created is None


@pytest.mark.parametrize(
    ("metadata", "containers"),
    [
        ({"ctn_names": "web"}, ("web",)),
        ({"ctn_names": "web,api, db ,web,,"}, ("api", "db", "web")),
        ({"ctn_names": "", "ctn_name": "web"}, ("web",)),
        ({"ctn_name": "web_edge", "svc_id": "y604sf3upvhi"}, ("web_edge",)),
        ({"pod_name": "web-5d9c", "ctn_name": "nginx", "pod_namespace": "default"}, ("nginx",)),
        ({"pod_name": "web-5d9c"}, ("web-5d9c",)),
        ({"job_name": "web", "taskgroup_name": "group", "task_name": "server"}, ("server",)),
        ({"ctn_name": "web", "ctn_namespace": "k8s.io", "ctn_snapshotter": "overlayfs"}, ("web",)),
        ({"stack": "web"}, ()),
        ({"ctn_names": " , "}, ()),
        (None, ()),
    ],
)
def test_containers_have_the_name_that_their_provider_gives_them(
    metadata: dict[str, str] | None, containers: tuple[str, ...]
) -> None:
    assert notification(metadata=metadata).containers == containers


def test_kilobytes_of_pod_status_are_kept() -> None:
    status = json.dumps({"conditions": [{"type": "Ready", "message": "ü" * 100}] * 100})
    assert notification(metadata={"pod_status": status}).metadata == {"pod_status": status}


def test_html_is_text() -> None:
    read = notification(hostname="<b>nas</b>", hub_link="javascript:alert(1)", metadata={"<i>": "</script>"})
    assert (read.hostname, read.hub_link) == ("<b>nas</b>", "javascript:alert(1)")
    assert read.metadata == {"<i>": "</script>"}


def test_what_a_database_cannot_hold_is_replaced_everywhere_but_in_the_payload() -> None:
    bad = "\\u0000\\ud800x\\udfff"
    fields = ", ".join(f'"{name}": "{bad}"' for name in NAMES if name not in ("created", "metadata"))
    body = f'{{"image": "{bad}:{bad}", {fields}, "metadata": {{"{bad}": "{bad}", "ctn_names": "{bad},y"}}}}'.encode()
    read = parse(body)
    good = "\ufffd\ufffdx\ufffd"
    for name in NAMES:
        if name not in ("created", "metadata"):
            assert getattr(read, name) == good
    assert read.reference == image.Reference("docker.io", f"library/{good}", good, "")
    assert read.metadata == {good: good, "ctn_names": f"{good},y"}
    assert read.containers == ("y", good)
    assert read.payload == body


def test_a_character_beyond_the_basic_plane_is_one_character() -> None:
    assert parse(b'{"image": "nginx", "hostname": "\\ud83d\\udc33"}').hostname == "\N{SPOUTING WHALE}"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_json_in_another_encoding_is_understood(encoding: str) -> None:
    body = '{"image": "nginx", "hostname": "büro"}'.encode(encoding)
    read = parse(body)
    assert (read.hostname, read.payload) == ("büro", body)


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    body = b'{"image": "nginx", "hostname": "b\xfcro", "metadata": {"a": "\xed\xa0\x80"}}'
    read = parse(body)
    assert (read.hostname, read.metadata) == ("b\ufffdro", {"a": "\ufffd\ufffd\ufffd"})
    assert read.payload == body


def test_white_space_around_the_object_is_no_matter() -> None:
    assert parse(b'\r\n\t {"image": "nginx"}\n\n').reference.repository == "library/nginx"


# What it says about the container

OTHER_DIGEST = "sha256:" + "b" * 64


@pytest.mark.parametrize(
    ("metadata", "current"),
    [
        ({}, ""),
        ({"current": "1.27.0"}, "1.27.0"),
        ({"current": " 1.27.0\n"}, "1.27.0"),
        ({"current": f"1.27.0@{DIGEST}"}, f"1.27.0@{DIGEST}"),
        ({"current_tag": "1.27.0"}, "1.27.0"),
        ({"current_tag": "1.27.0", "current_digest": DIGEST}, f"1.27.0@{DIGEST}"),
        ({"current_tag": " 1.27.0 ", "current_digest": f" nginx@{DIGEST} "}, f"1.27.0@{DIGEST}"),
        ({"current_digest": DIGEST}, ""),
        ({"current": "1.27.0", "current_digest": DIGEST}, f"1.27.0@{DIGEST}"),
        ({"current": "1.27.0", "current_tag": "1.27.0", "current_digest": DIGEST}, f"1.27.0@{DIGEST}"),
        ({"current": "1.26.0", "current_tag": "1.27.0", "current_digest": DIGEST}, "1.26.0"),
        ({"current": f"1.27.0@{OTHER_DIGEST}", "current_digest": DIGEST}, f"1.27.0@{OTHER_DIGEST}"),
        ({"current": " ", "current_tag": "1.27.0"}, "1.27.0"),
        ({"ctn_image": "docker.io/library/nginx:1.27.0"}, "1.27.0"),
        ({"ctn_image": " 127.0.0.1:5000/nginx:1.27.0 "}, "1.27.0"),
        ({"ctn_image": f"docker.io/library/nginx:1.27.0@{DIGEST}"}, "1.27.0"),
        ({"ctn_image": f"docker.io/library/nginx@{DIGEST}"}, ""),
        ({"ctn_image": "docker.io/library/nginx:1.27.0", "current_digest": DIGEST}, "1.27.0"),
        ({"ctn_image": " "}, ""),
        ({"ctn_image": "nginx:1.26.0", "current_tag": "1.27.0"}, "1.27.0"),
    ],
)
def test_what_the_container_runs_is_read_from_its_metadata(metadata: dict[str, str], current: str) -> None:
    assert notification(metadata=metadata).current == current


@pytest.mark.parametrize(
    ("reference", "provider", "pinned"),
    [
        ("nginx:1.27.0", "docker", ""),
        (f"nginx:1.27.0@{DIGEST}", "docker", DIGEST),
        (f"nginx:1.27.0@{DIGEST}", "kubernetes", DIGEST),
        (f"nginx@{DIGEST}", "docker", DIGEST),
        (f"nginx:1.27.0@{DIGEST}", "swarm", ""),
    ],
)
def test_a_digest_in_the_reference_is_a_pin_except_in_swarm(reference: str, provider: str, pinned: str) -> None:
    assert notification(reference, provider=provider).pinned == pinned


@pytest.mark.parametrize(("ctn_id", "known"), [("f" * 64, True), ("x" * 128, True), ("x" * 129, False), ("", False)])
def test_a_container_id_is_no_longer_than_any_real_one(ctn_id: str, known: bool) -> None:
    assert bool(notification(metadata={"ctn_id": ctn_id}).ctn_id) == known


@pytest.mark.parametrize(
    ("reference", "is_test"),
    [
        ("docker.io/diun/testnotif:latest", True),
        ("diun/testnotif", True),
        ("docker.io/diun/testnotif:1", False),
        ("ghcr.io/diun/testnotif:latest", False),
    ],
)
def test_the_test_of_diun_is_known_by_its_image(reference: str, is_test: bool) -> None:
    assert notification(reference).is_test == is_test


def test_only_the_test_among_the_real_notifications_is_one() -> None:
    assert [path.stem for path in PAYLOADS if parse(path.read_bytes()).is_test] == ["15-notif-test"]


@pytest.mark.parametrize(
    ("metadata", "key", "ctn_id"),
    [
        ({}, "", ""),
        ({"ctn_names": " b, a", "ctn_id": "ee5c"}, " b, a", "ee5c"),
        ({"ctn_names": "", "ctn_name": "web"}, "web", ""),
        ({"pod_name": "web-5d9c", "ctn_name": "nginx"}, "nginx", ""),
        ({"task_name": "server"}, "server", ""),
    ],
)
def test_metadata_belongs_to_a_container_by_its_name_as_sent(metadata: dict[str, str], key: str, ctn_id: str) -> None:
    read = notification(metadata=metadata)
    assert (read.container_key, read.ctn_id) == (key, ctn_id)


def test_without_the_metadata_of_its_container_a_notification_keeps_the_rest() -> None:
    of_one = {
        "ctn_id": "ee5c",
        "ctn_names": "web",
        "ctn_image": "nginx:1.26.0",
        "current": "1.26.0",
        "current_tag": "1.26.0",
        "current_digest": OTHER_DIGEST,
        "tag": "web",
        "stack": "shop",
        "compose_project": "shop",
        "compose_service": "web",
    }
    read = notification(digest=DIGEST, hostname="nas", metadata={**of_one, "owner": "me", "tags": "kept"})
    assert (read.current, read.containers, read.derived().stack) == (
        f"1.26.0@{OTHER_DIGEST}",
        ("web",),
        "shop",
    )
    bare = read.without_container_metadata()
    assert bare.metadata == {"owner": "me", "tags": "kept"}
    assert (bare.current, bare.containers, bare.container_key, bare.ctn_id) == ("", (), "", "")
    assert bare.derived().stack == ""
    assert (bare.reference, bare.hostname, bare.digest, bare.payload) == (
        read.reference,
        read.hostname,
        read.digest,
        read.payload,
    )


@pytest.mark.parametrize(
    ("metadata", "stack"),
    [
        ({"stack": "media", "compose_project": "shop"}, "media"),
        ({"compose_project": "shop", "pod_namespace": "default"}, "shop"),
        ({"stack": "", "compose_project": "shop"}, "shop"),
        ({"pod_namespace": "default"}, "default"),
    ],
)
def test_the_stack_is_the_label_or_the_compose_project(metadata: dict[str, str], stack: str) -> None:
    assert notification(metadata=metadata).derived().stack == stack


# What is refused


@pytest.mark.parametrize("body", [b"", b" ", b"\r\n\t"])
def test_an_empty_body_is_refused(body: bytes) -> None:
    assert "no body" in refusal(body)


@pytest.mark.parametrize("missing", [None, "", " ", "\t\n", 5, 1.5, True, ["nginx"], {"image": "nginx"}])
def test_a_notification_without_an_image_is_refused(missing: object) -> None:
    message = refusal(json.dumps({"hostname": "nas", "image": missing}).encode())
    assert '"image" is missing, empty or not a string' in message


@pytest.mark.parametrize("body", [b"{}", b'{"Image": "nginx"}', b'{"images": ["nginx"]}'])
def test_an_object_without_the_field_is_refused(body: bytes) -> None:
    assert "names no image" in refusal(body)


@pytest.mark.parametrize("body", [b"[]", b'[{"image": "nginx"}]', b'"nginx"', b"5", b"-1e999", b"true", b"null"])
def test_json_that_is_no_object_is_refused(body: bytes) -> None:
    assert "not an object" in refusal(body)


@pytest.mark.parametrize(
    "body",
    [
        b"image=nginx",
        b"<image>nginx</image>",
        b"{'image': 'nginx'}",
        b'{"image": "nginx"',
        b'{"image": "nginx",}',
        b'{"image": "nginx"} {"image": "redis"}',
        b'{"image": "ng\ninx"}',
        b'{"image": "nginx", "x": 01}',
        b'{"image": "nginx", "x": "\\u12"}',
        b"\xef\xbb\xbf",
        b"\x00",
        b"\x00\x00\x00\x00",
        b"\xff\xfe",
        b"\x1f\x8b\x08\x00" + bytes(range(256)),
    ],
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    assert "not JSON" in refusal(body)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_the_numbers_that_json_does_not_have_are_refused(constant: str) -> None:
    assert f"{constant} is not JSON" in refusal(f'{{"image": "nginx", "x": {constant}}}'.encode())


@pytest.mark.parametrize(("before", "after"), [("[", "]"), ('{"a":', "}")])
def test_json_that_is_nested_too_deeply_is_refused(before: str, after: str) -> None:
    depth = BODY_LIMIT // 8
    body = f'{{"image": "nginx", "x": {before * depth}1{after * depth}}}'
    assert "nested too deeply" in refusal(body.encode())
    assert "nested too deeply" in refusal(body[: len(body) // 2].encode())


# Anything at all

TEXT = st.text(st.characters(exclude_categories=[]), max_size=20)
"""Any text, with lone surrogates and NUL."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXT, values, max_size=3),
    max_leaves=8,
)

METADATA = st.dictionaries(
    st.sampled_from(["ctn_names", "ctn_name", "task_name", "pod_name", "stack", "current", "current_tag", "ctn_image"]),
    TEXT,
)

OBJECTS = st.fixed_dictionaries(
    {},
    optional={**dict.fromkeys(("image", *NAMES, "unknown"), TEXT | JSON), "metadata": METADATA | JSON},
)


def taken_or_refused(body: bytes) -> Notification | None:
    """The notification, which every database can hold; None if the body was refused in one line of words."""
    try:
        read = parse(body)
    except Refused as refused:
        words = str(refused)
    else:
        _check(read, body)
        return read
    assert " " in words
    assert words.isprintable()
    return None


def _check(read: Notification, body: bytes) -> None:
    texts = [getattr(read, name) for name in NAMES if name not in ("created", "metadata")]
    texts += [read.reference.image, read.reference.registry, read.reference.repository, read.reference.version]
    texts += [*read.metadata, *read.metadata.values(), *read.containers]
    texts += [read.current, read.pinned, read.container_key, read.without_container_metadata().current]
    for text in texts:
        assert "\0" not in text
        text.encode()
    assert read.reference.image
    assert read.containers == tuple(sorted(set(read.containers)))
    assert read.created is None or read.created.tzinfo is UTC
    assert read.payload == body


@given(st.binary(max_size=200))
@example(b'{"image": "\xff"}')
def test_any_bytes_are_taken_or_refused(body: bytes) -> None:
    taken_or_refused(body)


@given(OBJECTS, st.booleans(), st.sampled_from(["utf-8", "utf-16", "utf-32"]))
def test_any_object_is_taken_if_it_names_an_image_and_refused_if_not(
    fields: dict[str, Any], escaped: bool, encoding: str
) -> None:
    text = json.dumps(fields, ensure_ascii=escaped)
    read = taken_or_refused(text.encode(encoding, "replace"))
    reference = fields.get("image")
    if "NaN" not in text and "Infinity" not in text:
        assert (read is not None) == (isinstance(reference, str) and bool(reference.strip()))


@given(st.sampled_from(PAYLOADS), st.data())
def test_a_real_notification_that_was_damaged_is_taken_or_refused(path: Path, data: st.DataObject) -> None:
    body = path.read_bytes()
    begin = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(begin, len(body)))
    taken_or_refused(body[:begin] + data.draw(st.binary(max_size=4)) + body[end:])
