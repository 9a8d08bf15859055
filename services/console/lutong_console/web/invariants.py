"""The invariants page: what the auditor found when it last looked, identity by identity; the last synthetic journey; both as metrics."""

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from lutong_console.probe.command import as_document
from lutong_console.probe.prober import Prober
from lutong_console.verify.auditor import Auditor, Checked
from lutong_console.verify.identities import COMPARED_WITH, WORDS
from lutong_console.verify.violation import Violation
from lutong_console.web.pages import back, form_of, session_of, show


class Judged(NamedTuple):
    """An identity, how often it is broken, and the first witnesses; `broken` is None when nothing was compared."""

    identity: str
    meaning: str
    broken: int | None
    witnesses: list[Violation]


async def invariants(request: Request) -> Response:
    """Each identity with its result; nothing while the auditor has not looked yet."""
    session_of(request)
    auditor: Auditor = request.app.state.auditor
    last = auditor.last
    data = {
        "last": last and {"at": last.at, "took_s": round(last.took_s, 1), "records": last.records, "rows": last.rows},
        "is_first": last is not None and last.is_first,
        "identities": judged(last) if last else [],
        "failed": auditor.failed,
        "is_looking": auditor.is_looking,
        "probe": of_probe(request.app.state.prober),
    }
    return show(request, "invariants.html", data)


async def check_now(request: Request) -> Response:
    """Look now, and not at the end of the pause."""
    await form_of(request)
    request.app.state.auditor.look_now()
    return back("/invariants")


async def metrics(request: Request) -> Response:
    """What Prometheus takes: no id and no text of anybody, so no session is needed."""
    prober: Prober | None = request.app.state.prober
    body = exposition(request.app.state.auditor.last, datetime.now(UTC)) + (prober.exposition if prober else "")
    return PlainTextResponse(body, media_type="text/plain; version=0.0.4")


def of_probe(prober: Prober | None) -> dict[str, Any] | None:
    """How synthetic journeys go; None where none are made."""
    if prober is None:
        return None
    last = as_document(prober.last) if prober.last else None
    return {"every_s": prober.every_s, "succeeded_at": prober.succeeded_at, "last": last}


def judged(last: Checked) -> list[Judged]:
    """The identities in their order; those that need something to compare with are not checked here."""
    return [
        Judged(
            name,
            meaning,
            None if name in COMPARED_WITH else last.counts.get(name, 0),
            [violation for violation in last.witnesses if violation.identity == name],
        )
        for name, meaning in WORDS.items()
    ]


def exposition(last: Checked | None, now: datetime) -> str:
    r"""Metrics of the last look in Prometheus' text format, and how long ago that was; none before the first.

    >>> exposition(None, datetime.now(UTC))
    ''
    """
    if last is None:
        return ""
    lines = [
        f'lutong_invariant_violations{{identity="{j.identity}"}} {j.broken}'
        for j in judged(last)
        if j.broken is not None
    ]
    lines += [
        f"lutong_invariants_checked_timestamp_seconds {last.at.timestamp():.0f}",
        f"lutong_invariants_age_seconds {(now - last.at).total_seconds():.0f}",
        f"lutong_invariants_check_seconds {last.took_s:.3f}",
        f"lutong_invariants_records {last.records}",
        f"lutong_invariants_rows {last.rows}",
    ]
    names = dict.fromkeys(line.partition("{")[0].partition(" ")[0] for line in lines)
    return "".join(
        f"# TYPE {name} gauge\n" + "".join(f"{each}\n" for each in lines if _is_of(each, name)) for name in names
    )


def _is_of(line: str, name: str) -> bool:
    return line.startswith((f"{name}{{", f"{name} "))


ROUTES: Final = (
    Route("/invariants", invariants),
    Route("/invariants/checks", check_now, methods=["POST"]),
    Route("/invariants/metrics", metrics),
)
