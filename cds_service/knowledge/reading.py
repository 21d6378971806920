"""Content from folders, files, Bundles and FHIR packages: resources and CQL texts, each with its origin."""

from __future__ import annotations

import base64
import binascii
import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from cds_service.errors import CdsError, ContentError, Span
from cds_service.knowledge.tolerance import mended
from cds_service.knowledge.yaml_texts import load_documents
from cds_service.plans.extensions import expand_shorthand, listed

CANONICAL_BASE = "https://cds-service.example/fhir"
_OURS = re.compile(re.escape(CANONICAL_BASE) + r"(?!/StructureDefinition/)")
_TERMINOLOGY = frozenset({"ValueSet", "CodeSystem", "ConceptMap"})
_IGNORED_FOLDERS = frozenset({"cases", "synthetic", "tests", "terminology", "node_modules"})
_QUALIFIED = r"(?:\w+\.|\"[^\"]+\"\.)*(?P<name>\"[^\"]+\"|\w+)"  # what stands before the name is its namespace
_LIBRARY_LINE = re.compile(rf"^\s*library\s+{_QUALIFIED}(?:\s+version\s+'(?P<version>[^']*)')?", re.M)
# A comment may hold quotes and a string may hold "//", so whichever begins first wins.
_COMMENTS_AND_STRINGS = re.compile(
    r"(?P<comment>/\*.*?\*/|//[^\n]*)|(?P<kept>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`(?:[^`\\]|\\.)*`)", re.S
)
_DEFINE = re.compile(
    r"\bdefine\s+(?:public\s+|private\s+)?(?!fluent\b|function\b)(?P<name>\"(?:[^\"\\]|\\.)*\"|[A-Za-z_]\w*)\s*:"
)
_INCLUDE = re.compile(rf"\binclude\s+{_QUALIFIED}")
_PARAMETER = re.compile(r"^\s*parameter\s+(?P<name>\"[^\"]+\"|[A-Za-z_]\w*)", re.M)


class UnreadableContent(ContentError):
    """A file that is not what its name says."""

    code = "unreadable-content"


@dataclass(frozen=True, slots=True)
class CqlText:
    """The text of one CQL library."""

    name: str
    version: str
    url: str
    text: str
    origin: str
    is_file: bool  # a .cql file of ours, not the content of a Library resource
    defines: frozenset[str]
    includes: frozenset[str]
    parameters: frozenset[str]
    id: str = ""  # of the Library resource that it comes from


@dataclass(frozen=True, slots=True)
class ContentResource:
    """One FHIR resource of the content."""

    resource: Mapping[str, Any]
    origin: str

    @property
    def type(self) -> str:
        """The resource type."""
        return str(self.resource["resourceType"])

    @property
    def id(self) -> str:
        """The id, or the last part of the url."""
        return str(self.resource.get("id") or str(self.resource.get("url") or "").rstrip("/").rpartition("/")[2])

    @property
    def url(self) -> str:
        """The canonical url without version."""
        return str(self.resource.get("url") or "")

    @property
    def version(self) -> str:
        """The business version."""
        return str(self.resource.get("version") or "")


@dataclass(slots=True)
class Content:
    """Everything that was read."""

    resources: list[ContentResource] = field(default_factory=list)
    libraries: dict[str, CqlText] = field(default_factory=dict)  # by name
    parameters: dict[str, str] = field(default_factory=dict)  # "Library.Parameter" -> CQL text
    errors: list[CdsError] = field(default_factory=list)


def read_content(paths: Iterable[Path], base: str = CANONICAL_BASE) -> Content:
    """The content below `paths`, with `base` in place of our canonical base; what is wrong is collected."""
    reader = _Reader(base.rstrip("/"))
    for path in paths:
        reader.path(path)
    return reader.content


def content_of(resources: Iterable[Mapping[str, Any]], origin: str = "given") -> Content:
    """The content that consists of these parsed resources (a Bundle counts as what is in it)."""
    reader = _Reader(CANONICAL_BASE)
    for resource in resources:
        reader.resource(resource, origin)
    return reader.content


class _Reader:
    def __init__(self, base: str) -> None:
        self.base = base
        self.content = Content()

    def path(self, path: Path) -> None:
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                parts = file.relative_to(path).parts
                hidden = any(part.startswith(".") or part in _IGNORED_FOLDERS for part in parts[:-1])
                if file.is_file() and not hidden and not file.name.startswith("."):
                    self.file(file)
        elif path.is_file():
            self.file(path)
        else:
            self.fail(f"There is no content at {path}.", str(path), "Correct the path.")

    def file(self, file: Path) -> None:
        try:
            if file.suffix == ".cql":
                self.cql(file.read_text(encoding="utf-8"), str(file), is_file=True)
            elif file.suffix == ".json":
                self.json(file.read_bytes(), str(file))
            elif file.suffix in {".yaml", ".yml"}:
                self.yaml(file)
            elif file.suffix == ".tgz" or file.name.endswith(".tar.gz"):
                self.package(file)
        except (OSError, UnicodeDecodeError) as error:
            self.fail(f"The file cannot be read: {error}.", str(file), "")

    def json(self, body: bytes, origin: str) -> None:
        try:
            parsed = json.loads(self.rebased(body.decode("utf-8-sig")), parse_float=Decimal)
        except (ValueError, RecursionError) as error:
            self.fail(f"The file is no JSON: {error}.", origin, "Correct the file.")
            return
        self.resource(parsed, origin)

    def yaml(self, file: Path) -> None:
        text = self.rebased(file.read_text(encoding="utf-8"))
        try:
            documents = load_documents(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = Span(str(file), mark.line + 1, mark.column + 1) if mark else None
            problem = getattr(error, "problem", None) or "the file cannot be parsed"
            self.content.errors.append(UnreadableContent(f"No YAML: {problem}.", where=where))
            return
        for document in documents:
            if isinstance(document, dict) and file.stem == "parameters" and "resourceType" not in document:
                self.content.parameters.update({str(name): str(value) for name, value in document.items()})
            elif isinstance(document, dict) and "resourceType" in document:
                self.resource(expand_shorthand(document), str(file))

    def package(self, file: Path) -> None:
        try:
            with tarfile.open(file, "r:gz") as archive:
                for entry in archive:
                    folder, _, name = entry.name.rpartition("/")
                    wanted = entry.isfile() and folder == "package" and name.endswith(".json")
                    body = archive.extractfile(entry) if wanted else None
                    if body is not None and name not in {"package.json", ".index.json"}:
                        self.json(body.read(), f"{file}!{entry.name}")
        except (tarfile.TarError, EOFError) as error:
            self.fail(f"The FHIR package cannot be read: {error}.", str(file), "Fetch it again.")

    def resource(self, parsed: Any, origin: str) -> None:
        if not isinstance(parsed, Mapping) or not isinstance(parsed.get("resourceType"), str):
            return  # package indexes, editor settings: not ours to judge
        if parsed["resourceType"] == "Bundle":
            for entry in listed(parsed.get("entry")):
                if isinstance(entry, Mapping):
                    self.resource(entry.get("resource"), origin)
            return
        found = ContentResource(mended(parsed), origin)
        if found.type in _TERMINOLOGY and "terminology" in Path(origin).parts:
            return
        self.content.resources.append(found)
        if found.type == "Library":
            self.library(found)

    def library(self, found: ContentResource) -> None:
        for content in listed(found.resource.get("content")):
            if str(content.get("contentType", "")).partition(";")[0] == "text/cql" and content.get("data"):
                try:
                    text = base64.b64decode(str(content["data"]), validate=False).decode("utf-8-sig")
                except (binascii.Error, UnicodeDecodeError):
                    self.fail(f"The CQL of Library {found.id} is no base64 text.", found.origin, "Encode it again.")
                    return
                self.cql(text, f"{found.origin}#{found.id}", is_file=False, library=found)

    def cql(self, text: str, origin: str, *, is_file: bool, library: ContentResource | None = None) -> None:
        plain = _COMMENTS_AND_STRINGS.sub(lambda match: " " if match["comment"] else match[0], text)
        bare = _COMMENTS_AND_STRINGS.sub(lambda match: match[0] if match[0][0] in '"`' else " ", text)
        line = _LIBRARY_LINE.search(plain)
        fallback = str(library.resource.get("name") or library.id) if library else Path(origin).stem
        name = line["name"].strip('"') if line else fallback
        version = (line["version"] if line and line["version"] else "") or (library.version if library else "")
        url = (library.url if library and library.url else "") or f"{self.base}/Library/{name.rpartition('.')[2]}"
        before = self.content.libraries.get(name)
        if before is not None and (before.is_file or version_key(before.version) > version_key(version)):
            return  # the newer one, and a file before a resource made from it
        self.content.libraries[name] = CqlText(
            name=name,
            version=version,
            url=url,
            text=self.rebased(text),
            origin=origin,
            is_file=is_file,
            defines=frozenset(_unquoted(match["name"]) for match in _DEFINE.finditer(bare)),
            includes=frozenset(match["name"].strip('"') for match in _INCLUDE.finditer(plain)),
            parameters=frozenset(match["name"].strip('"') for match in _PARAMETER.finditer(plain)),
            id=library.id if library else "",
        )

    def rebased(self, text: str) -> str:
        return text if self.base == CANONICAL_BASE else _OURS.sub(self.base, text)

    def fail(self, what: str, origin: str, remedy: str) -> None:
        self.content.errors.append(UnreadableContent(what, where=Span(origin, 1, 1), remedy=remedy))


def _unquoted(name: str) -> str:
    return name[1:-1].replace('\\"', '"') if name.startswith('"') else name


def version_key(version: str) -> tuple[tuple[int, str], ...]:
    """What orders versions: `1.10` comes after `1.2`."""
    return tuple((int(part) if part.isdigit() else -1, part) for part in re.split(r"[.\-]", version) if part)


def closure(libraries: Mapping[str, CqlText], name: str) -> Iterator[CqlText]:
    """The library and everything that it includes, each once."""
    waiting, seen = [name], set()
    while waiting:
        each = waiting.pop()
        found = libraries.get(each) or libraries.get(each.rpartition(".")[2])
        if found is not None and found.name not in seen:
            seen.add(found.name)
            yield found
            waiting.extend(found.includes)
