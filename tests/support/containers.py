"""The docker tier of the tests' ladder: Kafka and PostgreSQL of the images that are deployed, by testcontainers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from lutong_local.kafka import VERSION, plain
from lutong_local.ports import free_port

_POSTGRES: Final = "postgres:17"
_KAFKA: Final = f"apache/kafka:{VERSION}"


class Started(NamedTuple):
    """Where Kafka and PostgreSQL are; `admin_url` is of a superuser."""

    kafka_bootstrap: str
    admin_url: str


@contextmanager
def containers() -> Iterator[Started]:
    """Start both on loopback; the containers are gone with the block.

    The `KafkaContainer` of testcontainers drives Confluent's image only, so the broker is a plain container. Its port
    is the same inside and outside: a client comes back to where the broker says that it is.
    """
    port = free_port()
    broker = (
        DockerContainer(_KAFKA)
        .with_envs(**_variables(port))
        .with_bind_ports(port, port)
        .waiting_for(LogMessageWaitStrategy("Kafka Server started"))
    )
    load = "postgres -c max_connections=200 -c max_locks_per_transaction=256"  # as many as the local tier's
    database = PostgresContainer(_POSTGRES, driver=None).with_command(load)
    with broker, database:
        yield Started(f"127.0.0.1:{port}", database.get_connection_url(host="127.0.0.1"))


def _variables(port: int) -> dict[str, str]:
    """The local tier's settings, as the image wants them, for a broker that is reached from outside its container."""
    settings = plain(Path("/var/lib/kafka"), (port, 9093, port)) | {
        "listeners": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "controller.quorum.voters": "1@localhost:9093",
    }
    return {f"KAFKA_{name.upper().replace('.', '_')}": str(value) for name, value in settings.items()}
