"""One service with a PostgreSQL of its own and no Kafka: it answers requests, and what it publishes waits in its outbox."""

import asyncio
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lutong_local import keys
from lutong_local.ports import free_port
from lutong_local.postgres import create_service_databases
from lutong_local.processes import Command, start, wait_for
from lutong_local.stack import (
    Stack,
    down,
    readiness,
    save,
    service_environment,
    start_piece,
    wait_for_piece,
)
from lutong_local.surroundings import surroundings


@contextmanager
def service_alone(
    directory: Path, service: str, report: Callable[[str], None], environment: Mapping[str, str] | None = None
) -> Iterator[Stack]:
    """A service on an empty database, once it answers; gone with the block, or with the process.

    `directory` must be new. `environment` adds to the service's variables. Nobody listens where its Kafka should be.

        with service_alone(scratch / "registry", "registry", print) as stack:
            httpx.get(f"{stack.url('registry')}/livez")
    """
    stack = Stack(directory, {name: free_port() for name in ("kafka", "postgres", service)}, secrets.token_urlsafe(24))
    save(stack)
    try:
        report("starting PostgreSQL")
        start_piece(stack, "postgres", dies_with_parent=True)
        wait_for_piece(stack, "postgres")
        passwords = asyncio.run(create_service_databases(stack.admin_url, (service,)))
        stack.database_urls = {
            service: f"postgresql://{service}:{passwords[service]}@127.0.0.1:{stack.ports['postgres']}/{service}"
        }
        keys.make(stack.keys)
        report(f"starting {service}")
        variables = surroundings() | service_environment(stack, service) | dict(environment or {})
        arguments = [sys.executable, "-m", f"lutong_{service}.app"]
        stack.children[service] = start(
            Command(arguments, variables, directory / f"{service}.log", dies_with_parent=True)
        )
        wait_for(stack.children[service], service, lambda: readiness(stack, service)["checks"].get("database", False))
        yield stack
    finally:
        down(stack, lambda _: None, purge=True)
