"""Words in other languages: FHIR's translation extension on texts, and our shorthand for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cds_service.plans.extensions import listed

TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"
Translations = Mapping[str, Mapping[str, str]]  # language -> element or setting -> words


def translations_of(element: Mapping[str, Any], settings: Mapping[str, Any]) -> Translations:
    """The words of an action in other languages, by language and then by element or setting."""
    found: dict[str, dict[str, str]] = {}
    for name, companion in element.items():
        if name.startswith("_") and isinstance(companion, Mapping):
            for extension in listed(companion.get("extension")):
                if extension.get("url") == TRANSLATION:
                    _take(found, name[1:], extension)
    for entry in listed(settings.get("translation")):
        if isinstance(entry, Mapping) and entry.get("lang") and entry.get("path"):
            found.setdefault(str(entry["lang"]), {})[str(entry["path"])] = str(entry.get("content") or "")
    return found


def _take(found: dict[str, dict[str, str]], name: str, extension: Mapping[str, Any]) -> None:
    parts = {str(part.get("url")): part for part in listed(extension.get("extension"))}
    language = next((str(value) for key, value in parts.get("lang", {}).items() if key.startswith("value")), "")
    words = next((str(value) for key, value in parts.get("content", {}).items() if key.startswith("value")), "")
    if language and words:
        found.setdefault(language, {})[name] = words


def in_language(translations: Translations, language: str | None, name: str, otherwise: str) -> str:
    """The words for `name` in a language; in its main language, else as they were written."""
    if not language or not translations:
        return otherwise
    for wanted in (language, language.partition("-")[0]):
        if words := translations.get(wanted, {}).get(name):
            return words
    return otherwise
