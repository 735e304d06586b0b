"""The format of a backup: what comes back, and what is refused."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from diundashboard import backup
from diundashboard.model import Contents, Filled, Form, Invalid, Row

COLUMNS = {"id": Form.INTEGER, "name": Form.TEXT, "done": Form.BOOLEAN, "payload": Form.BYTES, "metadata": Form.JSON}
ROWS: list[Row] = [
    [1, "nginx", True, b'{"image": "nginx"}', {"b": "2", "a": {"x": ["1", None]}}],
    [2, "日本語\n\0\ud800", False, b"\xff\xfe{\x00}\x00", []],
    [2**63 - 1, "", None, b"", None],
    [-1, None, None, None, {}],
]
LISTS: dict[str, Form] = {"day": Form.DAY, "names": Form.LIST, "at": Form.TIME}

Plain = tuple[str, list[tuple[str, dict[str, Form], int | None, list[Row]]]]


def contents(schema: str = "0005.facts") -> Contents:
    return Contents(
        schema,
        iter(
            [
                Filled("updates", COLUMNS, 2**63 - 1, iter(ROWS)),
                Filled("empty", COLUMNS, 7, iter([])),
                Filled("days", LISTS, None, iter([[20000, ["a", "ü"], -1], [20001, [], 2**60]])),
            ]
        ),
    )


def plain(read: Contents) -> Plain:
    """Everything in contents, which are read to their end."""
    return read.schema, [
        (table.name, dict(table.columns), table.last_id, [list(row) for row in table.rows]) for table in read.tables
    ]


def written(what: Contents) -> bytes:
    stream = io.BytesIO()
    backup.write(what, stream)
    return stream.getvalue()


def read(file: bytes) -> Plain:
    return plain(backup.read(io.BytesIO(file)))


def refusal(file: bytes) -> str:
    """The one line that says why this cannot be read."""
    with pytest.raises(Invalid) as caught:
        read(file)
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.fixture(scope="module")
def file() -> bytes:
    return written(contents())


def test_everything_comes_back_as_it_was(file: bytes) -> None:
    assert read(file) == plain(contents())


def test_the_same_contents_make_the_same_file_in_whatever_order_a_map_is(file: bytes) -> None:
    def turned() -> Iterator[Filled]:
        for table in contents().tables:
            rows = (
                [dict(reversed(value.items())) if isinstance(value, dict) else value for value in row]
                for row in table.rows
            )
            yield Filled(table.name, table.columns, table.last_id, rows)

    assert written(Contents("0005.facts", turned())) == file


def test_rows_can_be_used_before_the_end_is_read() -> None:
    def endless() -> Iterator[Row]:
        while True:
            yield ROWS[0]

    class Full(Exception):
        pass

    class Disk(io.BytesIO):
        def write(self, data: Any) -> int:
            if self.tell() > 2_000:
                raise Full
            return super().write(data)

    disk = Disk()
    with pytest.raises(Full):
        backup.write(Contents("0005.facts", iter([Filled("updates", COLUMNS, 1, endless())])), disk)
    table = next(backup.read(io.BytesIO(disk.getvalue())).tables)
    assert [next(table.rows) for _ in range(100)] == [ROWS[0]] * 100


def test_a_file_that_ends_early_is_refused_wherever_it_ends(file: bytes) -> None:
    for end in range(len(file)):
        refusal(file[:end])


def test_a_file_with_an_altered_byte_is_refused_unless_it_says_the_same(file: bytes) -> None:
    for place in range(len(file)):
        altered = file[:place] + bytes([file[place] ^ 0x55]) + file[place + 1 :]
        with suppress(Invalid):
            assert read(altered) == plain(contents())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"nginx", b"caddy"),
        (b'"last_id": 7', b'"last_id": 8'),
        (b"[20001,[],1152921504606846976]\n", b""),
        (b'{"rows": 6,', b'{"rows": 5,'),
        (b'"sha256": "', b'"sha256": "0'),
        (b'"table": "empty"', b'"table": "empty; DROP"'),
        (b'"time"', b'"moment"'),
        (b"[20001,", b"20001,"),
        (b"[20001,", b"[7, 20001,"),
        (b"[20001,[]", b"[[],20001"),
        (b'[1,"nginx",true', b'["nginx",1,true'),
        (b'[1,"nginx",true', b'[1,"nginx","true"'),
        (b'{"base64":"', b'{"base32":"'),
    ],
)
def test_a_file_whose_lines_were_altered_is_refused(file: bytes, before: bytes, after: bytes) -> None:
    lines = gzip.decompress(file)
    assert lines.count(before) >= 1
    assert "damaged or incomplete" in refusal(gzip.compress(lines.replace(before, after, 1)))


def test_a_file_that_goes_on_after_its_end_is_refused(file: bytes) -> None:
    assert "damaged" in refusal(file + file)
    assert "damaged" in refusal(file + b"x")


FOREIGN = {
    "nothing": b"",
    "text": b"Dear diary,\n",
    "SQLite": b"SQLite format 3\0" + bytes(4096),
    "nothing, compressed": gzip.compress(b""),
    "text, compressed": gzip.compress(b"Dear diary,\n"),
    "a row": gzip.compress(b"[1, 2]\n"),
    "another format": gzip.compress(b'{"format": "another backup 1", "schema": "0005.facts"}\n'),
    "a number": gzip.compress(b'{"format": 1, "schema": "0005.facts"}\n'),
    "no version": gzip.compress(b'{"format": "diundashboard backup x", "schema": "0005.facts"}\n'),
}


@pytest.mark.parametrize("foreign", FOREIGN)
def test_something_else_is_refused_at_once(foreign: str) -> None:
    with pytest.raises(Invalid, match="not a backup of DIUN Dashboard"):
        backup.read(io.BytesIO(FOREIGN[foreign]))


def test_a_backup_of_a_later_format_is_refused_with_what_to_do(file: bytes) -> None:
    later = gzip.decompress(file).replace(b"diundashboard backup 1", b"diundashboard backup 2", 1)
    with pytest.raises(Invalid, match="later version of DIUN Dashboard: update this one first"):
        backup.read(io.BytesIO(gzip.compress(later)))
