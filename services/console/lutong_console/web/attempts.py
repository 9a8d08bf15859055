"""Forms of the workbench: an action is tried; a refusal is shown above the form, and loses no typed text."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

import httpx
from starlette.requests import Request
from starlette.responses import Response

from lutong_console.cli.errors import UNREACHABLE, ConsoleError
from lutong_console.targets import call
from lutong_console.web.pages import PageError, back, form_of, session_of, target_of

TIMEOUT_S: Final = 15.0
SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
"""Quotas and page views follow its days and weeks, so their moments are typed on its clock."""
_UNITS_MAX: Final = 10**12
_GONE: Final = 404


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a person tried with a form: why it was refused, what they had typed, and what was answered."""

    refusal: str = ""
    typed: Mapping[str, str] = field(default_factory=dict)
    answer: Any = None

    @property
    def status(self) -> int:
        """What the page is answered with."""
        return 409 if self.refusal else 200

    @property
    def shown(self) -> dict[str, Any]:
        """For the page and its JSON."""
        return {"refusal": self.refusal, "typed": dict(self.typed), "answer": self.answer}


NOTHING: Final = Attempt()

Form = Mapping[str, str]
Action = Callable[[Request, httpx.AsyncClient, Form], Awaitable[Any]]
Shown = Callable[[Request, Attempt], Awaitable[Response]]


async def attempt(request: Request, action: Action, shown: Shown, to: str) -> Response:
    """Try an action with the form of a request. What it answers is shown on the page; without an answer the person goes on at `to`."""
    form = await form_of(request, merchants=True)
    try:
        async with target_of(request).client(TIMEOUT_S) as client:
            answer = await action(request, client, form)
    except ConsoleError as error:
        if error.code == UNREACHABLE:
            return await shown_if_it_answers(request, shown, Attempt(str(error), form), error)
        return await shown(request, Attempt(error.detail, form))
    return back(to) if answer is None else await shown(request, Attempt(answer=answer))


async def shown_if_it_answers(request: Request, shown: Shown, tried: Attempt, error: ConsoleError) -> Response:
    """The page with what was typed; where its service is silent too, that is the page."""
    try:
        return await shown(request, tried)
    except ConsoleError:
        raise error from None


async def asked(request: Request, service: str, path: str, **params: Any) -> Any:  # noqa: ANN401  # JSON
    """What a service answers the person who asks."""
    target = target_of(request)
    narrowed = {name: value for name, value in params.items() if value is not None}
    async with target.client(TIMEOUT_S) as client:
        return await call(client, "GET", f"{target.urls[service]}{path}", params=narrowed)


async def asked_if_there(request: Request, service: str, path: str) -> dict[str, Any] | None:
    """The same of one thing; None where it is not there."""
    try:
        found: dict[str, Any] = await asked(request, service, path)
    except ConsoleError as error:
        if error.status == _GONE:
            return None
        raise
    return found


def moment(form: Form, name: str, zone: ZoneInfo = SHANGHAI, whose: str = "Shanghai") -> str:
    """A moment that was typed, on the clock of a zone where it names none, as services take it.

    Raises ConsoleError with the name of its field.

    >>> moment({"until": "2026-12-31T20:00"}, "until")
    '2026-12-31T12:00:00+00:00'
    """
    try:
        typed = datetime.fromisoformat(form.get(name, "").strip())
    except ValueError:
        raise ConsoleError(f"{name}: write it as 2026-12-31T20:00, on the clock of {whose}") from None
    return (typed if typed.tzinfo else typed.replace(tzinfo=zone)).astimezone(UTC).isoformat()


def whole(form: Form, name: str, least: int = 0) -> int:
    """A whole number that was typed; raises ConsoleError with the name of its field."""
    text = form.get(name, "").strip()
    if not text.removeprefix("-").isascii() or not text.removeprefix("-").isdigit():
        raise ConsoleError(f"{name}: {text[:40]!r} is no whole number")
    if not least <= int(text) <= _UNITS_MAX:
        raise ConsoleError(f"{name}: {text[:40]} is not from {least} to {_UNITS_MAX}")
    return int(text)


def minor(form: Form, name: str) -> int:
    """An amount that was typed in yuan or the like, with two places, in minor units.

    >>> minor({"fee": "9.90"}, "fee")
    990
    """
    text = form.get(name, "").strip() or "0"
    units, _, rest = text.partition(".")
    if not (units + rest).isascii() or not (units + (rest or "0")).isdigit() or len(rest) > 2:  # two places
        raise ConsoleError(f"{name}: {text[:40]!r} is no amount: write it as 12 or 12.50")
    return int(units) * 100 + int((rest or "0").ljust(2, "0"))


def segment(value: str) -> str:
    """An id as a part of a path."""
    return quote(value, safe="")


def serves(request: Request) -> None:
    """Only who serves a store may see its shelves and orders; raises PageError 403 for viewers."""
    who = session_of(request, merchants=True).who
    if who and who.role == "viewer":
        raise PageError(403, "shelves and orders of a store are for who serves them: operators and its merchant")
