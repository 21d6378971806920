"""Where terminology is read from: folders, FHIR packages, SNOMED CT release files, resources given as they are."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from cds_service.errors import CdsError
from cds_service.terminology import codes
from cds_service.terminology.artifacts import TYPES, Artifact
from cds_service.terminology.failures import UnreadableArtifact

CANONICAL_BASE = b"https://cds-service.example/fhir"
_IS_A = "116680003"  # SNOMED CT relationship type, RF2 release format


def read_path(path: Path, *, base: bytes, site: bool | None, errors: list[CdsError]) -> Iterator[Artifact]:
    """Every artifact below a folder, in a package, or in one file; what cannot be read goes to `errors`.

    `site` says whose the artifacts are; None: their URLs tell.
    """
    if path.is_dir():
        files = [one for one in sorted(path.rglob("*")) if one.is_file() and not _is_hidden(one, path)]
    elif path.is_file():
        files = [path]
    else:
        errors.append(
            UnreadableArtifact(f"Terminology source {path} does not exist.", remedy="Correct the path in the settings.")
        )
        return
    for file in files:
        if file.suffix == ".json":
            yield from _read_json(file.read_bytes(), str(file), base, site, errors)
        elif file.suffix == ".tgz" or file.name.endswith(".tar.gz"):
            yield from _read_package(file, errors)


def _is_hidden(file: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(root).parts)


def _read_json(text: bytes, origin: str, base: bytes, site: bool | None, errors: list[CdsError]) -> Iterator[Artifact]:
    if base != CANONICAL_BASE:
        text = text.replace(CANONICAL_BASE, base)
    ours = base.decode() + "/"
    try:
        resource = orjson.loads(text)
    except orjson.JSONDecodeError as failure:
        errors.append(UnreadableArtifact(f"{origin} is no JSON: {failure}.", remedy="Correct the file."))
        return
    yield from _artifacts_of(resource, origin, site, ours, errors)


def _artifacts_of(
    resource: Any, origin: str, site: bool | None, ours: str, errors: list[CdsError]
) -> Iterator[Artifact]:
    if not isinstance(resource, dict):
        return
    if resource.get("resourceType") == "Bundle":
        for entry in resource.get("entry", ()):
            yield from _artifacts_of(entry.get("resource"), origin, site, ours, errors)
    elif resource.get("resourceType") in TYPES:
        try:
            # What does not carry our name was brought by the site, wherever its file lies.
            brought = not str(resource.get("url", "")).startswith(ours) if site is None else site
            yield make_artifact(resource, origin, site=brought)
        except CdsError as failure:
            errors.append(failure)


def make_artifact(resource: Mapping[str, Any], origin: str, *, site: bool = False) -> Artifact:
    """The artifact of a parsed FHIR resource; without a URL it cannot be referred to, which is an error."""
    kind = str(resource.get("resourceType", ""))
    url = resource.get("url")
    if not isinstance(url, str) or not url:
        raise UnreadableArtifact(f"{origin}: the {kind} has no url.", remedy="Give it one.")
    return Artifact(
        kind,
        codes.canonical_system(url) if kind == "CodeSystem" else url,
        str(resource.get("version", "")),
        str(resource.get("id", "")) or url.rsplit("/", 1)[-1],
        str(resource.get("name", "")),
        origin,
        site,
        resource,
    )


def _read_package(file: Path, errors: list[CdsError]) -> Iterator[Artifact]:
    """The terminology of a FHIR package as implementation guides publish it; its examples are left out."""
    try:
        with tarfile.open(file, "r:gz") as archive:
            for entry in archive:
                folder, _, name = entry.name.rpartition("/")
                if (
                    not entry.isfile()
                    or folder != "package"
                    or not name.startswith(TYPES)
                    or not name.endswith(".json")
                ):
                    continue
                body = archive.extractfile(entry)
                if body is not None:
                    yield from _read_json(body.read(), f"{file}!{entry.name}", CANONICAL_BASE, False, errors)
    except (tarfile.TarError, OSError, EOFError) as failure:
        errors.append(UnreadableArtifact(f"{file} is no readable FHIR package: {failure}.", remedy="Fetch it again."))


def read_hierarchies(paths: Iterable[Path]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Parents by code from SNOMED CT release files (RF2 relationship snapshots) that lie in the given folders."""
    parents: dict[str, list[str]] = {}
    for path in paths:
        files = path.rglob("sct2_Relationship_*Snapshot*.txt") if path.is_dir() else ()
        for file in sorted(files):
            with file.open(encoding="utf-8") as lines:
                for line in lines:
                    cells = line.rstrip("\n").split("\t")
                    if len(cells) > 7 and cells[2] == "1" and cells[7] == _IS_A:
                        parents.setdefault(cells[4], []).append(cells[5])
    return {codes.SNOMED_CT: {code: tuple(above) for code, above in parents.items()}} if parents else {}
