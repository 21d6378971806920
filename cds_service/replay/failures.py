"""What can go wrong with a replay as a whole; a broken item is a result, not a failure."""

from __future__ import annotations

from cds_service.errors import CdsError


class ReplayError(CdsError):
    """A replay that cannot be done as asked."""

    code = "replay"


class UnusableInput(ReplayError):
    """A path or URL with nothing in it that could be replayed."""

    code = "unusable-input"


class DamagedFile(ReplayError):
    """A compressed file that ends too early or is none."""

    code = "damaged-file"


class BrokenItem(CdsError):
    """One item of the input that is no hook request and no patient."""

    code = "broken-item"
