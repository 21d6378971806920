"""What a replay reads: files of every form, cut into slices that give the same items in the same order."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.replay import bulk
from cds_service.replay.bulk import patient_of
from cds_service.replay.failures import UnusableInput
from cds_service.replay.inputs import Item, cut, find_files, read_slice, slices_of


def read(paths: list[Path], work: Path, slice_size: int = 1 << 20) -> list[Item]:
    slices = slices_of([str(path) for path in paths], work, slice_size)
    return [item for part in slices for item in read_slice(part)]


def lines(*items: Any) -> bytes:
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.ndjson", bytes),
        ("a.jsonl.gz", gzip.compress),
        ("a.ndjson.bz2", bz2.compress),
        ("a.ndjson.xz", lzma.compress),
    ],
)
def test_lines_are_read_compressed_or_not(tmp_path: Path, name: str, pack: Callable[[bytes], bytes]) -> None:
    (tmp_path / name).write_bytes(pack(lines({"a": 1}, {"a": 2}) + b"\n" + b'{"a": 3}'))
    items = read([tmp_path], tmp_path / "work")
    assert [json.loads(item.body)["a"] for item in items] == [1, 2, 3]
    assert [item.place for item in items] == [f"{tmp_path / name}:{number}" for number in (1, 2, 4)]


def test_a_folder_gives_its_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.json", "a.json", "sub/c.json", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('{\n "x": 1}')
    items = read([tmp_path], tmp_path / "work")
    assert [item.place for item in items] == [str(tmp_path / name) for name in ("a.json", "b.json", "sub/c.json")]


def test_a_json_file_with_one_object_a_line_is_read_by_lines(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(lines({"a": 1}, {"a": 2}))
    assert len(read([tmp_path], tmp_path / "work")) == 2


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r\ufeff"), max_size=30), max_size=40),
    st.integers(1, 200),
)
def test_however_a_file_is_cut_its_lines_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], size: int
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    file = folder / "a.ndjson"
    file.write_bytes("\n".join(texts).encode())
    found = [item for part in cut([str(file)], size) for item in read_slice(part)]
    expected = [
        (number, text.encode()) for number, text in enumerate(texts, start=1) if text and not text.encode().isspace()
    ]
    assert [(int(item.place.rpartition(":")[2]), item.body.removesuffix(b"\n")) for item in found] == expected


@pytest.mark.parametrize("names", [[], ["a.txt"]])
def test_a_path_without_anything_to_replay_is_said(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(UnusableInput, match="holds no"):
        find_files([str(tmp_path)])
    with pytest.raises(UnusableInput, match="does not exist"):
        find_files([str(tmp_path / "nowhere")])


def test_an_item_that_is_too_long_is_reported_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cds_service.replay.inputs.LONGEST", 40)
    (tmp_path / "a.ndjson").write_bytes(lines({"a": "x" * 100}, {"a": 2}))
    assert [item.fault for item in read([tmp_path], tmp_path / "work")] == ["is too long", None]


@pytest.mark.parametrize(
    ("name", "body", "places"),
    [
        ("a.ndjson.gz", gzip.compress(b"1\n2\n", mtime=0)[:-4], ["a.ndjson.gz:3"]),
        ("a.ndjson.gz", b"no gzip", ["a.ndjson.gz:1"]),
        ("a.ndjson.bz2", b"no bzip2", ["a.ndjson.bz2:1"]),
        ("a.ndjson.xz", lzma.compress(b"1\n")[:-4], ["a.ndjson.xz:2"]),
        ("a.json.gz", gzip.compress(b"{}", mtime=0)[:-4], ["a.json.gz"]),
        (
            "Patient.ndjson.gz",
            gzip.compress(b'{"resourceType":"Patient","id":"p"}\n', mtime=0)[:-4],
            ["Patient.ndjson.gz:2"],
        ),
    ],
)
def test_a_damaged_file_is_reported_and_the_rest_goes_on(
    tmp_path: Path, name: str, body: bytes, places: list[str]
) -> None:
    (tmp_path / name).write_bytes(body)
    (tmp_path / "b.ndjson").write_bytes(b"4\n")
    items = read([tmp_path], tmp_path / "work")
    faults = {item.place: item.fault for item in items if item.fault}
    assert faults == {str(tmp_path / place): "cannot be decompressed, nor can what follows" for place in places}
    assert [item.body for item in items if item.place.endswith("b.ndjson:1")] == [b"4\n"]


@pytest.mark.parametrize(("name", "body"), [("a.json", b'{\n"a": 1}'), ("a.json", b'{"a": 1}\n{}'), ("a.ndjson", b"1")])
def test_a_byte_order_mark_is_no_part_of_an_item(tmp_path: Path, name: str, body: bytes) -> None:
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + body)
    assert b"".join(item.body for item in read([tmp_path], tmp_path / "work")) == body


def test_a_path_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(b"1\n2\n")
    assert len(read([tmp_path / "a.ndjson", tmp_path / "a.ndjson"], tmp_path / "work")) == 2


def test_urls_are_read_through_fsspec() -> None:
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://bucket/a.ndjson", "wb") as stream:
        stream.write(lines({"a": 1}, {"a": 2}))
    slices = slices_of(["memory://bucket"], Path("unused"))
    assert [json.loads(item.body)["a"] for part in slices for item in read_slice(part)] == [1, 2]


# -- Bulk Data ------------------------------------------------------------------------------------------------------


def resource(kind: str, ident: str, **members: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": ident, **members}


@pytest.mark.parametrize(
    ("given_resource", "expected"),
    [
        (resource("Patient", "p1"), "p1"),
        (resource("Condition", "c", subject={"reference": "Patient/p1"}), "p1"),
        (resource("AllergyIntolerance", "c", patient={"reference": "https://a.example/fhir/Patient/p1"}), "p1"),
        (resource("Coverage", "c", beneficiary={"reference": "Patient/p1"}), "p1"),
        (resource("Task", "c", **{"for": {"reference": "Patient/p1"}}), "p1"),
        (resource("Account", "c", subject=[{"reference": "Patient/p1"}]), "p1"),
        (resource("AppointmentResponse", "c", actor={"reference": "Patient/p1"}), "p1"),
        (resource("SupplyRequest", "c", deliverTo={"reference": "Patient/p1"}), "p1"),
        (
            resource(
                "Appointment",
                "c",
                participant=[{"actor": {"reference": "Location/x"}}, {"actor": {"reference": "Patient/p1"}}],
            ),
            "p1",
        ),
        (resource("Encounter", "c", participant=[{"individual": {"reference": "Practitioner/p1"}}]), None),
        (resource("Group", "c"), ""),
        (resource("Observation", "c", subject={"reference": "Device/p1"}), ""),
        (resource("Observation", "c"), None),
    ],
)
def test_whose_a_resource_is(given_resource: dict[str, Any], expected: str | None) -> None:
    assert patient_of(json.dumps(given_resource).encode())[2] == expected


def test_an_export_becomes_one_bundle_a_patient(tmp_path: Path) -> None:
    export = tmp_path / "export"
    export.mkdir()
    numbers = range(50)
    (export / "Patient.ndjson").write_bytes(lines(*(resource("Patient", f"p{n}") for n in numbers)))
    conditions = [resource("Condition", f"c{n}", subject={"reference": f"Patient/p{n % 50}"}) for n in range(100)]
    (export / "Condition.000.ndjson.gz").write_bytes(gzip.compress(lines(*conditions[::-1])))
    request = resource(
        "MedicationRequest", "m", subject={"reference": "Patient/p7"}, medicationReference={"reference": "Medication/d"}
    )
    (export / "MedicationRequest.ndjson").write_bytes(lines(request) + b"not json\n")
    (export / "Medication.ndjson").write_bytes(
        lines(
            resource("Medication", "d", manufacturer={"reference": "Organization/o"}), resource("Medication", "other")
        )
    )
    (export / "Organization.ndjson").write_bytes(lines(resource("Organization", "o")))
    items = read([export], tmp_path / "work")
    assert [item.place for item in items if item.fault] == [f"{export / 'MedicationRequest.ndjson'}:2"]
    patients = {item.place: json.loads(item.body) for item in items if not item.fault}
    assert set(patients) == {f"Patient/p{n}" for n in numbers}
    kinds = sorted(entry["resource"]["resourceType"] for entry in patients["Patient/p7"]["entry"])
    assert kinds == ["Condition", "Condition", "Medication", "MedicationRequest", "Organization", "Patient"]
    assert len(patients["Patient/p8"]["entry"]) == 3
    assert read([export], tmp_path / "work") == items


def test_a_few_megabytes_are_work_for_several_processes(tmp_path: Path) -> None:
    file = tmp_path / "charts.ndjson"
    file.write_bytes(b'{"resourceType":"Bundle"}\n' * 160_000)
    assert len(cut([str(file)])) == 4


def export_of(folder: Path, **files: bytes) -> Path:
    folder.mkdir()
    for kind, text in files.items():
        (folder / f"{kind}.ndjson").write_bytes(text)
    return folder


def test_the_files_of_an_export_may_be_named_one_by_one(tmp_path: Path) -> None:
    condition = resource("Condition", "c", subject={"reference": "Patient/p"})
    export = export_of(tmp_path / "export", Condition=lines(condition), Patient=lines(resource("Patient", "p")))
    (tmp_path / "calls.ndjson").write_bytes(b"1\n")
    items = read([tmp_path / "calls.ndjson", *sorted(export.iterdir())], tmp_path / "work")
    assert [item.place for item in items] == ["Patient/p", f"{tmp_path / 'calls.ndjson'}:1"]


def test_calls_beside_an_export_are_read_too(tmp_path: Path) -> None:
    export = export_of(tmp_path / "export", Patient=lines(resource("Patient", "p")), calls=b"1\n")
    (export / "manifest.json").write_bytes(b"{}")
    items = read([export], tmp_path / "work")
    assert [item.place for item in items] == ["Patient/p", f"{export / 'calls.ndjson'}:1"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"not json", "is no resource"),
        (b"[]", "is no resource"),
        (b'{"resourceType": "Foo", "id": "1"}', "is no resource"),
        (b'{"resourceType": "Patient"}', "is a Patient without id"),
        (b'{"resourceType": "Observation", "id": "1", "subject": {"display": "Ann"}}', "names no patient"),
        (b'{"resourceType": "Condition", "id": "1"}', "names no patient"),
    ],
)
def test_a_broken_line_of_an_export_has_its_place(tmp_path: Path, line: bytes, told: str) -> None:
    text = lines(resource("Patient", "p"))
    export = export_of(tmp_path / "export", Condition=b"", Patient=text + line + b"\n" + text.replace(b'"p"', b'"q"'))
    items = read([export], tmp_path / "work")
    assert [(item.place, item.fault) for item in items if item.fault] == [(f"{export / 'Patient.ndjson'}:2", told)]
    assert {item.place for item in items if not item.fault} == {"Patient/p", "Patient/q"}


def test_what_is_about_something_else_than_a_patient_is_no_fault(tmp_path: Path) -> None:
    other = b'{"resourceType": "Observation", "id": "1", "subject": {"reference": "Device/pump"}}\n'
    export = export_of(tmp_path / "export", Observation=other, Patient=lines(resource("Patient", "p")))
    assert [(item.place, item.fault) for item in read([export], tmp_path / "work")] == [("Patient/p", None)]


def test_more_than_patients_may_share_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_MOST_SHARED", 60)
    drugs = lines(resource("Medication", "a"), resource("Medication", "b"))
    export = export_of(tmp_path / "export", Medication=drugs, Patient=lines(resource("Patient", "p")))
    faults = [(item.place, item.fault) for item in read([export], tmp_path / "work") if item.fault]
    assert faults == [(f"{export / 'Medication.ndjson'}:2", "is beyond what several patients may share")]
