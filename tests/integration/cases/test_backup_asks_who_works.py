"""`lutong backup` asks PostgreSQL who is connected: no answer over HTTP proves nothing. Its passwords are odd on purpose."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from lutong_console import container_checks, credentials, postgres_tools, restoring
from lutong_console.cli.commands import databases
from lutong_console.cli.errors import PROBLEM, UNREACHABLE, ConsoleError
from lutong_console.deployment import Deployment
from lutong_local.ports import free_port
from lutong_local.postgres import wait_for_postgres
from lutong_local.stack import Stack, down, start_piece

ODD = "p@ss/w:rd%41 '\"\\&?#"
"""Each role's begins with its name."""


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A server of yours, with the roles and databases that the job `databases` makes."""
    place = tmp_path_factory.mktemp("backup")
    for role in (credentials.SUPERUSER, *credentials.ROLES):
        (place / credentials.postgres_file(role)).write_text("plain" if role == credentials.SUPERUSER else role + ODD)
    stack = Stack(place, {"postgres": free_port()}, "plain")
    try:
        start_piece(stack, "postgres", dies_with_parent=True)
        wait_for_postgres(stack.children["postgres"], stack.ports["postgres"], stack.password)
        passwords = {role: role + ODD for role in credentials.ROLES}
        asyncio.run(
            databases.create(f"postgresql://postgres@127.0.0.1:{stack.ports['postgres']}/postgres", "plain", passwords)
        )
        yield Deployment({"LUTONG_BUNDLED_POSTGRES": "1", "LUTONG_POSTGRES_PORT": str(stack.ports["postgres"])}, place)
    finally:
        down(stack, lambda _: None, purge=True)


async def _asked(deployed: Deployment) -> None:
    await restoring.nobody_works(deployed.database_url("feed", "feed_owner"), "the same command with --stop")


@pytest.mark.parametrize(
    ("service", "role"), [("feed", "feed"), ("inventory", "inventory"), ("membership", "membership_owner")]
)
async def test_a_role_that_is_connected_is_named(service: str, role: str, deployed: Deployment) -> None:
    connection = await asyncpg.connect(deployed.database_url(service, role))
    try:
        with pytest.raises(ConsoleError, match=f"connected are {role} to {service}$") as refused:
            await _asked(deployed)
    finally:
        await connection.close()
    assert refused.value.code == PROBLEM


async def test_who_only_looks_does_not_matter(deployed: Deployment) -> None:
    connection = await asyncpg.connect(deployed.database_urls["feed"])
    try:
        await _asked(deployed)
    finally:
        await connection.close()


async def test_a_server_that_does_not_answer_is_no_stopped_service(deployed: Deployment) -> None:
    elsewhere = Deployment({**deployed.variables, "LUTONG_POSTGRES_PORT": str(free_port())}, deployed.secrets)
    with pytest.raises(ConsoleError, match="does not show who is connected") as refused:
        await _asked(elsewhere)
    assert refused.value.code == UNREACHABLE


def test_a_password_of_any_characters_is_dumped_with(deployed: Deployment, tmp_path: Path) -> None:
    with (tmp_path / "feed.dump").open("wb") as file:
        postgres_tools.dump(deployed.database_url("feed", "feed_owner"), file, None)
    assert (tmp_path / "feed.dump").stat().st_size > 0


async def test_the_doctor_logs_in_as_each_role_with_the_secrets_of_now(deployed: Deployment) -> None:
    assert await container_checks.logins(deployed) == []
    file = deployed.secrets / credentials.postgres_file("feed")
    before = file.read_text()
    file.write_text("another")
    try:
        (finding,) = await container_checks.logins(deployed)
    finally:
        file.write_text(before)
    assert finding.what == "PostgreSQL refuses feed with the password in postgres_feed"
    file.unlink()
    try:
        (absent,) = await container_checks.logins(deployed)
    finally:
        file.write_text(before)
    assert absent.then == "lutong init --add-missing"
