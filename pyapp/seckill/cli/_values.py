"""Values from a file: one a line, or a column of a CSV, in batches that a call can take."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from seckill.cli._common import ExitCode, fail

BATCH = 10_000  # what a call takes


class Unreadable(Exception):
    """The file is not what it should be."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where values come from.

    Attributes:
        file: its path; `-` is stdin.
        column: of a CSV, its name in the first row or its number from 1; None: whole lines.
        delimiter: between columns.
        skip: values to leave out at the start.
    """

    file: str
    column: str | None
    delimiter: str
    skip: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Values for one call, and the lines of the file that they stand in.

    Attributes:
        values: trimmed, none empty.
        first_line: where the first of them stands.
        last_line: where the last of them stands.
        lines: how many lines were read for them.
    """

    values: list[str]
    first_line: int
    last_line: int
    lines: int


def split(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """Values in as many batches as they need."""
    for start in range(0, len(values), BATCH):
        yield values[start : start + BATCH]


def lines_in(source: Source) -> int | None:
    """How many lines a file has, for a bar; None where it can be read only once."""
    path = Path(source.file)
    if source.file == "-" or not path.is_file():
        return None
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b"")) + 1


def batches(source: Source, so_far: Callable[[], str]) -> Iterator[Batch]:
    """The values of a source, 10,000 at a time; it is never in memory as a whole.

    Args:
        source: where they come from.
        so_far: what to say beside an error in the file; the batch at hand is not given out.
    """
    left_out = first = last = read = 0
    values: list[str] = []
    try:
        with opened(source.file) as file:
            for line, value in _cells(file, source):
                if left_out < source.skip:
                    left_out += 1
                    continue
                first = first if values else line
                last = line
                values.append(value)
                if len(values) == BATCH:
                    yield Batch(values, first, last, line - read)
                    values, read = [], line
    except Unreadable as error:
        fail(f"{source.file}: {error}; {so_far()}", ExitCode.USAGE)
    except OSError as error:
        fail(f"{source.file}: {error.strerror}; {so_far()}", ExitCode.ENVIRONMENT)
    if values:
        yield Batch(values, first, last, last - read)


@contextmanager
def opened(name: str) -> Generator[IO[bytes]]:
    """A file to read, or stdin for `-`."""
    if name == "-":
        yield sys.stdin.buffer
    else:
        with Path(name).open("rb") as file:
            yield file


def text_lines(file: IO[bytes]) -> Iterator[str]:
    """The lines of a file in UTF-8; Unreadable names the one that is not."""
    # Decoded one by one, so that an error knows its line. A mark of the byte order at the start
    # is no part of the first value.
    for number, line in enumerate(file, start=1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise Unreadable(f"line {number} is not UTF-8") from None


def _cells(file: IO[bytes], source: Source) -> Iterator[tuple[int, str]]:
    """Each value that is not empty, and its line."""
    if source.column is None:
        for number, line in enumerate(text_lines(file), start=1):
            if value := line.strip():
                yield number, value
        return
    reader = csv.reader(text_lines(file), delimiter=_delimiter(source.delimiter), strict=True)
    place = int(source.column) - 1 if source.column.isdecimal() else None
    try:
        for row in reader:
            if place is None:
                place = _place(row, source.column)
            elif row and not 0 <= place < len(row):
                raise Unreadable(f"line {reader.line_num} has no column {source.column}")
            elif row and (value := row[place].strip()):
                yield reader.line_num, value
    except csv.Error as error:
        raise Unreadable(f"line {reader.line_num}: {error}") from None


def _delimiter(text: str) -> str:
    found = "\t" if text in ("tab", "\\t") else text
    if len(found) != 1 or found in '"\r\n':
        fail(f"--delimiter {text!r}: type one character, or tab", ExitCode.USAGE)
    return found


def _place(header: list[str], column: str) -> int:
    names = [name.strip() for name in header]
    if names.count(column) != 1:
        there = ", ".join(names)
        fail(f"--column {column!r}: the first row has {there}", ExitCode.USAGE)
    return names.index(column)
