"""Which suite a command talks to: a local stack by name, the one in containers, or what the environment says."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
import typer

from lutong_chassis.kafka import KafkaAccess
from lutong_chassis.settings import SECRETS, SettingsError, load_kafka
from lutong_console.credentials import CONSOLE
from lutong_console.deployment import COMPOSE, Deployment, compose
from lutong_console.errors import PROBLEM, UNREACHABLE, USAGE, ConsoleError
from lutong_local.stack import SERVICES, Stack, home, load

StackName = Annotated[
    str,
    typer.Option(
        "--target", "--stack", help="`compose`, or the name of a local stack.", envvar=["LUTONG_TARGET", "LUTONG_STACK"]
    ),
]
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

    @classmethod
    def deployed(cls, deployment: Deployment) -> "Suite":
        """The suite that runs in containers."""
        urls = {service: deployment.url(service) for service in SERVICES}
        return cls(urls, deployment.kafka_as(CONSOLE), deployment.database_urls)


def stack_named(name: str) -> Stack | None:
    """The local stack of this name, if it was ever started."""
    return load(home() / name)


def suite(name: str) -> Suite:
    """The suite to talk to. LUTONG_<SERVICE>_URL, LUTONG_KAFKA_BOOTSTRAP and LUTONG_<SERVICE>_DATABASE_URL win."""
    if name == COMPOSE:
        return Suite.deployed(compose())
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
            service: _given_database(service) or (stack.database_urls.get(service, "") if stack else "")
            for service in SERVICES
        },
    )


def kafka_as(name: str, principal: str) -> KafkaAccess:
    """Kafka alone, as a principal of the deployment; a local stack knows none, and the environment says as whom."""
    if name == COMPOSE:
        return compose().kafka_as(principal)
    stack = stack_named(name)
    return stack.kafka if stack and "LUTONG_KAFKA_BOOTSTRAP" not in os.environ else _given_kafka()


def secrets_of(name: str) -> Path:
    """Where the secrets are: of the deployment, or of the container that this runs in."""
    return compose().secrets if name == COMPOSE else SECRETS


def _given_database(service: str) -> str:
    """LUTONG_<SERVICE>_DATABASE_URL; its password may be in a secret file."""
    url = os.environ.get(f"LUTONG_{service.upper()}_DATABASE_URL", "")
    file = SECRETS / "lutong_database_password"
    if not url or urlsplit(url).password or not file.exists():
        return url
    user, at, rest = url.partition("@")
    return f"{user}:{file.read_text(encoding='utf-8').strip()}{at}{rest}"


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
