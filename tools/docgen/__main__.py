"""`python -m tools.docgen generate` writes the generated documents; `check` compares them, and the contracts."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from lutong_console.cli.errors import PROBLEM, USAGE
from lutong_contracts import event_types
from tools.docgen.compatibility import NoSuchRevisionError, broken
from tools.docgen.documents import documents, out_of_date, superfluous


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1: a document is out of date, or a contract changed incompatibly; 2: usage."""
    parser = argparse.ArgumentParser(prog="python -m tools.docgen", description=__doc__)
    parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON instead of text")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("generate", help="write every generated document").set_defaults(run=generate)
    checking = commands.add_parser("check", help="fail when a document is out of date, or a contract breaks consumers")
    checking.add_argument("--against", metavar="REF", help="a folder of schemas, or a git revision")
    checking.set_defaults(run=check)
    given = parser.parse_args(arguments)
    code: int = given.run(given)
    return code


def generate(given: argparse.Namespace) -> int:
    """Write every document; remove schemas of types that no longer exist."""
    wanted = documents()
    for path in superfluous(wanted):
        path.unlink()
    for path, content in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    _print(json.dumps({"written": len(wanted)}) if given.as_json else f"{len(wanted)} documents written")
    return 0


def check(given: argparse.Namespace) -> int:
    """Compare the documents with the code, and the contracts with what was published."""
    stale = out_of_date(documents())
    try:
        changes = broken(given.against)
    except NoSuchRevisionError as error:
        sys.stderr.write(f"error: {error}\n")
        return USAGE
    if given.as_json:
        _print(json.dumps({"out_of_date": stale, "incompatible": [asdict(change) for change in changes]}))
        return PROBLEM if stale or changes else 0
    for name in stale:
        _print(f"out of date: {name}; run: make generate")
    for change in changes:
        _print(f"incompatible: {change.type} {change.pointer}: {change.why}; publish a new version of the type instead")
    if stale or changes:
        return PROBLEM
    _print(f"contracts: {len(event_types())} event types, documents up to date, changes compatible")
    return 0


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
