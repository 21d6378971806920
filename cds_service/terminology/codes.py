"""Codes as their systems write them: ICD-10-CM with and without its dot, systems under their old names.

Structure only. Which codes mean what is content.
"""

from __future__ import annotations

import re
from typing import NamedTuple

ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED_CT = "http://snomed.info/sct"
LOINC = "http://loinc.org"

# Records also name systems by object identifier, or as other publishers once wrote them (HL7 NamingSystem entries).
_ALIASES: dict[str, tuple[str, ...]] = {
    # US records often name ICD-10 where they mean its clinical modification; its codes without 7th characters fit both.
    ICD_10_CM: (
        "urn:oid:2.16.840.1.113883.6.90",
        "http://hl7.org/fhir/sid/icd-10-cm/",
        "http://hl7.org/fhir/sid/icd-10",
        "urn:oid:2.16.840.1.113883.6.3",
    ),
    SNOMED_CT: ("urn:oid:2.16.840.1.113883.6.96", "http://snomed.info/sct/"),
    LOINC: ("urn:oid:2.16.840.1.113883.6.1", "https://loinc.org", "http://loinc.org/"),
    "http://www.nlm.nih.gov/research/umls/rxnorm": ("urn:oid:2.16.840.1.113883.6.88",),
    "http://www.ama-assn.org/go/cpt": ("urn:oid:2.16.840.1.113883.6.12",),
    "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets": (
        "urn:oid:2.16.840.1.113883.6.285",
        "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
        "urn:oid:2.16.840.1.113883.6.14",
        "http://terminology.hl7.org/CodeSystem/hcpcs",
    ),
    "http://www.cms.gov/Medicare/Coding/ICD10": (
        "urn:oid:2.16.840.1.113883.6.4",
        "http://hl7.org/fhir/sid/icd-10-pcs",
        "https://www.cms.gov/Medicare/Coding/ICD10",
    ),
    "http://nucc.org/provider-taxonomy": ("urn:oid:2.16.840.1.113883.6.101",),
}
_CANONICAL = {alias: system for system, aliases in _ALIASES.items() for alias in aliases}
_BLOCK = re.compile(r"([A-Z][0-9A-Z][0-9A-Z])-([A-Z][0-9A-Z][0-9A-Z])")


class CodePair(NamedTuple):
    """A code and the system that gives it meaning."""

    system: str
    code: str


def canonical_system(system: str) -> str:
    """The one name of `system` in use here."""
    return _CANONICAL.get(system, system)


def aliases(system: str) -> tuple[str, ...]:
    """The other names under which records send `system`."""
    return _ALIASES.get(system, ())


def canonical_code(system: str, code: str) -> str:
    """`code` as its system prints it: ICD-10-CM in capitals, with the dot after the third character."""
    if system != ICD_10_CM:
        return code
    plain = code.strip().upper().replace(".", "")
    # A block of categories (C00-C96) is no code: it has no dot to put in.
    return plain if len(plain) <= 3 or "-" in plain else f"{plain[:3]}.{plain[3:]}"


def spellings(system: str, code: str) -> tuple[str, ...]:
    """Every way in which a record may write the canonical `code`."""
    return (code, code.replace(".", "")) if system == ICD_10_CM and "." in code else (code,)


def icd_parent(code: str) -> str | None:
    """The next header above the canonical ICD-10-CM `code`; a placeholder X at the end is no header of its own."""
    if len(code) <= 3:
        return None
    header = code[:-1].rstrip(".")
    if len(header) > 4:
        header = header.rstrip("X").rstrip(".")
    return header


def icd_is_within(code: str, header: str) -> bool:
    """Whether the canonical ICD-10-CM `code` is `header` or stands below it, the 7th character included."""
    return code.startswith(header)


def icd_roots(header: str) -> tuple[str, ...]:
    """The headers that `header` stands for: itself, or each possible category of a block such as C00-C96."""
    block = _BLOCK.fullmatch(header)
    if block is None:
        return (header,)
    low, high = block.groups()
    thirds = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    letters = [chr(n) for n in range(ord(low[0]), ord(high[0]) + 1)]
    categories = (a + b + c for a in letters for b in thirds for c in thirds)
    return tuple(category for category in categories if low <= category <= high)
