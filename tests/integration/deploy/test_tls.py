"""An authority of yours signs the certificates of PostgreSQL and Kafka: services, jobs and the command line verify them by it."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaConnectionError
from pydantic import SecretStr

from lutong_chassis.kafka import KafkaAccess
from lutong_console import credentials, postgres_tools
from lutong_console.cli.commands import databases
from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.deployment import Deployment
from lutong_console.offsets import client_of
from lutong_local.kafka import plain, prepare_kafka, wait_for_kafka
from lutong_local.ports import free_port
from lutong_local.processes import start, stop
from tests.support.tls import Authority, Server, authority, postgres


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tls") / "theirs")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, signing: Authority) -> Iterator[Server]:
    with postgres(tmp_path_factory.mktemp("tls") / "postgres", signing) as made:
        yield made


def _deployment(server: Server, by: Authority, place: Path) -> Deployment:
    for role in credentials.ROLES:
        (place / credentials.postgres_file(role)).write_text(role)
    (place / credentials.postgres_file(credentials.SUPERUSER)).write_text(server.password)
    variables = {
        "LUTONG_BUNDLED_POSTGRES": "0",
        "LUTONG_POSTGRES_HOST": f"127.0.0.1:{server.port}",
        "LUTONG_POSTGRES_ADMIN": server.superuser,
        "LUTONG_POSTGRES_SSLMODE": "verify-full",
        "LUTONG_POSTGRES_CA_FILE": str(by.certificate),
    }
    return Deployment(variables, place)


async def test_jobs_and_roles_verify_postgresql_by_its_authority(
    server: Server, signing: Authority, tmp_path: Path
) -> None:
    deployment = _deployment(server, signing, tmp_path)
    await databases.create(deployment.superuser_url, server.password, {role: role for role in credentials.ROLES})
    connection = await asyncpg.connect(deployment.database_url("feed", "feed"))
    encrypted = await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    await connection.close()
    with (tmp_path / "feed.dump").open("wb") as file:
        await asyncio.to_thread(postgres_tools.dump, deployment.database_url("feed", "feed_owner"), file, None)
    assert encrypted
    assert (tmp_path / "feed.dump").stat().st_size > 0


async def test_a_postgresql_of_another_authority_is_refused(server: Server, another: Authority, tmp_path: Path) -> None:
    deployment = _deployment(server, another, tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncpg.connect(deployment.superuser_url)
    with (tmp_path / "feed.dump").open("wb") as file, pytest.raises(ConsoleError, match="certificate verify failed"):
        await asyncio.to_thread(postgres_tools.dump, deployment.database_url("feed", "feed_owner"), file, None)


async def test_the_control_without_tls_the_server_takes_nobody(
    server: Server, signing: Authority, tmp_path: Path
) -> None:
    deployment = _deployment(server, signing, tmp_path)
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await asyncpg.connect(deployment.superuser_url.partition("?")[0] + "?sslmode=disable")


def test_a_dump_with_tls_and_no_tool_for_it_names_the_package(
    server: Server, signing: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    url = _deployment(server, signing, tmp_path).database_url("feed", "feed_owner")
    with (tmp_path / "feed.dump").open("wb") as file, pytest.raises(ConsoleError, match="no pg_dump") as refused:
        postgres_tools.dump(url, file, None)
    assert (refused.value.code, "postgresql-client" in str(refused.value.then)) == (USAGE, True)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, signing: Authority) -> Iterator[str]:
    """Where a broker listens with TLS; a listener beside it is for the broker itself."""
    directory = tmp_path_factory.mktemp("kafka")
    inside, controller, outside = free_port(), free_port(), free_port()
    (directory / "broker.pem").write_text(signing.served_key.read_text() + signing.served.read_text())
    settings = plain(directory, (inside, controller, inside)) | {
        "listeners": f"PLAINTEXT://127.0.0.1:{inside},CONTROLLER://127.0.0.1:{controller},SSL://127.0.0.1:{outside}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{inside},SSL://127.0.0.1:{outside}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": directory / "broker.pem",
    }
    child = start(prepare_kafka(directory, settings, lambda _: None))
    try:
        wait_for_kafka(child, inside)
        yield f"127.0.0.1:{outside}"
    finally:
        stop(child)


async def _topics(kafka: KafkaAccess) -> set[str]:
    consumer = AIOKafkaConsumer(**kafka.client)
    try:
        await consumer.start()
        return set(await consumer.topics())
    finally:
        await consumer.stop()


def _access(bootstrap: str, by: Authority) -> KafkaAccess:
    return KafkaAccess(bootstrap, "SSL", None, SecretStr(""), by.certificate)


async def test_both_clients_verify_kafka_by_its_authority(broker: str, signing: Authority) -> None:
    kafka = _access(broker, signing)
    assert await _topics(kafka) == set()
    listed = await asyncio.to_thread(client_of(kafka).list_topics, timeout=20)
    assert len(listed.brokers) == 1


async def test_a_kafka_of_another_authority_is_refused(broker: str, another: Authority) -> None:
    with pytest.raises(KafkaConnectionError):
        await _topics(_access(broker, another))
