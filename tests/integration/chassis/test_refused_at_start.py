"""What can never work ends the process at its start with exit code 2, and names the setting."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from lutong_local.ports import free_port
from tests.conftest import Infrastructure
from tests.integration.chassis.outages import (
    a_pooler_that_lends_sessions,
    a_pooler_that_refuses_parameters,
)
from tests.support.harness import a_toy, until


async def test_a_pooler_that_refuses_our_parameters_ends_it_with_a_sentence(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy, a_pooler_that_refuses_parameters() as port:
        toy.start(LUTONG_DATABASE_URL=f"postgresql://u:p@127.0.0.1:{port}/d")
        assert await asyncio.to_thread(toy.ended) == 2
        log = toy.log.read_text()
        assert "LUTONG_DATABASE_URL" in log
        assert "pooler" in log
        assert "idle_in_transaction_session_timeout" in log


async def test_a_pooler_that_takes_everything_is_refused_too(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy, a_pooler_that_lends_sessions(toy) as port:
        there = urlsplit(toy.database_url)
        netloc = f"{there.username}:{there.password}@127.0.0.1:{port}"
        toy.start(LUTONG_DATABASE_URL=urlunsplit(there._replace(netloc=netloc)))
        assert await asyncio.to_thread(toy.ended) == 2
        assert "LUTONG_DATABASE_URL leads to a connection pooler" in toy.log.read_text()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LUTONG_DATABASE_URL", "postgresql+asyncpg://u:p@127.0.0.1/d"),
        ("LUTONG_DATABASE_URL", "host=127.0.0.1 dbname=d user=u"),
        ("LUTONG_KAFKA_BOOTSTRAP", "PLAINTEXT://127.0.0.1:9092"),
        ("LUTONG_OUTBOX_RETENTION", "-P7D"),
    ],
)
async def test_what_can_never_work_ends_the_process_with_2(
    name: str, value: str, infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(**{name: value})
        assert await asyncio.to_thread(toy.ended) == 2
        assert name in toy.log.read_text()


async def test_a_wrong_password_at_boot_ends_the_process_with_2(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        there = urlsplit(toy.database_url)
        netloc = f"{there.username}:wrong@{there.hostname}:{there.port}"
        toy.start(LUTONG_DATABASE_URL=urlunsplit(there._replace(netloc=netloc)))
        assert await asyncio.to_thread(toy.ended) == 2
        assert "LUTONG_DATABASE_PASSWORD" in toy.log.read_text()


async def test_a_database_that_is_absent_is_waited_for(infrastructure: Infrastructure, tmp_path: Path) -> None:
    """The control: what may come yet ends nothing."""
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_DATABASE_URL=f"postgresql://u:p@127.0.0.1:{free_port()}/d")

        async def waits() -> bool:
            return '"event": "waiting"' in toy.log.read_text()

        await until(waits, "it waits and says so")
        assert toy.stop() == 0
