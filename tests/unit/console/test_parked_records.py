"""Many parked records, one after the other: the first stands alone, and what a service refuses is reported of its record."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
import typer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from lutong_console.cli import given
from lutong_console.cli.commands.settle import redrive
from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.parked_records import Order, Result, carry_out, outcomes, preflight, select
from lutong_console.web.runs import Run, Runs
from tests.support.harness import until

URL = "http://service"


@dataclass
class Service:
    """A service with parked records: those in `failing` fail, behind those in `behind` another one waits."""

    failing: set[int] = field(default_factory=set)
    behind: dict[int, int] = field(default_factory=dict)
    begun: list[int] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        parked = "/operations/parked"
        return Starlette(
            routes=[
                Route(f"{parked}/preflight", self.preflight, methods=["POST"]),
                Route(f"{parked}/{{id:int}}/{{verb}}", self.act, methods=["POST"]),
                Route(parked, self.page),
            ]
        )

    async def act(self, request: Request) -> JSONResponse:
        parked_id = request.path_params["id"]
        if len((await request.json())["reason"]) < 3:
            short = {"pointer": "/body/reason", "detail": "reason is too short: at least 3 characters"}
            return JSONResponse({"detail": "invalid", "errors": [short]}, 422)
        self.begun.append(parked_id)
        if parked_id in self.failing:
            return JSONResponse({"detail": "it failed again and stays parked: KeyError"}, 409)
        redriven = {"redriven": 1} if request.path_params["verb"] == "redrive" else {}
        return JSONResponse(redriven | {"next_parked": self.behind.get(parked_id)})

    async def preflight(self, request: Request) -> JSONResponse:
        first, *rest = (await request.json())["ids"]
        outcome = "fails" if first in self.failing else "applies"
        return JSONResponse({"foreseen": [{"id": first, "outcome": outcome}], "rest": rest})

    async def page(self, _: Request) -> JSONResponse:
        return JSONResponse([{"id": 1}, {"id": 2}], headers={"lutong-total": "5000"})


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def client(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(service.app)) as made:
        yield made


async def done(client: httpx.AsyncClient, ids: list[int], **order: Any) -> list[Result]:
    wanted = replace(Order("redrive", "because", per_s=1_000), **order)
    return [result async for result in carry_out(client, URL, ids, wanted)]


async def test_nothing_follows_a_first_record_that_fails(client: httpx.AsyncClient, service: Service) -> None:
    service.failing = {1}
    (only,) = await done(client, [1, 2, 3], keeps_going=True)
    assert service.begun == [1]
    assert only == Result(1, 0, "it failed again and stays parked: KeyError")


async def test_an_error_ends_it_unless_it_may_go_on(client: httpx.AsyncClient, service: Service) -> None:
    service.failing = {2}
    assert [result.id for result in await done(client, [1, 2, 3])] == [1, 2]
    results = await done(client, [1, 2, 3], keeps_going=True)
    assert [(result.id, result.settled, result.error is None) for result in results] == [
        (1, 1, True),
        (2, 0, False),
        (3, 1, True),
    ]


async def test_a_redrive_goes_on_with_what_waits_behind(client: httpx.AsyncClient, service: Service) -> None:
    service.behind, service.failing = {1: 11, 11: 12}, {12}
    (result,) = await done(client, [1])
    assert (result.settled, result.error is None) == (2, False)


async def test_what_takes_the_place_of_a_discarded_record_is_named(client: httpx.AsyncClient, service: Service) -> None:
    service.behind = {1: 11}
    assert await done(client, [1], verb="discard") == [Result(1, 1, None, following=11)]
    assert service.begun == [1]


async def test_a_service_that_is_silent_ends_it() -> None:
    async with httpx.AsyncClient() as nobody:
        with pytest.raises(ConsoleError, match="does not answer"):
            async for _ in carry_out(nobody, "http://127.0.0.1:9", [1, 2], Order("redrive", "because")):
                pass


async def test_an_option_that_is_refused_ends_it(
    client: httpx.AsyncClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = typer.Typer()
    alone.command()(redrive)
    monkeypatch.setattr(given, "_running", [typer.Context(typer.main.get_command(alone))])
    with pytest.raises(ConsoleError, match=r"^--reason is too short: at least 3 characters$") as refused:
        await done(client, [1, 2], reason="x", keeps_going=True)
    assert (refused.value.code, service.begun) == (USAGE, [])


async def test_a_preflight_is_asked_for_until_nothing_is_left(client: httpx.AsyncClient, service: Service) -> None:
    service.failing = {2}
    foreseen = await preflight(client, URL, [1, 2, 3])
    assert [each["id"] for each in foreseen] == [1, 2, 3]
    assert {name: count for name, count in outcomes(foreseen).items() if count} == {"applies": 2, "fails": 1}


async def test_a_selection_knows_how_many_it_leaves(client: httpx.AsyncClient) -> None:
    selected = await select(client, URL, "a-group")
    assert (selected.ids, selected.total) == ([1, 2], 5_000)


class Suite:
    """A suite of one service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.urls = {"feed": URL}

    def client(self, _timeout_s: float) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.service.app))


async def ended(runs: Runs, run: Run) -> list[bytes]:
    return [frame async for frame in runs.follow(run)]


@pytest.mark.parametrize(("failing", "state", "begun"), [((), "through", 3), ((1,), "halted", 1), ((2,), "halted", 2)])
async def test_a_run_ends_as_its_records_do(service: Service, failing: tuple[int], state: str, begun: int) -> None:
    service.failing, runs = set(failing), Runs()
    target: Any = Suite(service)
    run = runs.start(target, "feed", [1, 2, 3], Order("redrive", "because", per_s=1_000))
    frames = await ended(runs, run)
    assert (run.state, len(run.results)) == (state, begun)
    assert state.encode() in frames[-1]
    assert runs.find(run.id) is run


async def test_a_run_that_is_stopped_begins_no_other_record(service: Service) -> None:
    runs, target = Runs(), Suite(service)
    suite: Any = target
    run = runs.start(suite, "feed", list(range(1, 500)), Order("redrive", "because", per_s=2))

    async def has_begun() -> bool:
        return bool(run.results)

    await until(has_begun, "the first record is done")
    runs.stop(run)
    await runs.close()
    assert (run.state, service.begun) == ("stopped", [1])
