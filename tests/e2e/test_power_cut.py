"""The power goes out: what was not on the disk is gone, and the outboxes make the log whole again.

SIGKILL proves nothing about this: the kernel still writes what it had taken. Here the data is on a
disk in a file; the file is copied while everything stands still, and all goes on from the copy.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lutong_console.cli.demo.roads import ROADS
from lutong_console.cli.demo.scenarios import Scenario, new_run
from lutong_console.cli.demo.world import build_world
from lutong_console.subscriptions import handled_types
from lutong_console.targets import Suite
from lutong_contracts.topics import SERVICES
from lutong_local import postgres
from lutong_local.processes import stop
from lutong_local.stack import Stack, start_piece, start_service, wait_for_piece, wait_until_ready
from tests.support.disks import Disk, run, why_no_disks
from tests.support.harness import until
from tests.support.looks import Look, collect, evaluate, judged_by
from tests.support.stacks import a_stack

PIECES = ("kafka", "postgres")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if why := why_no_disks():
        pytest.skip(why)
    directory = tmp_path / "stack"
    places = {"kafka": directory / "kafka", "postgres": postgres.data_directory(directory)}
    disk = Disk(tmp_path / "disk.img", tmp_path / "disk", places)
    disk.make("2G")
    try:
        disk.attach()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this machine mounts no disks: {error.stderr}")
    try:
        yield disk
    finally:
        disk.detach()


@pytest.fixture
def own_stack(disk: Disk, tmp_path: Path) -> Iterator[Stack]:
    with a_stack(tmp_path / "stack") as running:
        yield running


def cut_the_power(stack: Stack, disk: Disk) -> None:
    """Everything stops at one moment; what the disk had then is all there is."""
    for child in stack.children.values():
        os.kill(child.pid, signal.SIGSTOP)
    survived = disk.copy()
    for child in stack.children.values():
        stop(child, signal.SIGKILL)
    disk.go_on_from_a_copy(survived)


def power_is_back(stack: Stack) -> None:
    for piece in PIECES:
        start_piece(stack, piece, dies_with_parent=True)
    for service in SERVICES:
        start_service(stack, service, dies_with_parent=True)


@pytest.mark.timeout(240)
async def test_after_a_power_cut_republishing_makes_the_log_whole_and_doubles_nothing(
    own_stack: Stack, disk: Disk
) -> None:
    target = Suite.of(own_stack)

    async def look() -> Look:
        return await collect(target, handled_types())

    async def is_whole() -> bool:
        return not evaluate(await look())

    async with target.client(20) as client:
        code = new_run()
        await build_world(client, target, code)
        run("sync", "-f", disk.mounted)
        for road in ROADS:
            await road.walk(Scenario(client, target, lambda _step, _ms: None, f"{road.letter}-{code}"))
        await until(is_whole, "the suite is at rest")

        await asyncio.to_thread(cut_the_power, own_stack, disk)
        power_is_back(own_stack)
        for piece in PIECES:
            await asyncio.to_thread(wait_for_piece, own_stack, piece)
        await asyncio.to_thread(wait_until_ready, own_stack, SERVICES, lambda _: None)

        lost = [violation for violation in judged_by("V1", await look()) if "not on" in violation.what]
        assert lost, "the power cut must have cost Kafka something that it had acknowledged"
        for service in SERVICES:
            order = {"reason": "power cut", "since": "2020-01-01T00:00:00Z"}
            answer = await client.post(f"{own_stack.url(service)}/operations/republication", json=order)
            assert answer.status_code == 200
        await until(is_whole, "the log is whole, and every identity holds", 60)
