"""Lists of codes by their publishers, as far as packages with them are installed; for checks, never for decisions."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from importlib import import_module, metadata
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

from cds_service.terminology import codes
from cds_service.terminology.checks import Authority

_WITHOUT_POINT = re.compile(r"(\w{3})(\w+)")


def installed_authorities() -> list[Authority]:
    """The authorities at hand; an installation that only serves has none."""
    package = find_spec("simple_icd_10_cm")
    if package is None:
        return []
    version = metadata.version("simple-icd-10-cm")
    listed: dict[str, str | None] = dict.fromkeys(_codes_of(package))
    return [Authority(codes.ICD_10_CM, f"the ICD-10-CM release of simple-icd-10-cm {version}", listed)]


def _codes_of(package: ModuleSpec) -> Iterable[str]:
    """All codes of the package: from its list, since the package itself first makes a tree with all their notes."""
    folders = [Path(each) for each in package.submodule_search_locations or ()]
    lists = [path for folder in folders for path in folder.glob("data/code-list-*.txt")]
    if len(lists) == 1:
        lines = lists[0].read_text(encoding="utf-8").split("\n")
        return [_WITHOUT_POINT.sub(r"\1.\2", line, count=1) for line in lines]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it reads its own data in an old way
        release = import_module(package.name)
    found: list[str] = release.get_all_codes(True)
    return found
