"""lutong doctor: what is wrong before it hurts, and the command that mends it. Whatever it meets becomes a line of its own."""

import asyncio
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import httpx
import typer
from aiokafka.errors import KafkaError

from lutong_console import backups, connection_checks, container_checks, database_checks, expiry, kafka_checks
from lutong_console.cli import given
from lutong_console.cli.errors import PROBLEM, ConsoleError
from lutong_console.cli.frame import explained
from lutong_console.cli.screen import emit_json, out, table
from lutong_console.container_checks import Pieces
from lutong_console.deployment import Deployment
from lutong_console.findings import Finding
from lutong_console.parked_records import parked_of
from lutong_console.targets import Json, StackName, Suite, call, deployment_of, ended_pieces, suite
from lutong_contracts.sentences import counted

_STUCK_AFTER_S: Final = 60.0
"""Where a service does not report after how long a batch is stuck (`LUTONG_STUCK_TIMEOUT_S`): the release before."""
_NOTICED_WITHIN: Final = timedelta(minutes=1)
_UNREADY: Final = {
    "database": "its database does not answer, or takes no writes",
    "broker": "Kafka does not answer it",
    "assignment": "it has no partitions: Kafka is away, or it has more replicas than partitions",
    "loops": "a background loop fails again and again",
}
"""What it means when a check of readiness fails."""
_FOLLOWS: Final = {"kafka": ("broker", "assignment"), "postgres": ("database", "loops")}
"""The checks of services that fail when a piece has ended: the piece is what is wrong."""


def doctor(stack: StackName = "default", *, as_json: Json = False) -> None:
    """Look for what goes wrong in production. Exit code 1 when anything is found."""
    target, deployment = suite(stack), deployment_of(stack)
    pieces = _pieces(stack, deployment)
    findings = [*pieces.findings, *asyncio.run(_examine(target, pieces, deployment))]
    findings += expiry.judge(expiry.found(deployment), datetime.now(UTC))
    if deployment and (where := deployment.variables.get("LUTONG_BACKUPS")):
        findings += filter(None, [backups.judge_age(deployment.place / where, datetime.now(UTC))])
    if as_json:
        emit_json([{"what": finding.what, "then": given.here(finding.then)} for finding in findings])
    elif findings:
        out.print(
            table(["what is wrong", "what to do"], [(finding.what, given.here(finding.then)) for finding in findings])
        )
    else:
        out.print("nothing is wrong")
    if findings:
        raise typer.Exit(PROBLEM)


def _pieces(stack: str, deployment: Deployment | None) -> Pieces:
    """Processes or containers, as they are."""
    if deployment is None:
        ended = ended_pieces(stack)
        return Pieces(list(judge_processes(ended)), frozenset(ended))
    try:
        return container_checks.look(deployment.place)
    except Exception as error:
        return Pieces([_as_finding(error)])


def _as_finding(error: Exception) -> Finding:
    """An error that a check met, as a finding: one piece that is broken hides no other."""
    words = explained(error)
    return Finding(str(words), words.then or "lutong status")


async def _surviving(check: Awaitable[Iterable[Finding]]) -> list[Finding]:
    try:
        return list(await check)
    except Exception as error:
        return [_as_finding(error)]


def judge_processes(ended: Mapping[str, datetime | None]) -> Iterator[Finding]:
    """Processes of a local stack that have ended, and when as far as their logs show."""
    for piece, at in ended.items():
        when = f"; its log ends at {at:%Y-%m-%d %H:%M:%S}Z" if at else ""
        yield Finding(f"{piece}: its process has ended{when}", f"lutong up (why: lutong logs {piece})")


async def _examine(target: Suite, pieces: Pieces, deployment: Deployment | None) -> list[Finding]:
    """What is wrong, without what only follows from pieces that have ended."""
    ended = pieces.ended
    databases = {} if "postgres" in ended else target.database_urls
    republished = {service: await _republished(url) for service, url in databases.items()}
    findings: list[Finding] = []
    for service in (name for name in target.urls if name not in ended):
        findings += await _surviving(_service(target, service, republished, ended))
    for service, url in databases.items():
        findings += await _surviving(database_checks.check(service, url))
    for url in {urlsplit(url).netloc.rpartition("@")[2]: url for url in databases.values()}.values():
        findings += await _surviving(connection_checks.check(url))
    if deployment and pieces.running:
        findings += await _surviving(container_checks.disks(deployment, pieces))
    if deployment and databases:
        findings += await _surviving(container_checks.logins(deployment))
    if "kafka" not in ended:
        findings += await _surviving(_kafka(target, deployment))
    return findings


async def _kafka(target: Suite, deployment: Deployment | None) -> list[Finding]:
    try:
        asked = deployment.brokers if deployment else None
        return [*await kafka_checks.topics(target.kafka, asked), *await kafka_checks.offsets(target)]
    except KafkaError as error:
        return [Finding(f"Kafka does not answer ({type(error).__name__})", "lutong logs kafka")]


async def _republished(url: str) -> datetime | None:
    """When a service last published again what it had published, if it did and its database answers."""
    latest = "SELECT max(at) FROM audit WHERE action IN ('outbox.republish', 'republished')"
    at: datetime | None = None
    async with database_checks.connected(url) as connection:
        # Tables that are not there yet, or that this role may not read: another check finds it.
        with suppress(asyncpg.PostgresError):
            at = await connection.fetchval(latest) if connection else None
    return at


async def _service(
    target: Suite, service: str, republished: Mapping[str, datetime | None], ended: frozenset[str]
) -> list[Finding]:
    url = target.urls[service]
    try:
        async with target.client(5) as client:
            ready, live = [await _document(client, f"{url}/{path}") for path in ("readyz", "livez")]
            findings = list(judge_health(service, live, ready, ended))
            if ready.get("checks", {}).get("database"):
                _, parked = await parked_of(client, url)
                findings += judge_parked(service, parked)
                consumer = await call(client, "GET", f"{url}/operations/consumer")
                consumer["missed"] = [row for row in consumer["missed"] if not came_back(row, republished)]
                findings += judge_consumer(service, consumer, live.get("stuck"), datetime.now(UTC))
    except httpx.TransportError:
        return [Finding(f"{service} does not answer", f"lutong logs {service}, then lutong restart {service}")]
    except ConsoleError as error:
        return [Finding(str(error), error.then or f"lutong logs {service}")]
    return findings


async def _document(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    """What a service reports, or what stands there instead of it: never an error but silence."""
    answer = await client.get(url)
    try:
        document = answer.json()
    except ValueError:
        document = None
    there = document if isinstance(document, dict) else {"detail": f"something that is no answer of a service at {url}"}
    return {"status": answer.status_code} | there


def judge_health(
    service: str, live: Mapping[str, Any], ready: Mapping[str, Any], ended: frozenset[str] = frozenset()
) -> Iterator[Finding]:
    """What is wrong by /livez and /readyz, without what follows from pieces that have ended."""
    follows = {check for piece in ended for check in _FOLLOWS.get(piece, ())}
    for path, document, name in (("/readyz", ready, "checks"), ("/livez", live, "live")):
        if name not in document:
            what = f"{service}: {path} answers {document.get('status', 'nothing')}: {document.get('detail') or document.get('title')}"
            yield Finding(what, f"lutong logs {service}")
    for name, there in ready.get("checks", {}).items():
        if not there and name not in follows:
            yield Finding(f"{service}: {_UNREADY.get(name, f'no {name}')}", f"lutong logs {service}")
    if since := ready.get("quiet_since"):
        what = f"{service} is quiet since {since}, as a restore left it: it consumes and publishes nothing"
        yield Finding(what, "look around, then: lutong resume --reason …")
    if not live.get("live", True):
        yield Finding(f"{service} is not alive: {live.get('reason')}", f"lutong restart {service}")


def judge_parked(service: str, total: int) -> Iterator[Finding]:
    """Records that wait for an operator."""
    if total:
        what = f"{counted(total, 'record')} {'is' if total == 1 else 'are'} parked"
        yield Finding(f"{service}: {what}", f"lutong parked list --service {service}")


def judge_consumer(service: str, consumer: Mapping[str, Any], stuck: str | None, now: datetime) -> Iterator[Finding]:
    """What consumers of a service try in vain, what retention took before them, and whose keys are misplaced.

    `consumer` is what /operations/consumer reports of all replicas, `stuck` the sentence of the one that was asked.
    """
    after_s = consumer.get("stuck_timeout_s", _STUCK_AFTER_S)
    long = [row for row in consumer["stuck"] if _lasts_s(row, now) > after_s]
    for row in long:
        guilty = row["guilty"] is not None
        skip = f"lutong parked skip {row['topic']} {row['partition']} {row['guilty']} --service {service} --reason …"
        what = f"{service} tries the same batch for {_lasts_s(row, now):.0f} s: {row['error']}, {row['where']}"
        yield Finding(what, f"mend it (lutong logs {service}), or: {skip}" if guilty else f"lutong logs {service}")
    if stuck and not long:
        yield Finding(f"{service} {stuck}", f"lutong logs {service}")
    for row in consumer["missed"]:
        lost = row["begin"] - row["first"]
        what = f"{service} missed up to {counted(lost, 'event')} of {row['topic']}/{row['partition']}: retention passed {row['first']}"
        yield Finding(what, "lutong republish --since 7d --reason 'retention passed a consumer'")
    for row in consumer.get("unknown", ()):  # the release before does not answer that
        what = f"{service} passes over {row['type']}, which its version does not know, since {row['since']}"
        yield Finding(what, f"upgrade {service}: it then reads them from there, as far as the topic keeps them")
    for row in consumer["misplaced"]:
        last = f"{row['topic']}/{row['partition']}@{row['offset']}"
        events = counted(row["records"], "event")
        what = f"{service}: the keys of {events} of {row['source']} belong in other partitions, last {last}"
        yield Finding(what, "its publisher: partitioner=murmur2_random (docs/publishing.md)")


def came_back(row: Mapping[str, Any], republished: Mapping[str, datetime | None]) -> bool:
    """Whether the owner of the topic published again after these events were missed: a consumer notices a moment later."""
    at = republished.get(row["topic"].split(".")[1])
    return at is not None and at > datetime.fromisoformat(row["noticed_at"]) - _NOTICED_WITHIN


def _lasts_s(row: Mapping[str, Any], now: datetime) -> float:
    return (now - datetime.fromisoformat(row["since"])).total_seconds()
