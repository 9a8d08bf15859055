"""lutong acl: who may do what on Kafka, from the contracts. What is not declared is denied.

A service writes the topics that it owns, reads those that its handlers listen to, and commits offsets of its own
group. Rules of principals that are not ours are left alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from lutong_chassis.kafka import KafkaAccess
from lutong_console import credentials
from lutong_console.cli.errors import PROBLEM, UNREACHABLE, ConsoleError
from lutong_console.cli.screen import emit_json, out, table
from lutong_console.credentials import CONSOLE, KAFKA_ADMIN, PRINCIPALS, READER, TOPICS_JOB
from lutong_console.offsets import client_of
from lutong_console.subscriptions import handled_types
from lutong_console.targets import Json, StackName, kafka_as, secrets_of
from lutong_contracts import TOPICS, event_types
from lutong_contracts.topics import SERVICES

commands = typer.Typer(help="Who may do what on Kafka: plan, apply.", no_args_is_help=True)

_TIMEOUT_S: Final = 20.0
_ITERATIONS: Final = 8192


@dataclass(frozen=True, slots=True, order=True)
class Rule:
    """A principal may do an operation on what has this name, or, when `prefixed`, a name that begins so."""

    principal: str
    operation: str
    kind: str
    name: str
    prefixed: bool = False


def declared() -> list[Rule]:
    """Every rule that follows from the contracts and the handlers."""
    return sorted({*(rule for service in SERVICES for rule in _of_service(service)), *_of_tools()})


def _of_service(service: str) -> Iterator[Rule]:
    principal = f"lutong-{service}"
    handled = handled_types()[service]
    for topic in TOPICS:
        if topic.owner == service:
            yield Rule(principal, "WRITE", "TOPIC", topic.name)
    for event in event_types().values():
        if event.type in handled:
            yield Rule(principal, "READ", "TOPIC", event.topic.name)
    yield Rule(principal, "READ", "GROUP", principal, prefixed=True)


def _of_tools() -> Iterator[Rule]:
    """The console looks at everything, the verifier reads, and a job makes topics. None of them writes an event."""
    yield Rule(CONSOLE, "READ", "TOPIC", "lutong.", prefixed=True)
    yield Rule(CONSOLE, "DESCRIBE_CONFIGS", "TOPIC", "lutong.", prefixed=True)
    yield Rule(CONSOLE, "DESCRIBE", "GROUP", "lutong-", prefixed=True)
    yield Rule(CONSOLE, "DESCRIBE", "BROKER", "kafka-cluster")
    yield Rule(CONSOLE, "DESCRIBE_CONFIGS", "BROKER", "kafka-cluster")
    yield Rule(READER, "READ", "TOPIC", "lutong.", prefixed=True)
    yield Rule(TOPICS_JOB, "CREATE", "TOPIC", "lutong.", prefixed=True)
    yield Rule(TOPICS_JOB, "DESCRIBE", "TOPIC", "lutong.", prefixed=True)
    yield Rule(TOPICS_JOB, "DESCRIBE_CONFIGS", "TOPIC", "lutong.", prefixed=True)


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between the contracts and the broker."""

    missing: list[Rule]
    surplus: list[Rule]
    users: list[str]
    """Principals that have no password yet."""

    def __bool__(self) -> bool:
        """Whether anything does."""
        return bool(self.missing or self.surplus or self.users)


def compare(client: AdminClient) -> Changes:
    """What would have to change on the broker."""
    wanted, there = set(declared()), set(_present(client))
    return Changes(sorted(wanted - there), sorted(there - wanted), _unknown_users(client))


@commands.command()
def plan(stack: StackName = "default", *, as_json: Json = False) -> None:
    """Show what `apply` would change. Exit code 1 when there is anything."""
    client = administrator(kafka_as(stack, KAFKA_ADMIN))
    changes = _answered(lambda: compare(client))
    _show(changes, as_json=as_json)
    if changes:
        raise typer.Exit(PROBLEM)


@commands.command()
def apply(
    stack: StackName = "default",
    users: Annotated[
        Path | None, typer.Option("--users", help="Set passwords from the kafka_* files in this directory.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Make the broker's rules those of the contracts, and give principals the passwords in their files."""
    client = administrator(kafka_as(stack, KAFKA_ADMIN))
    directory = users or secrets_of(stack)
    passwords = {name: credentials.read(directory, credentials.kafka_file(name)) for name in PRINCIPALS}
    changes = _answered(lambda: compare(client))
    _answered(lambda: set_passwords(client, passwords))
    _answered(lambda: change(client, changes))
    _show(changes, as_json=as_json)


def change(client: AdminClient, changes: Changes) -> None:
    """Add what is missing before taking away what is too much."""
    if changes.missing:
        _wait(client.create_acls([_binding(rule) for rule in changes.missing], request_timeout=_TIMEOUT_S))
    if changes.surplus:
        _wait(client.delete_acls([_filter(rule) for rule in changes.surplus], request_timeout=_TIMEOUT_S))


def set_passwords(client: AdminClient, passwords: dict[str, str]) -> None:
    """Give principals their passwords; what the broker keeps does not contain them."""
    kept = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _ITERATIONS)
    _wait(
        client.alter_user_scram_credentials(
            [UserScramCredentialUpsertion(name, kept, password.encode()) for name, password in passwords.items()]
        )
    )


def administrator(kafka: KafkaAccess) -> AdminClient:
    """A client that may change rules, checked to be one: librdkafka 2.16 corrupts its memory when it is refused."""
    client = client_of(kafka)
    described = _answered(
        lambda: client.describe_cluster(include_authorized_operations=True, request_timeout=_TIMEOUT_S).result()
    )
    if AclOperation.ALTER not in (described.authorized_operations or ()):
        raise ConsoleError(
            f"{kafka.username or 'a client without a name'} may not change rules at {kafka.bootstrap}",
            then="set LUTONG_KAFKA_USERNAME to an administrator's name",
            code=PROBLEM,
        )
    return client


def _present(client: AdminClient) -> Iterator[Rule]:
    """The rules of our principals as the broker has them. What denies, or minds the host, is an operator's own."""
    for name in PRINCIPALS:
        any_name: Any = None  # its annotation knows no wildcard
        everything = AclBindingFilter(
            ResourceType.ANY,
            any_name,
            ResourcePatternType.ANY,
            f"User:{name}",
            "*",
            AclOperation.ANY,
            AclPermissionType.ALLOW,
        )
        for binding in client.describe_acls(everything, request_timeout=_TIMEOUT_S).result():
            yield Rule(
                name,
                binding.operation.name,
                binding.restype.name,
                binding.name,
                binding.resource_pattern_type == ResourcePatternType.PREFIXED,
            )


def _unknown_users(client: AdminClient) -> list[str]:
    known: Any = client.describe_user_scram_credentials(request_timeout=_TIMEOUT_S)  # one future: nobody is named
    known = known.result()
    return [name for name in PRINCIPALS if name not in known]


def _binding(rule: Rule) -> AclBinding:
    return AclBinding(*_terms(rule))


def _filter(rule: Rule) -> AclBindingFilter:
    return AclBindingFilter(*_terms(rule))


def _terms(rule: Rule) -> tuple[Any, ...]:
    """What confluent-kafka's two classes are made of; rules allow, from any host."""
    pattern = ResourcePatternType.PREFIXED if rule.prefixed else ResourcePatternType.LITERAL
    return (
        ResourceType[rule.kind],
        rule.name,
        pattern,
        f"User:{rule.principal}",
        "*",
        AclOperation[rule.operation],
        AclPermissionType.ALLOW,
    )


def _wait(futures: dict[Any, Any]) -> None:
    for future in futures.values():
        future.result()


def _answered(ask: Callable[[], Any]) -> Any:  # noqa: ANN401  # gives what `ask` gives
    try:
        return ask()
    except KafkaException as error:
        raise ConsoleError(f"Kafka does not do it: {error.args[0].name()}", code=UNREACHABLE) from None


def _show(changes: Changes, *, as_json: bool) -> None:
    if as_json:
        emit_json(
            {
                "add": [_as_json(rule) for rule in changes.missing],
                "remove": [_as_json(rule) for rule in changes.surplus],
                "users": changes.users,
            }
        )
    elif changes:
        rows = [("add", "user", name, "", "") for name in changes.users]
        rows += [("add", *_row(rule)) for rule in changes.missing]
        rows += [("remove", *_row(rule)) for rule in changes.surplus]
        out.print(table(["", "kind", "principal", "operation", "on"], rows))
    else:
        out.print(f"{len(declared())} rules, as the contracts declare")


def _row(rule: Rule) -> tuple[str, str, str, str]:
    kind = "cluster" if rule.kind == "BROKER" else rule.kind.lower()  # librdkafka's word for the protocol's
    return kind, rule.principal, rule.operation.lower(), f"{rule.name}{'*' if rule.prefixed else ''}"


def _as_json(rule: Rule) -> dict[str, Any]:
    kind, principal, operation, name = _row(rule)
    return {"kind": kind, "principal": principal, "operation": operation, "on": name}
