"""Finds what is to be replayed, cuts it into slices of a few megabytes, and reads slices item by item.

A slice is the unit of work: it can be done in any process, again after a crash, and tells the place of each item. An
item is one JSON text: a hook request, a recording of one, or the Bundle of one patient.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import msgspec

from cds_service.fhir.model.types import r4
from cds_service.replay.bulk import bulk_type, bundles, is_bulk, spill
from cds_service.replay.failures import DamagedFile, UnusableInput
from cds_service.replay.files import (
    LINES,
    LONGEST,
    MARK,
    WHOLE,
    compression,
    is_remote,
    list_files,
    open_binary,
    plain_name,
    size_of,
)

SLICE = 8 << 20  # bytes of one slice, at most
_LEAST, _SHARES = 1 << 20, 64  # smaller where there is little in all: every process is to have some
_DAMAGED = "cannot be decompressed, nor can what follows"

Form = Literal["lines", "whole", "patients", "faults"]


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a file with one item a line, a number of files with one item each, or patients of an export."""

    files: tuple[str, ...]
    form: Form
    start: int = 0
    end: int | None = None
    first_line: int | None = 1
    size: int = 0

    def as_json(self) -> str:
        """A text that is the same for the same slice."""
        return json.dumps(asdict(self), sort_keys=True)


class Item(msgspec.Struct, frozen=True, gc=False):
    """One JSON text and its place; `fault` says why there is no text."""

    place: str
    body: bytes
    fault: str | None = None


def find_files(paths: Iterable[str]) -> list[str]:
    """Every file of those paths that can hold items, in a fixed order, each once."""
    found: dict[str, None] = {}
    for path in paths:
        before = len(found)
        for name in list_files(path):
            if plain_name(name).endswith((*LINES, *WHOLE)):
                found[name] = None
        if len(found) == before and path not in found:
            raise UnusableInput(
                f"{path} holds no .json or .ndjson files.", remedy="Compressed ones may end in .gz, .bz2 or .xz."
            )
    return list(found)


def slices_of(paths: Iterable[str], work: Path, slice_size: int = SLICE) -> list[Slice]:
    """What is to be done for some paths; the patients of Bulk Data exports are brought together below `work`."""
    types = frozenset(r4().resources)
    slices: list[Slice] = []
    for number, files in enumerate(_together(paths, types)):
        if len(files) > 1 and is_bulk(files, types):
            exported = [name for name in files if bulk_type(name, types) is not None]
            spills, faults = spill(exported, work / f"export-{number}")
            slices += [Slice((str(each),), "patients", size=each.stat().st_size) for each in spills]
            slices += [Slice((str(faults),), "faults")] if faults is not None else []
            files = [name for name in files if name not in exported and plain_name(name).endswith(LINES)]
        slices += cut(files, slice_size)
    return slices


def _together(paths: Iterable[str], types: frozenset[str]) -> list[list[str]]:
    """The files of each path; an export whose files are named one by one counts as one path."""
    groups = [find_files([path]) for path in dict.fromkeys(paths)]
    alone = [files[0] for files in groups if len(files) == 1 and bulk_type(files[0], types) is not None]
    if not is_bulk(alone, types):
        return groups
    return [alone, *(files for files in groups if len(files) > 1 or files[0] not in alone)]


def cut(files: Sequence[str], slice_size: int = SLICE) -> list[Slice]:
    """The slices of some files, in order."""
    sizes = [size_of(name) for name in files]
    slice_size = min(slice_size, max(_LEAST, sum(sizes) // _SHARES))
    slices: list[Slice] = []
    whole: list[str] = []
    room = slice_size
    for name, size in zip(files, sizes, strict=True):
        if plain_name(name).endswith(WHOLE) and not _has_lines(name):
            if whole and (room < size or len(whole) >= 500):
                slices.append(Slice(tuple(whole), "whole", size=slice_size - room))
                whole, room = [], slice_size
            whole.append(name)
            room -= size
            continue
        if whole:
            slices.append(Slice(tuple(whole), "whole", size=slice_size - room))
            whole, room = [], slice_size
        slices += _cut_lines(name, size, slice_size)
    if whole:
        slices.append(Slice(tuple(whole), "whole", size=slice_size - room))
    return slices


def _has_lines(name: str) -> bool:
    """Whether a .json file holds one item a line, as some exports do: its first line is a whole object."""
    try:
        with open_binary(name) as stream:
            first, second = stream.readline(LONGEST).removeprefix(MARK), stream.readline(16)
    except DamagedFile:
        return False  # told when its turn comes
    return bool(second.strip()) and first.rstrip().endswith(b"}") and first.lstrip().startswith(b"{")


def _cut_lines(name: str, size: int, slice_size: int) -> Iterator[Slice]:
    """Slices that begin and end at line ends; a compressed file is one slice, as it can only be read from its start."""
    if compression(name) or size <= slice_size:
        yield Slice((name,), "lines", size=size)
        return
    counted = not is_remote(name)  # counting the lines of a local file costs little, of a remote one a download
    start, line = 0, 1
    with open_binary(name) as stream:
        while start < size:
            end = min(size, start + slice_size)
            if end < size:
                stream.seek(end)
                end += len(stream.readline())
            yield Slice((name,), "lines", start, end, line if counted else None, end - start)
            if counted:
                stream.seek(start)
                line += stream.read(end - start).count(b"\n")
            start = end


def read_slice(part: Slice) -> Iterator[Item]:
    """The items of a slice, in order; only one of them is in memory at a time."""
    match part.form:
        case "lines":
            yield from _read_lines(part)
        case "patients":
            for name in part.files:
                for patient, body in bundles(Path(name)):
                    yield Item(f"Patient/{patient}", body)
        case "faults":
            for line in Path(part.files[0]).read_text(encoding="utf-8").splitlines():
                place, _, fault = line.rpartition("\t")
                yield Item(place, b"", fault)
        case "whole":
            for name in part.files:
                yield _read_whole(name)


def _read_whole(name: str) -> Item:
    try:
        with open_binary(name) as stream:
            body = stream.read(LONGEST + 1)
    except DamagedFile:
        return Item(name, b"", _DAMAGED)
    return Item(name, b"", "is too long") if len(body) > LONGEST else Item(name, body.removeprefix(MARK))


def _read_lines(part: Slice) -> Iterator[Item]:
    name, position, number = part.files[0], part.start, part.first_line
    try:
        with open_binary(name) as stream:
            if position:
                stream.seek(position)
            while part.end is None or position < part.end:
                line = stream.readline(LONGEST + 1)
                if not line:
                    break
                size = len(line)
                if size > LONGEST:
                    size += _skip_line(stream)
                    yield Item(_place(name, number, position), b"", "is too long")
                elif not line.isspace():
                    yield Item(_place(name, number, position), line if position else line.removeprefix(MARK))
                position += size
                number = None if number is None else number + 1
    except DamagedFile:
        yield Item(_place(name, number, position), b"", _DAMAGED)


def _place(name: str, number: int | None, position: int) -> str:
    return f"{name}:{number}" if number is not None else f"{name}@{position}"


def _skip_line(stream: object) -> int:
    skipped = 0
    while True:
        rest = stream.readline(1 << 20)  # type: ignore[attr-defined]
        skipped += len(rest)
        if not rest or rest.endswith(b"\n"):
            return skipped
