"""The format of a backup: the contents of a database, as gzip-compressed lines of JSON.

    {"format": "diundashboard backup 1", "schema": "0005.facts"}
    {"table": "tags", "columns": {"id": "integer", "colour": "integer", "name": "text"}, "last_id": 2}
    [1, 5, "media"]
    [2, 10, "ops"]
    {"table": ...
    {"rows": 2, "sha256": "the checksum of all lines before this one"}

Bytes are a text if they are UTF-8, else {"base64": "..."}. Two databases that store the same have equal backups.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from diundashboard.model import Contents, Filled, Form, Invalid, Row

FORMAT = "diundashboard backup "
VERSION = 1

LEVEL = 3
"""Of gzip's levels: fast rather than small."""

CHUNK = 256 * 1024
"""How much is compressed or decompressed at a time, in bytes."""

LINE_LIMIT = 64 * 2**20
"""The longest line that is read, in bytes. Rows are far shorter, because a payload has at most 1 MiB."""

_NONE = type(None)
_TYPES: dict[Form, tuple[type, ...]] = {
    Form.INTEGER: (int, _NONE),
    Form.TEXT: (str, _NONE),
    Form.BOOLEAN: (bool, _NONE),
    Form.TIME: (int, _NONE),
    Form.DAY: (int, _NONE),
    Form.BYTES: (bytes, _NONE),
    Form.JSON: (object,),
    Form.LIST: (list, _NONE),
}

_ENCODER = json.JSONEncoder(separators=(",", ":"), sort_keys=True)


def write(contents: Contents, stream: BinaryIO) -> None:
    """Write a backup."""
    with gzip.GzipFile("", "wb", LEVEL, stream, mtime=0) as compressed, io.BufferedWriter(compressed, CHUNK) as lines:
        checksum = hashlib.sha256()
        count = 0
        for line in _lines(contents):
            encoded = f"{line}\n".encode("ascii")
            checksum.update(encoded)
            lines.write(encoded)
            count += line.startswith("[")
        lines.write(f"{_line(rows=count, sha256=checksum.hexdigest())}\n".encode("ascii"))


def _lines(contents: Contents) -> Iterator[str]:
    yield _line(format=f"{FORMAT}{VERSION}", schema=contents.schema)
    for table in contents.tables:
        yield _line(table=table.name, columns=dict(table.columns), last_id=table.last_id)
        places = _places_of_bytes(table.columns)
        for row in table.rows:
            if places:
                row = list(row)
                for place in places:
                    row[place] = _text_of(row[place])
            yield _ENCODER.encode(row)


def _line(**fields: object) -> str:
    return json.dumps(fields)


def _places_of_bytes(columns: Mapping[str, Form]) -> list[int]:
    return [place for place, form in enumerate(columns.values()) if form is Form.BYTES]


def _text_of(value: bytes | None) -> str | dict[str, str] | None:
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def _bytes_of(value: Any) -> bytes | None:
    if value is None:
        return None
    try:
        return value.encode() if isinstance(value, str) else base64.b64decode(value["base64"], validate=True)
    except (TypeError, KeyError, ValueError):
        raise _Damaged("a payload cannot be read") from None


def read(stream: BinaryIO) -> Contents:
    """The contents of a backup. The last table ends with an error unless the checksum is that of all that was read.

    Raises:
        Invalid: it is not a backup, or has a later format. Its tables and rows raise this too if they are damaged.
    """
    backup = _Backup(stream)
    return Contents(backup.schema, backup.tables())


class _Backup:
    """A backup that is being read: line by line, each part of the checksum before it is used."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = io.BufferedReader(gzip.GzipFile(fileobj=stream), CHUNK)
        self._checksum = hashlib.sha256()
        self._head: dict[str, Any] = {}
        self._count = 0
        try:
            self._next()
            version = int(self._head["format"].removeprefix(FORMAT))
            self.schema = str(self._head["schema"])
        except (_Damaged, ValueError, KeyError, AttributeError):
            raise Invalid("it is not a backup of DIUN Dashboard, or its beginning is damaged") from None
        if version > VERSION:
            raise Invalid("it was written by a later version of DIUN Dashboard: update this one first")

    def tables(self) -> Iterator[Filled]:
        self._next()
        while "sha256" not in self._head:
            try:
                name, last_id = str(self._head["table"]), self._head["last_id"]
                columns = {str(column): Form(form) for column, form in self._head["columns"].items()}
            except (ValueError, KeyError, AttributeError) as error:
                raise _Damaged(f"a table cannot be read: {error}") from None
            if not all(map(str.isidentifier, [name, *columns])):
                raise _Damaged(f"a table cannot be read: {name}")
            rows = self._rows(columns)
            yield Filled(name, columns, last_id, rows)
            for _ in rows:
                pass
        if self._head.get("rows") != self._count or self._read():
            raise _Damaged("its number of rows is wrong, or data follows its end")

    def _rows(self, columns: Mapping[str, Form]) -> Iterator[Row]:
        places = _places_of_bytes(columns)
        allowed = [_TYPES[form] for form in columns.values()]
        while (row := self._next()) is not None:
            self._count += 1
            for place in places:
                row[place] = _bytes_of(row[place])
            if len(row) != len(allowed) or not all(map(isinstance, row, allowed)):
                raise _Damaged(f"row {self._count} does not fit its table")
            yield row

    def _next(self) -> list[Any] | None:
        """The next row, or None where a table or the end comes first, which is `_head` then."""
        line = self._read()
        if not line.endswith(b"\n"):
            raise _Damaged("its end is missing")
        try:
            value = json.loads(line)
        except ValueError:
            raise _Damaged(f"the line after row {self._count} cannot be read") from None
        if isinstance(value, list):
            self._checksum.update(line)
            return value
        if not isinstance(value, dict):
            raise _Damaged(f"the line after row {self._count} cannot be read")
        if value.get("sha256", self._checksum.hexdigest()) != self._checksum.hexdigest():
            raise _Damaged("the checksum is wrong")
        self._checksum.update(line)
        self._head = value
        return None

    def _read(self) -> bytes:
        """The next line; nothing at the end."""
        try:
            return self._stream.readline(LINE_LIMIT)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise _Damaged(str(error)) from None
        except OSError as error:
            raise Invalid(f"it cannot be read: {error.strerror}") from error


class _Damaged(Invalid):
    def __init__(self, reason: str) -> None:
        super().__init__(f"it is damaged or incomplete: {reason}")
