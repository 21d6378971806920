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
from cds_service.replay.bulk import bundles, is_bulk, spill
from cds_service.replay.failures import UnusableInput
from cds_service.replay.files import (
    LINES,
    LONGEST,
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
    for number, path in enumerate(paths):
        files = find_files([path])
        if len(files) > 1 and is_bulk(files, types):
            spills, faults = spill(files, work / f"export-{number}")
            slices += [Slice((str(each),), "patients", size=each.stat().st_size) for each in spills]
            slices += [Slice((str(faults),), "faults")] if faults is not None else []
        else:
            slices += cut(files, slice_size)
    return slices


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
    with open_binary(name) as stream:
        first, second = stream.readline(LONGEST), stream.readline(16)
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
            for place in Path(part.files[0]).read_text(encoding="utf-8").splitlines():
                yield Item(place, b"", "is no resource")
        case "whole":
            for name in part.files:
                with open_binary(name) as stream:
                    body = stream.read(LONGEST + 1)
                yield Item(name, b"", "is too long") if len(body) > LONGEST else Item(name, body)


def _read_lines(part: Slice) -> Iterator[Item]:
    name = part.files[0]
    with open_binary(name) as stream:
        if part.start:
            stream.seek(part.start)
        position, number = part.start, part.first_line
        while part.end is None or position < part.end:
            line = stream.readline(LONGEST + 1)
            if not line:
                break
            place = f"{name}:{number}" if number is not None else f"{name}@{position}"
            size = len(line)
            if size > LONGEST:
                size += _skip_line(stream)
                yield Item(place, b"", "is too long")
            elif not line.isspace():
                yield Item(place, line)
            position += size
            number = None if number is None else number + 1


def _skip_line(stream: object) -> int:
    skipped = 0
    while True:
        rest = stream.readline(1 << 20)  # type: ignore[attr-defined]
        skipped += len(rest)
        if not rest or rest.endswith(b"\n"):
            return skipped
