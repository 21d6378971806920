"""The entry point: finds the command and runs it."""

from __future__ import annotations

import argparse
import atexit
import gc
import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType

from cds_service.errors import CdsError

# Each command is a module of this folder with add_parser(subparsers) and run(args); only the one that is called is
# imported, so that a heavy one costs the others nothing.
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "serve": "answer CDS Hooks calls and FHIR operations over HTTP",
        "check": "compile and lint content, and run its cases",
        "replay": "run recorded calls again, and say what changed",
        "apply": "apply one plan to one patient",
        "explain": "say for one request what was asked, found and concluded",
        "cql": "evaluate a CQL file for one patient",
        "code": "say which value sets hold a code, what it maps to and where it is used",
        "generate": "make invented patients",
        "deidentify": "copy calls and charts without what names a person",
        "feedback": "say what users did with the cards",
        "quality": "measure outcomes over many patients",
    }
)


_EXTRAS: Mapping[str, str] = MappingProxyType({"quality": "quality"})  # command -> what has to be installed with it
_WRONG_USAGE = frozenset({"usage", "unusable-input"})  # codes of errors


def main(arguments: list[str] | None = None) -> int:
    """Run the command that `arguments` name; the exit status is 0 all good, 1 findings, 2 wrong usage."""
    if arguments is None:
        atexit.register(gc.freeze)  # at its end the process need not look through all that it has loaded
    given = sys.argv[1:] if arguments is None else arguments
    wanted = next((argument for argument in given if not argument.startswith("-")), None)
    parser = argparse.ArgumentParser(prog="cds-service", description="Clinical reasoning over FHIR for CDS Hooks.")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, says in COMMANDS.items():
        if find_spec(f"cds_service.cli.{name}") is None:
            continue
        if name == wanted:
            try:
                command = import_module(f"cds_service.cli.{name}")
            except ModuleNotFoundError as error:
                if name not in _EXTRAS or (error.name or "").startswith("cds_service"):
                    raise
                print(
                    f"{name} needs the package {error.name}, which is not installed. "
                    f"Install cds-service[{_EXTRAS[name]}].",
                    file=sys.stderr,
                )
                return 2
            command.add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=says)
    args = parser.parse_args(given)
    try:
        status: int = args.run(args)
    except CdsError as error:
        print(error, file=sys.stderr)
        return 2 if error.code in _WRONG_USAGE else 1
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; nobody is left to tell
        return 1
    except KeyboardInterrupt:
        return 130
    except OSError as failure:
        if failure.filename is None:
            raise
        print(f"{failure.filename}: {failure.strerror}.", file=sys.stderr)
        return 2
    return status
