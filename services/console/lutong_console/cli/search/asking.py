"""Asking a registry that was started for it: the routes, rules and statements by which people are answered."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from lutong_console.bearer import operator
from lutong_console.cli.replay.session import Session
from lutong_console.cli.screen import echo
from lutong_console.cli.search.labelled import ServiceRow
from lutong_console.cli.search.measures import DEPTH
from lutong_console.targets import Suite
from lutong_local.alone import service_alone

_ENVIRONMENT: Final = {"LUTONG_HTTP_RATE_PER_S": "100000", "LUTONG_HTTP_BURST": "100000", "LUTONG_LOG_LEVEL": "ERROR"}
"""The limits are for callers of a service that others use, too."""
_LOADED_AT_ONCE: Final = 100
_POSTS_AT_ONCE: Final = 25
_ASKED_AT_ONCE: Final = 4
_MERCHANT: Final = "labelled"

T = TypeVar("T")


@contextmanager
def registry() -> Iterator[Suite]:
    """An empty registry on a PostgreSQL of its own, without Kafka; gone with the block."""
    with (
        tempfile.TemporaryDirectory(prefix="lutong-search-") as scratch,
        service_alone(Path(scratch) / "registry", "registry", echo, _ENVIRONMENT) as stack,
    ):
        yield Suite({"registry": stack.url("registry")}, stack.kafka, {}, operator(stack.signer))


async def load(session: Session, services: Sequence[ServiceRow]) -> None:
    """Release the services, as an operator does in bulk: batches have marks in common, and would wait for each other."""
    await session.ask("registry", "PUT", f"/v1/merchants/{_MERCHANT}", json={"name": _MERCHANT})
    programs = [_onboarding(service) for service in services]

    async def release(batch: Sequence[dict[str, Any]]) -> None:
        await session.ask("registry", "POST", "/v1/programs/batch", json={"programs": batch})

    await session.each("services", _chunks(programs, _LOADED_AT_ONCE), release, at_once=1)


async def answers(session: Session, questions: Sequence[str]) -> list[list[str]]:
    """Ids of the services that answer each question, best first."""

    async def ask(question: str) -> list[str]:
        hits = await session.ask("registry", "GET", "/v1/search", params={"q": question, "limit": DEPTH})
        return [hit["program_id"] for hit in hits]

    return await session.each("questions", questions, ask, at_once=_ASKED_AT_ONCE)


async def cards(session: Session, texts: Sequence[str]) -> list[str | None]:
    """The service that each text leads to, if any."""

    async def preview(batch: Sequence[str]) -> list[str | None]:
        found = await session.ask("registry", "POST", "/v1/discoveries/previews", json={"texts": batch})
        return [each["program_id"] for each in found]

    led = await session.each("posts", _chunks(texts, _POSTS_AT_ONCE), preview, at_once=_ASKED_AT_ONCE)
    return [card for batch in led for card in batch]


def _chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[begin : begin + size] for begin in range(0, len(items), size)]


def _onboarding(service: ServiceRow) -> dict[str, Any]:
    manifest = service.model_dump(mode="json", exclude={"program_id"}, exclude_none=True)
    return {
        "program_id": service.program_id,
        "merchant_id": _MERCHANT,
        "manifest": manifest | {"page": "pages/labelled"},
    }
