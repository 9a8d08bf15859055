"""lutong preflight: whether a deployment in containers can start here, before it does."""

import typer

from lutong_console import preflight as checks
from lutong_console.cli import given
from lutong_console.cli.errors import PROBLEM
from lutong_console.cli.screen import emit_json, out, table
from lutong_console.deployment import compose
from lutong_console.targets import Json


def preflight(*, as_json: Json = False) -> None:
    """Look at the engine, compose, CPU, memory, disk, ports, clock and secrets before the containers start. Exit code 1 for what is wrong."""
    findings = checks.look(compose())
    if as_json:
        emit_json([{"what": finding.what, "then": given.here(finding.then)} for finding in findings])
    elif findings:
        rows = [(finding.what, given.here(finding.then)) for finding in findings]
        out.print(table(["what is wrong", "what to do"], rows))
    else:
        out.print("this machine can start the suite in containers")
    if findings:
        raise typer.Exit(PROBLEM)
