"""lutong tail: what is being published right now. Reads topics without a consumer group, so it commits nothing."""

import asyncio
import re
import signal
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import orjson
import typer

from lutong_chassis import attributes
from lutong_chassis.kafka import KafkaAccess
from lutong_console.cli.errors import INTERRUPTED, USAGE, ConsoleError
from lutong_console.cli.screen import echo, emit_json, json_line, line, out
from lutong_console.cli.streams import is_terminal
from lutong_console.targets import Json, StackName, suite
from lutong_console.topic_reader import NOW, START, Span, records_of
from lutong_contracts import TOPICS
from lutong_contracts.moments import moment_of, moment_of_ms
from lutong_contracts.sentences import counted

Wanted = Callable[[dict[str, Any]], bool]

_TEXT_BYTES_MAX: Final = 2000


def tail(  # noqa: PLR0913  # one parameter per option
    topics: Annotated[
        list[str] | None, typer.Argument(help="Topics, or ends of their names; all when none is named.")
    ] = None,
    stack: StackName = "default",
    *,
    type_: Annotated[str | None, typer.Option("--type", help="Only types that contain this.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="Only this key.")] = None,
    journey: Annotated[str | None, typer.Option("--journey", help="Only this journey.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Start earlier: 30s, 10m, 2h, `start`, or a time with its offset.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="End at `now`, 10m ago, or a time, which may be to come.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Stop after this many; 0 goes on.")] = 0,
    as_json: Json = False,
) -> None:
    """Follow topics live. Piped, it prints one JSON document per line."""
    names = _topics(topics or [])
    span = Span(moment(since) if since is not None else None, _until(until))

    def wanted(record: dict[str, Any]) -> bool:
        return (
            (type_ is None or type_.lower() in (record["type"] or "").lower())
            and key in (None, record["key"])
            and journey in (None, record["journey"])
        )

    asyncio.run(_follow(suite(stack).kafka, names, span, wanted, limit, as_json=as_json))


async def _follow(  # what tail was asked for
    kafka: KafkaAccess, names: list[str], span: Span, wanted: Wanted, limit: int, *, as_json: bool
) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    if is_terminal() and not as_json:
        echo(f"listening to {counted(len(names), 'topic')}; times are UTC; Ctrl-C ends")
    shown = 0
    async with aclosing(records_of(kafka, names, span, stop)) as records:
        async for found in records:
            if wanted(record := describe(found)):
                shown += 1
                if as_json or not is_terminal():
                    emit_json(record)
                else:
                    _print(record)
            if limit and shown >= limit:
                return
    if stop.is_set():
        raise typer.Exit(INTERRUPTED)


def describe(record: Any) -> dict[str, Any]:  # noqa: ANN401  # an aiokafka ConsumerRecord
    """A record for people and programs, as services read it. Whatever is not understood is shown as text, never fails.

    `at` is null when the record's timestamp is no date, `trace` where nobody recorded one.
    """
    found, data = attributes.glance(record)
    at = moment_of_ms(record.timestamp)
    return {
        "at": at.isoformat() if at else None,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": (record.key or b"").decode("utf-8", "replace"),
        "type": found.get("type"),
        "id": found.get("id"),
        "sequence": found.get("sequence"),
        "journey": found.get("correlationid"),
        "trace": found.get("traceparent", "").partition("-")[2].partition("-")[0] or None,
        "event": _shown(data),
    }


def _shown(data: bytes) -> object:
    """JSON, when it can be written again as JSON: orjson reads deeper than it writes."""
    try:
        event: object = orjson.loads(data or b"null")
        orjson.dumps(event)
    except (ValueError, TypeError):
        return data[:_TEXT_BYTES_MAX].decode("utf-8", "replace")
    return event


def _print(record: dict[str, Any]) -> None:
    at = f"{record['at'][:10]} {record['at'][11:23]}Z" if record["at"] else "without a date          "
    kind = (record["type"] or "?").removeprefix("lutong.")
    out.print(line((at, "dim"), " ", (kind, "cyan"), " ", (record["key"], "bold"), " ", json_line(record["event"])))


def _topics(wanted: list[str]) -> list[str]:
    known = [topic.name for topic in TOPICS]
    if not wanted:
        return known
    found: set[str] = set()
    for want in wanted:
        matching = {name for name in known if name == want or name.endswith(want) or f".{want}." in name}
        if not (want and matching):
            raise ConsoleError(f"there is no topic {want!r}: there are {', '.join(known)}", code=USAGE)
        found |= matching
    return [name for name in known if name in found]


def _until(text: str | None) -> datetime | None:
    if text is None:
        return None
    return NOW if text == "now" else moment(text, "--until")


def moment(text: str, option: str = "--since") -> datetime:
    """The moment that `10m` (ago), `start` or `2026-01-31T08:00:00+08:00` means."""
    if text == "start":
        return START
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    try:
        if re.fullmatch(r"[0-9]+[smhd]", text, re.ASCII):
            return datetime.now(UTC) - timedelta(**{units[text[-1]]: int(text[:-1])})
        return moment_of(text)
    except (OverflowError, ValueError):  # before the year 1, more digits than Python reads, or no time at all
        pass
    now = "now, " if option == "--until" else ""
    raise ConsoleError(
        f"{option} {text!r} is not a time: write 30s, 10m, 2h, 1d, {now}start, or a time with its offset, "
        "such as 2026-01-31T08:00:00+08:00",
        code=USAGE,
    )
