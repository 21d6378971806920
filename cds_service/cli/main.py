"""The entry point: finds the command and runs it."""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> int:
    """Run the command that `arguments` name; the exit status is 0 all good, 1 findings, 2 wrong usage."""
    print("usage: cds-service COMMAND", file=sys.stderr)
    return 2
