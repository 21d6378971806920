"""Reads the official model information of FHIR 4.0.1 where a folder of conformance files is at hand."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

NAMESPACE = "{urn:hl7-org:elm-modelinfo:r1}"
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


def conformance_folder() -> Path | None:
    """The folder that `CONFORMANCE_DIR` names, else the one beside the checkout, else none."""
    named = os.environ.get("CONFORMANCE_DIR")
    folder = Path(named) if named else Path(__file__).parents[3] / "shared" / "conformance"
    return folder if folder.is_dir() else None


@dataclass
class OfficialElement:
    types: frozenset[str]
    is_list: bool


@dataclass
class OfficialType:
    base: str
    code_path: str | None
    elements: dict[str, OfficialElement] = field(default_factory=dict)


def _names(node: ElementTree.Element) -> tuple[frozenset[str], bool]:
    direct = node.get("elementType")
    if direct:
        return frozenset({direct.removeprefix("FHIR.")}), node.get(XSI_TYPE, "").endswith("ListTypeSpecifier")
    kind = node.get(XSI_TYPE, "")
    if node.get("name") and kind.endswith("NamedTypeSpecifier"):
        return frozenset({str(node.get("name"))}), False
    names: set[str] = set()
    is_list = kind.endswith("ListTypeSpecifier")
    for child in node:
        if child.tag in (f"{NAMESPACE}elementTypeSpecifier", f"{NAMESPACE}choice", f"{NAMESPACE}type"):
            inner, inner_list = _names(child)
            names |= inner
            is_list = is_list or inner_list
    return frozenset(names), is_list


def official_types(file: Path) -> dict[str, OfficialType]:
    """Every type of the model information by name, its elements with type names and whether they are lists."""
    types: dict[str, OfficialType] = {}
    for node in ElementTree.parse(file).getroot().iter(f"{NAMESPACE}typeInfo"):
        entry = OfficialType(str(node.get("baseType")).removeprefix("FHIR."), node.get("primaryCodePath"))
        for element in node.findall(f"{NAMESPACE}element"):
            names, is_list = _names(element)
            entry.elements[str(element.get("name"))] = OfficialElement(names, is_list)
        types[str(node.get("name"))] = entry
    return types
