"""Kafka and PostgreSQL as they are deployed, where nobody may do anything by default, on the parts of wheels.

The broker runs deploy/kafka/server.properties; secrets, roles, rules and topics are made by the commands that the
jobs of deploy/compose.yaml run.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from lutong_chassis.kafka import KafkaAccess
from lutong_console import credentials
from lutong_contracts.topics import SERVICES
from lutong_local.kafka import prepare_kafka, wait_for_kafka
from lutong_local.ports import free_port
from lutong_local.postgres import data_directory, prepare_postgres, wait_for_postgres
from lutong_local.processes import Command, start
from lutong_local.stack import Stack, down
from tests.support.command_line import Lutong

PROPERTIES: Final = Path(__file__).parents[2] / "deploy" / "kafka" / "server.properties"


@dataclass(frozen=True, slots=True)
class AclStack:
    """What runs, the directory with everybody's password, and the address where clients come."""

    stack: Stack
    secrets: Path
    host: str

    @property
    def bootstrap(self) -> str:
        return f"{self.host}:{self.stack.ports['kafka']}"

    @property
    def postgres(self) -> str:
        return f"{self.host}:{self.stack.ports['postgres']}"

    def kafka_as(self, principal: str) -> KafkaAccess:
        password = credentials.read(self.secrets, credentials.kafka_file(principal))
        return KafkaAccess(self.bootstrap, "SASL_PLAINTEXT", principal, SecretStr(password))

    def database_url(self, service: str, role: str) -> str:
        password = credentials.read(self.secrets, credentials.postgres_file(role))
        return f"postgresql://{role}:{password}@{self.postgres}/{service}"

    def environment(self, principal: str) -> dict[str, str]:
        """What a process needs to reach Kafka as a principal."""
        kafka = self.kafka_as(principal)
        username, password = kafka.credentials
        return {
            "LUTONG_KAFKA_BOOTSTRAP": kafka.bootstrap,
            "LUTONG_KAFKA_SECURITY_PROTOCOL": kafka.protocol,
            "LUTONG_KAFKA_USERNAME": username,
            "LUTONG_KAFKA_PASSWORD": password,
        }

    def lutong(self, principal: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line as a principal."""
        home = {"LUTONG_HOME": str(self.stack.directory / "none")}
        return Lutong(os.environ | self.environment(principal) | home)(*arguments)

    def acl(self, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        users = ("--users", str(self.secrets)) if verb == "apply" else ()
        return self.lutong("admin", "acl", verb, *users, *arguments)


@contextmanager
def acl_stack(directory: Path, host: str = "127.0.0.1") -> Iterator[AclStack]:
    """A broker and a server that know their administrators, and nobody else yet. `host`: another address of ours."""
    stack = Stack(directory, {name: free_port() for name in ("kafka", "controller", "internal", "postgres", *SERVICES)})
    made = AclStack(stack, directory / "secrets", host)
    Lutong(dict(os.environ))("init", "--directory", str(made.secrets)).check_returncode()
    stack.password = credentials.read(made.secrets, credentials.postgres_file(credentials.SUPERUSER))
    try:
        for name, command in (("kafka", _kafka(made)), ("postgres", _postgres(made))):
            stack.children[name] = start(command)
        wait_for_kafka(stack.children["kafka"], stack.ports["internal"])
        wait_for_postgres(stack.children["postgres"], stack.ports["postgres"], stack.password)
        yield made
    finally:
        down(stack, lambda _: None, purge=True)


def create_databases(made: AclStack) -> subprocess.CompletedProcess[str]:
    """What the job `databases` does."""
    url = f"postgresql://{credentials.SUPERUSER}@{made.postgres}/postgres"
    done = made.lutong("admin", "databases", "apply", "--url", url, "--secrets", str(made.secrets))
    assert done.returncode == 0, done.stderr
    return done


def migrate(made: AclStack, service: str) -> None:
    """What the job `<service>-migrate` does."""
    subprocess.run(
        [sys.executable, "-m", f"lutong_{service}.app", "migrate"],
        env=os.environ | {"LUTONG_DATABASE_URL": made.database_url(service, f"{service}_owner"), "LUTONG_AUTH": "off"},
        check=True,
        capture_output=True,
        timeout=60,
    )


def _kafka(made: AclStack) -> Command:
    """The deployed configuration, on free ports."""
    password = {name: credentials.read(made.secrets, credentials.kafka_file(name)) for name in ("admin", "broker")}
    filled_in = {
        "NODE": "1", "HOST": "127.0.0.1", "OUTSIDE_PORT": "0", "REPLICAS": "1", "IN_SYNC": "1", "VOTERS": "",
        "BROKER_PASSWORD": password["broker"],
    }  # fmt: skip
    text = PROPERTIES.read_text(encoding="utf-8")
    for name, value in filled_in.items():
        text = text.replace(f"@{name}@", value)
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    settings: dict[str, object] = {name: value for name, _, value in (line.partition("=") for line in lines)}
    ports = made.stack.ports
    places = f"INTERNAL://127.0.0.1:{ports['internal']},OUTSIDE://{made.bootstrap}"
    settings |= {
        "controller.quorum.voters": f"1@127.0.0.1:{ports['controller']}",
        "listeners": f"{places},CONTROLLER://127.0.0.1:{ports['controller']}",
        "advertised.listeners": places,
        "log.dirs": made.stack.directory / "kafka" / "data",
        "group.initial.rebalance.delay.ms": 0,
    }
    return _until_we_end(prepare_kafka(made.stack.directory / "kafka", settings, lambda _: None, password))


def _postgres(made: AclStack) -> Command:
    stack = made.stack
    command = prepare_postgres(stack.directory, stack.ports["postgres"], stack.password, lambda _: None)
    if made.host != "127.0.0.1":
        with (data_directory(stack.directory) / "pg_hba.conf").open("a", encoding="utf-8") as rules:
            rules.write("host all all all scram-sha-256\n")
        places = ["-c", f"listen_addresses=127.0.0.1,{made.host}"]
        command = replace(command, arguments=[*command.arguments, *places])
    return _until_we_end(command)


def _until_we_end(command: Command) -> Command:
    return replace(command, dies_with_parent=True)
