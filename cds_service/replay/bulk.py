"""Bulk Data exports (one file per resource type) as Bundles of one patient each, in little memory.

First every line goes to one of some spill files by the patient it is about, so that a patient is in one file. Each of
these is small enough to be grouped in memory when its turn comes. Resources that belong to nobody (medications,
organisations) are kept aside and go with the patients that refer to them.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from cds_service.fhir.model.types import r4
from cds_service.fhir.references import parse_reference
from cds_service.replay.failures import DamagedFile
from cds_service.replay.files import LINES, LONGEST, MARK, open_binary, plain_name, size_of, stamp_of

SPILL = 48 << 20  # bytes of one spill file, about
_MOST_SPILLS = 200  # open files at a time
_MOST_SHARED = 256 << 20  # bytes of resources that belong to nobody
_REFERENCE = re.compile(rb'"reference"\s*:\s*"([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})"')


class _Reference(msgspec.Struct):
    reference: Any = None


class _Participant(msgspec.Struct):
    actor: _Reference | None = None


class _Line(msgspec.Struct):
    resourceType: Any = None
    id: Any = None
    subject: _Reference | list[_Reference] | None = None
    patient: _Reference | None = None
    beneficiary: _Reference | None = None
    individual: _Reference | None = None
    for_: _Reference | None = msgspec.field(default=None, name="for")
    participant: list[_Participant] = []
    actor: _Reference | list[_Reference] | None = None
    deliverTo: _Reference | None = None
    candidate: _Reference | None = None


_decoder = msgspec.json.Decoder(_Line)
# These name patients, but are about none of them alone.
_OF_SEVERAL = frozenset({"AuditEvent", "Group", "Person", "Provenance", "Schedule"})


def patient_of(line: bytes) -> tuple[str | None, str | None, str | None]:
    """Type and id of a resource, and the id of the patient it is about.

    Empty where it is about something else, a group or a device; None where it does not say.
    """
    try:
        found = _decoder.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return None, None, None
    kind = found.resourceType if isinstance(found.resourceType, str) else None
    ident = found.id if isinstance(found.id, str) else None
    if kind == "Patient":
        return kind, ident, ident
    several = [each if isinstance(each, list) else [each] for each in (found.subject, found.actor)]
    single = (found.patient, found.beneficiary, found.individual, found.for_, found.deliverTo, found.candidate)
    patient: str | None = "" if kind in _OF_SEVERAL else None
    for reference in (*chain(*several), *single, *(each.actor for each in found.participant)):
        text = reference.reference if reference is not None else None
        if isinstance(text, str):
            parsed = parse_reference(text)
            if parsed.type == "Patient":
                return kind, ident, parsed.id
            patient = ""
    return kind, ident, patient


def is_bulk(names: Sequence[str], resource_types: frozenset[str]) -> bool:
    """Whether files are a Bulk Data export: NDJSON named after resource types, the Patient among them."""
    kinds = [bulk_type(name, resource_types) for name in names if plain_name(name).endswith(LINES)]
    return "Patient" in kinds


def bulk_type(name: str, resource_types: frozenset[str]) -> str | None:
    """The resource type that a file of a Bulk Data export is named after (`Condition.000.ndjson.gz`)."""
    parts = PurePosixPath(plain_name(name)).name.split(".")
    return next((part for part in parts if part in resource_types), None)


def spill(names: Sequence[str], folder: Path) -> tuple[list[Path], Path | None]:
    """Write the lines of an export to spill files below `folder`; these, and a file that names broken lines.

    What an earlier run has written for the same export is used again.
    """
    done = folder / "spilled.json"
    described = msgspec.json.encode([[name, stamp_of(name)] for name in names])
    faults = folder / "faults.txt"
    if not done.exists() or done.read_bytes() != described:
        _spill(names, folder, faults)
        done.write_bytes(described)
    spills = [path for path in sorted(folder.glob("spill-*.tsv")) if path.stat().st_size]
    return spills, faults if faults.stat().st_size else None


def _spill(names: Sequence[str], folder: Path, faults: Path) -> None:
    total = sum(size_of(name) for name in names)
    count = max(1, min(_MOST_SPILLS, total * 4 // SPILL + 1))
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"spill-{number:03d}.tsv" for number in range(count)]
    shared = folder / "shared.ndjson"
    with ExitStack() as stack:
        files = [stack.enter_context(path.open("wb")) for path in paths]
        common = stack.enter_context(shared.open("wb"))
        broken = stack.enter_context(faults.open("w", encoding="utf-8"))
        room = _MOST_SHARED
        for name in names:
            number = 0
            try:
                with open_binary(name) as stream:
                    for number, line in enumerate(iter(partial(stream.readline, LONGEST), b""), start=1):
                        text = (line if number > 1 else line.removeprefix(MARK)).rstrip() + b"\n"
                        if text == b"\n":
                            continue
                        kind, ident, patient = patient_of(text)
                        if kind is None or not r4().is_resource(kind):
                            broken.write(f"{name}:{number}\tis no resource\n")
                        elif kind == "Patient" and not ident:
                            broken.write(f"{name}:{number}\tis a Patient without id\n")
                        elif patient:
                            place = zlib.crc32(patient.encode()) % count
                            files[place].write(patient.encode() + b"\t" + text)
                        elif r4().type(kind).patient_path is not None:
                            if patient is None:
                                broken.write(f"{name}:{number}\tnames no patient\n")
                        elif ident is not None:
                            room -= len(text)
                            if room < 0:
                                broken.write(f"{name}:{number}\tis beyond what several patients may share\n")
                                continue
                            common.write(f"{kind}/{ident}\t".encode() + text)
            except DamagedFile:
                broken.write(f"{name}:{number + 1}\tcannot be decompressed, nor can what follows\n")


def bundles(path: Path) -> Iterator[tuple[str, bytes]]:
    """The patients of a spill file, sorted by id, each as the text of a Bundle."""
    shared = _shared(path.parent / "shared.ndjson")
    patients: dict[str, list[bytes]] = {}
    with path.open("rb") as stream:
        for line in stream:
            patient, _, text = line.partition(b"\t")
            patients.setdefault(patient.decode(), []).append(text.rstrip())
    for name in sorted(patients):
        texts = patients.pop(name)
        texts += _referred(texts, shared)
        entries = b",".join(b'{"resource":' + text + b"}" for text in texts)
        yield name, b'{"resourceType":"Bundle","type":"collection","entry":[' + entries + b"]}"


def _shared(path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    if path.exists():
        with path.open("rb") as stream:
            for line in stream:
                name, _, text = line.partition(b"\t")
                found[name.decode()] = text.rstrip()
    return found


def _referred(texts: Sequence[bytes], shared: dict[str, bytes]) -> list[bytes]:
    """The resources of nobody that some texts refer to, directly or through one another."""
    wanted: dict[str, bytes] = {}
    pending = list(texts)
    while pending and shared:
        for name in _REFERENCE.findall(pending.pop()):
            key = name.decode()
            if key in shared and key not in wanted:
                wanted[key] = shared[key]
                pending.append(shared[key])
    return list(wanted.values())
