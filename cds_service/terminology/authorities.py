"""Lists of codes by their publishers, as far as packages with them are installed; for checks, never for decisions."""

from __future__ import annotations

import warnings
from importlib import import_module, metadata
from importlib.util import find_spec

from cds_service.terminology import codes
from cds_service.terminology.checks import Authority


def installed_authorities() -> list[Authority]:
    """The authorities at hand; an installation that only serves has none."""
    if find_spec("simple_icd_10_cm") is None:
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the package reads its own data in an old way
        release = import_module("simple_icd_10_cm")
    version = metadata.version("simple-icd-10-cm")
    listed: dict[str, str | None] = dict.fromkeys(release.get_all_codes(True))
    return [Authority(codes.ICD_10_CM, f"the ICD-10-CM release of simple-icd-10-cm {version}", listed)]
