"""Which suite a command talks to: the local stack by name, or what the environment says."""

import os
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
import typer

from lutong_chassis.kafka import KafkaAccess
from lutong_chassis.settings import SettingsError, load_kafka
from lutong_console.errors import PROBLEM, UNREACHABLE, USAGE, ConsoleError
from lutong_local.stack import SERVICES, Stack, home, load

StackName = Annotated[str, typer.Option("--stack", help="Name of the local stack.", envvar="LUTONG_STACK")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@dataclass(frozen=True, slots=True)
class Suite:
    """Where the services, Kafka and the databases of a running suite are."""

    urls: dict[str, str]
    kafka: KafkaAccess
    database_urls: dict[str, str]

    @classmethod
    def of(cls, stack: Stack) -> "Suite":
        """The suite that runs as a local stack."""
        return cls({service: stack.url(service) for service in SERVICES}, stack.kafka, stack.database_urls)


def stack_named(name: str) -> Stack | None:
    """The local stack of this name, if it was ever started."""
    return load(home() / name)


def suite(name: str) -> Suite:
    """The suite to talk to. LUTONG_<SERVICE>_URL, LUTONG_KAFKA_BOOTSTRAP and LUTONG_<SERVICE>_DATABASE_URL win."""
    stack = stack_named(name)
    given = {service: os.environ.get(f"LUTONG_{service.upper()}_URL") for service in SERVICES}
    if stack is None or not stack.children:
        if not all(given.values()):
            raise ConsoleError(f"no suite is running under the name {name!r}", then="lutong up", code=UNREACHABLE)
        stack = None
    return Suite(
        urls={service: given[service] or (stack.url(service) if stack else "") for service in SERVICES},
        kafka=stack.kafka if stack and "LUTONG_KAFKA_BOOTSTRAP" not in os.environ else _given_kafka(),
        database_urls={
            service: os.environ.get(f"LUTONG_{service.upper()}_DATABASE_URL")
            or (stack.database_urls.get(service, "") if stack else "")
            for service in SERVICES
        },
    )


def _given_kafka() -> KafkaAccess:
    """Kafka as LUTONG_KAFKA_* variables and secret files say."""
    try:
        return load_kafka()
    except SettingsError as error:
        raise ConsoleError(str(error), code=USAGE) from None


async def call(client: httpx.AsyncClient, method: str, url: str, **arguments: Any) -> Any:  # noqa: ANN401  # JSON
    """Ask a service; a refusal or silence becomes an error that a person can act on."""
    try:
        answer = await client.request(method, url, **arguments)
    except httpx.TransportError as error:
        raise ConsoleError(
            f"{url} does not answer ({type(error).__name__})", then="lutong status", code=UNREACHABLE
        ) from None
    if answer.is_error:
        document = answer.json() if "json" in answer.headers.get("content-type", "") else {"detail": answer.text[:200]}
        raise ConsoleError(f"{method} {url}: {answer.status_code} {document.get('detail')}", code=PROBLEM)
    return answer.json() if answer.content else None
