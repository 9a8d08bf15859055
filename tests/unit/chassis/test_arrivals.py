"""Request bodies that are still arriving: prompt ones are let in, late ones need a place."""

import asyncio
import socket
import time

import pytest

from lutong_chassis.http.limits import Arrivals
from lutong_chassis.problem import Problem

PLACES = 16


async def arrive(arrivals: Arrivals, whole: asyncio.Event) -> bool:
    """Whether a body was let in."""
    try:
        async with arrivals.one_of("a sender"):
            await whole.wait()
    except Problem as problem:
        if problem.status != 429:
            raise
        return False
    return True


async def test_bodies_that_come_promptly_need_no_place() -> None:
    arrivals, whole = Arrivals(PLACES), asyncio.Event()
    all_of_them = asyncio.gather(*(arrive(arrivals, whole) for _ in range(2 * PLACES)))
    await asyncio.sleep(0)
    whole.set()
    assert await all_of_them == [True] * 2 * PLACES
    assert (arrivals.arriving, arrivals.late) == ({}, {})


async def test_late_bodies_beyond_the_places_are_refused() -> None:
    arrivals, whole = Arrivals(PLACES), asyncio.Event()
    bodies = [asyncio.create_task(arrive(arrivals, whole)) for _ in range(2 * PLACES)]
    await asyncio.wait(bodies, return_when=asyncio.FIRST_COMPLETED)
    while sum(body.done() for body in bodies) < PLACES:  # noqa: ASYNC110  # a condition, not an event
        await asyncio.sleep(0.001)
    whole.set()
    assert sorted(await asyncio.gather(*bodies)) == [False] * PLACES + [True] * PLACES
    assert (arrivals.arriving, arrivals.late) == ({}, {})


async def test_a_late_body_of_one_leaves_the_places_of_another() -> None:
    arrivals, whole = Arrivals(1), asyncio.Event()
    late = asyncio.create_task(arrive(arrivals, whole))
    while not arrivals.late:  # noqa: ASYNC110  # a condition, not an event
        await asyncio.sleep(0.001)
    async with arrivals.one_of("another"):
        assert arrivals.arriving == {"a sender": 1, "another": 1}
    whole.set()
    assert await late


@pytest.mark.parametrize("more", [0, 1])
async def test_three_times_the_places_may_arrive_at_once(more: int) -> None:
    arrivals, whole = Arrivals(PLACES), asyncio.Event()
    bodies = [asyncio.create_task(arrive(arrivals, whole)) for _ in range(3 * PLACES + more)]
    await asyncio.sleep(0)
    assert sum(body.done() for body in bodies) == more
    whole.set()
    assert sum(await asyncio.gather(*bodies)) == 3 * PLACES


async def test_what_came_while_the_process_was_busy_is_not_late() -> None:
    arrivals, (sender, receiver) = Arrivals(1), socket.socketpair()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_accepted_socket(lambda: asyncio.StreamReaderProtocol(reader), receiver)

    async def body() -> bytes:
        async with arrivals.one_of("a sender"):
            return await reader.readexactly(1)

    arrivals.late["a sender"] = 1  # no place is left
    arriving = asyncio.create_task(body())
    await asyncio.sleep(0)
    sender.sendall(b"x")
    time.sleep(0.3)  # noqa: ASYNC251  # the process is busy for longer than a body may take to need no place
    assert await arriving == b"x"
    transport.close()
    sender.close()
