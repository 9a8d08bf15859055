"""A suite as backups see it: where its databases are, and how its services and its Kafka are stopped and started."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lutong_chassis import topics
from lutong_console import new_kafka
from lutong_console.cli.errors import ConsoleError
from lutong_console.credentials import READER
from lutong_console.deployment import COMPOSE, Deployment, compose
from lutong_console.engine import Engine
from lutong_console.restoring import Databases
from lutong_console.targets import nothing_runs, stack_named
from lutong_contracts.topics import SERVICES, TOPICS
from lutong_local import stack as local
from lutong_local.processes import LocalError
from lutong_local.stack import Stack

_STOP: Final = "the same command with --stop"


@dataclass(frozen=True, slots=True)
class Place:
    """Databases, and what can be done to what stands around them."""

    databases: Databases
    asks: str
    """As whom the server is asked who is connected, for a backup."""
    stop: Callable[[], None]
    start: Callable[[], None]
    renew_kafka: Callable[[], None]


def place_of(name: str) -> Place:
    """The suite in containers, or a local stack whose servers run."""
    if name == COMPOSE:
        return _of_containers(compose())
    stack = stack_named(name)
    if stack is None or not (stack.runs("postgres") and stack.runs("kafka")):
        raise nothing_runs(name)
    return of_stack(stack)


def _of_containers(deployment: Deployment) -> Place:
    docker = Engine(deployment.place)
    owners = deployment.database_urls_as("{service}_owner")
    return Place(
        Databases(
            superuser=deployment.superuser_url,
            owners=owners,
            kafka=deployment.kafka_as(READER),
            stop=_STOP,
        ),
        asks=owners[SERVICES[0]],
        stop=lambda: docker.tell("stop", *SERVICES),
        start=lambda: docker.tell("up", "--detach", "--wait", "--no-deps", *SERVICES),
        renew_kafka=lambda: new_kafka.of_containers(deployment),
    )


def of_stack(stack: Stack) -> Place:
    """A local stack."""
    return Place(
        Databases(
            superuser=stack.admin_url,
            owners=stack.database_urls,
            kafka=stack.kafka,
            stop=_STOP,
        ),
        asks=stack.admin_url,
        stop=lambda: _each(stack, local.stop_service),
        start=lambda: _started(stack),
        renew_kafka=lambda: _new_kafka(stack),
    )


def _each(stack: Stack, do: Callable[[Stack, str], None]) -> None:
    for service in SERVICES:
        do(stack, service)
    local.save(stack)


def _started(stack: Stack) -> None:
    try:
        _each(stack, local.start_service)
        local.wait_until_ready(stack, SERVICES, lambda _: None)
    except LocalError as error:
        raise ConsoleError(str(error)) from None


def _new_kafka(stack: Stack) -> None:
    local.stop_piece(stack, "kafka")
    shutil.rmtree(stack.directory / "kafka" / "data", ignore_errors=True)
    local.start_piece(stack, "kafka")
    local.wait_for_piece(stack, "kafka")
    asyncio.run(topics.apply(stack.kafka, TOPICS))
