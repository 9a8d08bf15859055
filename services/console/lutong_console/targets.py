"""Which suite a command talks to, and as which principal: a local stack by name, the one in containers, or what is set."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote, urlsplit

import httpx
import typer

from lutong_chassis import addresses
from lutong_chassis.auth import Principal
from lutong_chassis.kafka import KafkaAccess
from lutong_chassis.settings import SECRETS, KafkaSettings, SettingsError, read
from lutong_chassis.tokens import Signer
from lutong_console import credentials
from lutong_console.bearer import Bearer, acting_as, operator
from lutong_console.cli import given
from lutong_console.cli.errors import PROBLEM, UNREACHABLE, USAGE, ConsoleError
from lutong_console.credentials import CONSOLE
from lutong_console.deployment import COMPOSE, Deployment, compose, directory
from lutong_contracts.topics import SERVICES

if TYPE_CHECKING:
    from lutong_local.stack import Stack

StackName = Annotated[
    str,
    typer.Option(
        "--target",
        "--stack",
        help="`compose`, or the name of a local stack.",
        envvar=["LUTONG_TARGET", "LUTONG_STACK"],
        callback=given.stack,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

_ANSWER_TIMEOUT_S: Final = 30.0
_HERE: Final = dict.fromkeys(("all://127.0.0.1", "all://localhost", "all://[::1]"))
"""What no proxy stands before."""


def signer_of(name: str) -> Signer:
    """The key of a suite that signs tokens, where it is on this machine."""
    if name == COMPOSE:
        return compose().signer
    if (stack := stack_named(name)) is None:
        raise nothing_runs(name)
    return stack.signer


@dataclass(frozen=True, slots=True)
class Suite:
    """Where the services, Kafka and the databases of a running suite are."""

    urls: dict[str, str]
    kafka: KafkaAccess
    database_urls: dict[str, str]
    auth: httpx.Auth = field(default_factory=httpx.Auth, repr=False)
    """The principal of requests: that of the token which was given, or an operator of the local stack."""
    issuer: "Stack | Deployment | None" = field(default=None, repr=False)
    """What signs tokens for anybody, where it is on this machine."""

    @classmethod
    def of(cls, stack: "Stack") -> "Suite":
        """The suite that runs as a local stack."""
        urls = {service: stack.url(service) for service in SERVICES}
        return cls(urls, stack.kafka, stack.database_urls, operator(stack.signer), stack)

    def acting_as(self, who: Principal) -> Bearer:
        """Ask the services as this principal; an error where no key that signs tokens is on this machine."""
        if self.issuer is None:
            raise ConsoleError(f"no key that signs a token for a {who.role} is here", then="lutong up", code=USAGE)
        return acting_as(self.issuer.signer, who)

    def client(self, timeout_s: float, connections_max: int = 100) -> httpx.AsyncClient:
        """A client of the services. Those on this machine are asked directly, whatever proxy a shell names."""
        limits = httpx.Limits(max_connections=connections_max)
        far = not all(addresses.is_here(url) for url in self.urls.values())
        try:
            return httpx.AsyncClient(timeout=timeout_s, limits=limits, auth=self.auth, trust_env=far, mounts=_HERE)
        except (ImportError, ValueError) as error:
            raise ConsoleError(
                f"the services are reached through the proxy that HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names, and it is none "
                f"for HTTP: {str(error).partition('.')[0]}",
                then="unset ALL_PROXY",
                code=USAGE,
            ) from None

    @classmethod
    def deployed(cls, deployment: Deployment) -> "Suite":
        """The suite that runs in containers."""
        urls = {service: deployment.url(service) for service in SERVICES}
        return cls(urls, deployment.kafka_as(CONSOLE), deployment.database_urls, _auth(deployment), deployment)


def stack_named(name: str) -> "Stack | None":
    """The local stack of this name, if it was ever started. The image of the command line contains no local stack."""
    try:
        from lutong_local.stack import home, load
    except ModuleNotFoundError:
        return None
    return load(home() / name)


def running_stacks() -> list[str]:
    """Names of the local stacks of which something runs."""
    try:
        from lutong_local.stack import home, load
    except ModuleNotFoundError:
        return []
    found = ((path.parent.name, load(path.parent)) for path in home().glob("*/stack.json"))
    return sorted(name for name, stack in found if stack and any(map(stack.runs, stack.children)))


def ended_pieces(name: str) -> dict[str, datetime | None]:
    """Pieces of a local stack that were started and run no more, each with the moment at which its log ends."""
    stack = stack_named(name)
    if stack is None:
        return {}
    return {piece: _log_end(Path(child.log)) for piece, child in stack.children.items() if not child.alive}


def _log_end(log: Path) -> datetime | None:
    return datetime.fromtimestamp(log.stat().st_mtime, UTC) if log.exists() else None


def nothing_runs(name: str) -> ConsoleError:
    """No stack runs under a name: names those that do."""
    others = running_stacks()
    those = f"; running: {', '.join(others)}" if others else "; no other runs either"
    return ConsoleError(f"no stack is running under the name {name!r}{those}", then="lutong up", code=UNREACHABLE)


def suite(name: str) -> Suite:
    """The suite to talk to. LUTONG_<SERVICE>_URL, LUTONG_KAFKA_BOOTSTRAP and LUTONG_<SERVICE>_DATABASE_URL win."""
    if name == COMPOSE and not in_a_container():
        return Suite.deployed(compose())
    stack = stack_named(name)
    urls = {service: _setting(f"LUTONG_{service.upper()}_URL", addresses.http_url) for service in SERVICES}
    if stack is None or not stack.children:
        if not all(urls.values()):
            raise nothing_runs(name)
        stack = None
    return Suite(
        auth=_auth(stack),
        issuer=stack,
        urls={service: urls[service] or (stack.url(service) if stack else "") for service in SERVICES},
        kafka=_kafka_of(stack),
        database_urls={
            service: _database_setting(service) or (stack.database_urls.get(service, "") if stack else "")
            for service in SERVICES
        },
    )


def in_a_container() -> bool:
    """Whether this is the container of the command line: its environment has where everything is, and has no compose.yaml."""
    return "LUTONG_FEED_URL" in os.environ and not (directory() / "compose.yaml").exists()


def deployment_of(name: str) -> Deployment | None:
    """The deployment that a name means, where its files are; None for a local stack, and in a container of it."""
    return compose() if name == COMPOSE and not in_a_container() else None


def services(target: Suite, service: str | None) -> list[str]:
    """The service of this name, or all of a suite."""
    if service is None:
        return list(target.urls)
    if service not in target.urls:
        raise ConsoleError(f"there is no service {service!r}: there are {', '.join(target.urls)}", code=USAGE)
    return [service]


def kafka_as(name: str, principal: str) -> KafkaAccess:
    """Kafka alone, as a principal of the deployment; a local stack knows none, and the environment names the user."""
    if name == COMPOSE and not in_a_container():
        return compose().kafka_as(principal)
    return _kafka_of(stack_named(name))


def secrets_of(name: str) -> Path:
    """Where the secrets are: of the deployment, or of the container that this runs in."""
    return compose().secrets if name == COMPOSE else SECRETS


def _setting(variable: str, check: Callable[[str], str]) -> str:
    """What a variable holds, checked as it is read; an empty text where it is not set."""
    value = os.environ.get(variable, "")
    try:
        return check(value) if value else ""
    except ValueError as error:
        raise ConsoleError(f"{variable} {error}", code=USAGE) from None


def _database_setting(service: str) -> str:
    """LUTONG_<SERVICE>_DATABASE_URL; its password may be in a secret file."""
    url = _setting(f"LUTONG_{service.upper()}_DATABASE_URL", addresses.postgres_url)
    file = SECRETS / "lutong_database_password"
    if not url or urlsplit(url).password or not file.exists():
        return url
    user, at, rest = url.partition("@")
    return f"{user}:{quote(credentials.read(SECRETS, file.name), safe='')}{at}{rest}"


def _kafka_of(stack: "Stack | None") -> KafkaAccess:
    """A stack's Kafka, unless LUTONG_KAFKA_* variables and secret files name another."""
    if stack and "LUTONG_KAFKA_BOOTSTRAP" not in os.environ:
        return stack.kafka
    try:
        return read(KafkaSettings).kafka
    except SettingsError as error:
        raise ConsoleError(str(error), code=USAGE) from None


def _auth(issuer: "Stack | Deployment | None") -> httpx.Auth:
    """LUTONG_TOKEN or LUTONG_TOKEN_FILE win; otherwise the key of the stack or deployment signs."""
    token, file = _setting("LUTONG_TOKEN", addresses.token), os.environ.get("LUTONG_TOKEN_FILE")
    if token:
        return Bearer(lambda: token)
    if file:
        return Bearer(lambda: _read_token(Path(file)))
    return operator(issuer.signer) if issuer else httpx.Auth()


def _read_token(file: Path) -> str:
    try:
        return addresses.token(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConsoleError(f"LUTONG_TOKEN_FILE {file}: {type(error).__name__}", code=USAGE) from None
    except ValueError as error:
        raise ConsoleError(f"LUTONG_TOKEN_FILE {file} {error}", code=USAGE) from None


def _refused(answer: httpx.Response, document: dict[str, Any]) -> ConsoleError:
    """A refusal in words: about an option, where the command has it, and not about a field of a body."""
    wrong = []
    for error in document.get("errors", ()):
        field = error["pointer"].split("/")[2] if error["pointer"].count("/") > 1 else ""
        option = given.option_of(field)
        if option is None:
            break
        wrong.append(f"{option}{error['detail'].removeprefix(field)}")
    else:
        if wrong:
            return ConsoleError("; ".join(wrong), code=USAGE, status=answer.status_code)
    denied = answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}
    then = "set LUTONG_TOKEN or LUTONG_TOKEN_FILE to the token of an operator" if denied else ""
    where = f"{answer.request.method} {answer.request.url}: {answer.status_code}"
    detail = str(document.get("detail"))
    fields = ", ".join(f"{error['pointer']}: {error['detail']}" for error in document.get("errors", ()))
    with_fields = f"{detail}: {fields}" if fields and fields not in detail else detail
    return ConsoleError(f"{where} {detail}", then=then, code=PROBLEM, status=answer.status_code, detail=with_fields)


def answered(stack: str, service: str, method: str, path: str, *, reason: str | None = None, **arguments: Any) -> Any:  # noqa: ANN401  # JSON
    """What one service of a suite answers to one request. A reason is for its audit."""
    why = {"headers": {"lutong-reason": quote(reason)}} if reason else {}

    async def once() -> Any:  # noqa: ANN401  # JSON
        target = suite(stack)
        async with target.client(_ANSWER_TIMEOUT_S) as client:
            return await call(client, method, f"{target.urls[service]}{path}", **why, **arguments)

    return asyncio.run(once())


async def call(client: httpx.AsyncClient, method: str, url: str, **arguments: Any) -> Any:  # noqa: ANN401  # JSON
    """Ask a service, waiting when that is too often; a refusal or silence becomes an error that a person can act on."""
    answer = await ask(client, method, url, **arguments)
    return answer.json() if answer.content else None


async def ask(client: httpx.AsyncClient, method: str, url: str, **arguments: Any) -> httpx.Response:
    """The same, for who wants to see the headers of the answer."""
    try:
        while (answer := await client.request(method, url, **arguments)).status_code == httpx.codes.TOO_MANY_REQUESTS:
            after_s = answer.headers.get("retry-after", "")
            await asyncio.sleep(int(after_s) if after_s.isdecimal() else 1)  # as long as we were asked to
    except httpx.TransportError as error:
        raise ConsoleError(
            f"{url} does not answer ({type(error).__name__})", then="lutong status", code=UNREACHABLE
        ) from None
    if answer.is_error:
        document = answer.json() if "json" in answer.headers.get("content-type", "") else {"detail": answer.text[:200]}
        raise _refused(answer, document)
    return answer
