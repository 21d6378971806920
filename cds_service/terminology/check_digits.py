"""Check digits: whether a SNOMED CT identifier or a LOINC code can exist at all."""

from __future__ import annotations

import re

# The dihedral group of order ten, and the permutation that is applied once more at each place (Verhoeff 1969).
_PRODUCT = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 2, 3, 4, 0, 6, 7, 8, 9, 5),
    (2, 3, 4, 0, 1, 7, 8, 9, 5, 6),
    (3, 4, 0, 1, 2, 8, 9, 5, 6, 7),
    (4, 0, 1, 2, 3, 9, 5, 6, 7, 8),
    (5, 9, 8, 7, 6, 0, 4, 3, 2, 1),
    (6, 5, 9, 8, 7, 1, 0, 4, 3, 2),
    (7, 6, 5, 9, 8, 2, 1, 0, 4, 3),
    (8, 7, 6, 5, 9, 3, 2, 1, 0, 4),
    (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)
_ONCE = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
_LOINC = re.compile(r"(\d{1,7})-(\d)")
_LOINC_PART = re.compile(r"L[A-Z]\d{1,7}-\d")


def is_snomed_id(code: str) -> bool:
    """Whether `code` has the length and the check digit of a SNOMED CT identifier."""
    if not code.isascii() or not code.isdigit() or not 6 <= len(code) <= 18 or code[0] == "0":
        return False
    check = 0
    for place, digit in enumerate(reversed(code)):
        value = int(digit)
        for _ in range(place % 8):
            value = _ONCE[value]
        check = _PRODUCT[check][value]
    return check == 0


def is_loinc_code(code: str) -> bool:
    """Whether `code` has the form and check digit of a LOINC term; answers and parts (LA…, LP…) only the form."""
    if _LOINC_PART.fullmatch(code):
        return True
    found = _LOINC.fullmatch(code)
    if found is None:
        return False
    total = 0
    for place, digit in enumerate(reversed(found[1])):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value // 10 + value % 10
    return (10 - total % 10) % 10 == int(found[2])
