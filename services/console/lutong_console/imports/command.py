"""lutong import: merchants, stores, stock and what else there is in files, through the public interfaces."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from uuid_utils import uuid7

from lutong_console.cli.errors import PROBLEM, USAGE, ConsoleError
from lutong_console.cli.screen import echo, emit_json, err, out, table
from lutong_console.imports.batches import Batch, batches
from lutong_console.imports.catalogue import Source, sources
from lutong_console.imports.reading import ENCODINGS, Read, Reader
from lutong_console.imports.rejects import Rejects
from lutong_console.imports.rows import Refusal
from lutong_console.imports.sending import Sender
from lutong_console.targets import Json, StackName, Suite, suite
from lutong_contracts.sentences import counted

_SHOWN_MAX: Final = 10
_REPORTED_MAX: Final = 1_000
_SHOWN_EVERY: Final = 1_000


@dataclass(frozen=True, slots=True)
class Manner:
    """How files are taken."""

    encoding: str = "utf-8"
    strict: bool = False
    dry_run: bool = False
    again: bool = False


@dataclass(slots=True)
class Report:
    """What became of a file. Of bad rows it holds the first thousand; the file of rejected rows has them all."""

    file: str
    kind: str
    rows: int = 0
    taken: int = 0
    known: int = 0
    rejected: int = 0
    seconds: float = 0.0
    rejected_file: str | None = None
    problems: list[dict[str, Any]] = field(default_factory=list)

    def reject(self, read: Read, refusal: Refusal, rejects: Rejects | None) -> None:
        """Count a bad row, and write it beside the file."""
        self.rejected += 1
        if rejects is not None:
            rejects.add(read, refusal)
            self.rejected_file = str(rejects.path)
        if len(self.problems) < _REPORTED_MAX:
            self.problems.append({"line": read.line, "column": refusal.column, "reason": refusal.reason})

    def counted(self, reads: Iterable[Read]) -> Iterator[Read]:
        """The same rows, counted as they pass."""
        for read in reads:
            self.rows += 1
            yield read


def import_files(  # noqa: PLR0913  # one parameter per option
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of them: stores.csv, stock.ndjson, …")],
    stack: StackName = "default",
    kind: Annotated[
        str | None, typer.Option("--kind", help="What the rows are, where a name does not show it.")
    ] = None,
    encoding: Annotated[str, typer.Option("--encoding", help="utf-8 or gb18030.")] = "utf-8",
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Take no row of a file in which one is bad.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check only: ask nobody, write nothing.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Take rows once more that were taken before.")] = False,
    as_json: Json = False,
) -> None:
    """Take files in, row by row: bad rows are reported by line and column and put into a file beside theirs.

    Run it again after Ctrl-C: it goes on where it was. Exit code 1 when a row was not taken. See docs/importing.md.
    """
    if encoding.lower() not in ENCODINGS:
        raise ConsoleError(f"--encoding {encoding} is not known: there are {', '.join(ENCODINGS)}", code=USAGE)
    manner = Manner(encoding.lower(), strict, dry_run, again)
    found = sources(paths, kind)
    target = None if dry_run else suite(stack)
    reports = []
    for source in found:
        report = asyncio.run(take(source, target, manner))
        reports.append(report)
        if not as_json:
            _show(report, manner)
    if as_json:
        emit_json({"files": reports})
    if any(report.rejected for report in reports):
        raise typer.Exit(PROBLEM)


async def take(source: Source, target: Suite | None, manner: Manner) -> Report:
    """Take one file in; without a target it is only checked."""
    report, began = Report(str(source.path), source.kind.name), time.monotonic()
    with source.path.open("rb") as file, _progress(source.path) as advance:
        if target is None or manner.strict:
            reader = Reader(source, file, manner.encoding)
            with Rejects(reader) as rejects:
                _check(reader, report, None if target is None else rejects, advance)
        if target is not None and not report.rejected:
            report.rows = 0
            file.seek(0)
            reader = Reader(source, file, manner.encoding)
            with Rejects(reader) as rejects:
                await _send(reader, target, manner, report, rejects, advance)
    report.seconds = round(time.monotonic() - began, 1)
    return report


def _check(reader: Reader, report: Report, rejects: Rejects | None, advance: "Advance") -> None:
    """Read all rows; bad ones are reported, and written if they are to be."""
    for read in report.counted(reader):
        if isinstance(read.row, Refusal):
            report.reject(read, read.row, rejects)
        if report.rows % _SHOWN_EVERY == 0:
            advance(reader.file.tell())


async def _send(  # the parts of one import
    reader: Reader, target: Suite, manner: Manner, report: Report, rejects: Rejects, advance: "Advance"
) -> None:
    """Send all rows that are right; write those that are not, or are refused."""
    kind = reader.kind
    salt = f"-{uuid7()}" if manner.again else ""
    async with target.client(60) as client:
        refused = partial(report.reject, rejects=rejects)
        sender = Sender(client, target.urls[kind.service], kind, refused, salt)
        try:
            for item in batches(report.counted(reader), kind):
                if isinstance(item, Batch):
                    await sender.send(item)
                elif isinstance(item.row, Refusal):
                    report.reject(item, item.row, rejects)
                if report.rows % _SHOWN_EVERY == 0 or isinstance(item, Batch):
                    advance(reader.file.tell())
                    await asyncio.sleep(0)  # lets Ctrl-C in, also where all rows are bad
            await sender.finish()
        except (KeyboardInterrupt, asyncio.CancelledError):
            count = counted(sender.taken + sender.known, "row")
            echo(f"{report.file}: stopped after {count}; run the same command again to go on")
            raise
        finally:
            await sender.stop()
            report.taken, report.known = sender.taken, sender.known


class Advance:
    """Shows how far a file is, to people."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self.progress = progress
        self.task = task

    def __call__(self, position: int) -> None:
        """Show that so many bytes were read."""
        self.progress.update(self.task, completed=position)


@contextmanager
def _progress(path: Path) -> Iterator[Advance]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, disable=not err.is_terminal) as progress:
        yield Advance(progress, progress.add_task(path.name, total=path.stat().st_size))


def _show(report: Report, manner: Manner) -> None:
    counts = [report.file, report.rows, report.taken, report.known, report.rejected, report.seconds]
    out.print(table(["file", "rows", "taken", "taken before", "rejected", "seconds"], [counts]))
    rows = [(problem["line"], problem["column"], problem["reason"]) for problem in report.problems[:_SHOWN_MAX]]
    if not rows:
        return
    out.print(table(["line", "column", "why it is not taken"], rows))
    if report.rejected > _SHOWN_MAX:
        out.print(f"and {report.rejected - _SHOWN_MAX} more")
    if manner.strict and not manner.dry_run:
        echo(f"nothing was taken (--strict): mend {report.file}; its bad rows are in {report.rejected_file}")
    elif report.rejected_file:
        echo(f"mend {report.rejected_file} and import it; the other rows are taken")
