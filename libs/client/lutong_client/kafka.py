"""Straight to Kafka, for those who may write a topic. Needs the extra: `pip install lutong-client[kafka]`."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaProducer, errors

from lutong_client.message import Message, PublishError, Receipt

_TOO_LARGE: Final = "carry an id instead of the content"
_NOT_ALLOWED: Final = "let the principal write the topic, or use the HTTP transport"
_SECURITY: Final = "compare the security options with those of the broker"
_OPTIONS: Final = "compare the options with those of an AIOKafkaProducer and with the broker's version"
_FOR_GOOD: Final[dict[type[BaseException], str]] = {
    errors.MessageSizeTooLargeError: _TOO_LARGE,
    errors.RecordListTooLargeError: _TOO_LARGE,
    errors.TopicAuthorizationFailedError: _NOT_ALLOWED,
    errors.ClusterAuthorizationFailedError: _NOT_ALLOWED,
    errors.AuthenticationFailedError: _SECURITY,
    errors.AuthenticationMethodNotSupported: _SECURITY,
    errors.UnsupportedSaslMechanismError: _SECURITY,
    errors.SaslAuthenticationFailed: _SECURITY,
    errors.InvalidTopicError: _OPTIONS,
    errors.InvalidRequiredAcksError: _OPTIONS,
    errors.InvalidTimestampError: _OPTIONS,
    errors.UnsupportedVersionError: _OPTIONS,
    errors.UnsupportedCodecError: _OPTIONS,
    errors.IncompatibleBrokerVersion: _OPTIONS,
    errors.UnrecognizedBrokerVersion: _OPTIONS,
    errors.PolicyViolationError: _OPTIONS,
    ValueError: _OPTIONS,
    TypeError: _OPTIONS,
}
"""What another try cannot mend, and what to do instead. Whatever else happens is worth another try."""

_MISSING_TOPIC: Final = "create the topics (`lutong topics apply`), then publish again under the same id"
_AGAIN: Final = "publish again under the same id; a copy has no second effect"


class AsyncKafkaTransport:
    """Awaits Kafka's acknowledgement. `options` are those of an AIOKafkaProducer, security among them.

    `timeout_s` is how long one message may take. A failure is a `PublishError`; the next `send` connects anew, so a
    broker that was away at first, or goes away in between, may come back. A receipt states that the event is on its
    topic: a consumer that cannot handle it sets it aside afterwards.
    """

    def __init__(self, bootstrap_servers: str, *, timeout_s: float = 30, **options: Any) -> None:
        self._servers = bootstrap_servers
        self._timeout_s = timeout_s
        self._options: dict[str, Any] = {
            "bootstrap_servers": bootstrap_servers, "acks": "all", "enable_idempotence": True, "compression_type": "lz4",
            "request_timeout_ms": int(timeout_s * 1000),
        } | options  # fmt: skip
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()

    async def send(self, messages: Sequence[Message], *, dry_run: bool = False) -> list[Receipt]:
        """Send in order and wait for all; what failed may have arrived, so publish it again under the same id."""
        if dry_run:
            raise PublishError("Kafka cannot be asked whether it would take an event: use the HTTP transport")
        producer = await self._connected()
        try:
            await _acknowledged(producer, messages)
        except (errors.KafkaError, OSError, ValueError, TypeError) as error:
            await self._disconnect(producer)  # after a failure nobody knows which sequence number the broker expects
            raise self._refusal("did not acknowledge", error) from error
        return [Receipt(m.id, "accepted", m.envelope.cause.correlation_id) for m in messages]

    async def close(self) -> None:
        """Send what is left and close the connections. Another `send` connects again."""
        if self._producer is not None:
            await self._disconnect(self._producer)

    async def _connected(self) -> AIOKafkaProducer:
        """The producer, connected; one that could not connect is closed, and the next call makes another."""
        async with self._connecting:
            if self._producer is not None:
                return self._producer
            try:
                producer = AIOKafkaProducer(**self._options)
            except (ValueError, TypeError) as error:
                raise self._refusal("cannot be asked", error) from error
            try:
                await asyncio.wait_for(producer.start(), self._timeout_s)
            except (errors.KafkaError, OSError, TimeoutError, ValueError) as error:
                await self._stop(producer)
                raise self._refusal("does not answer", error) from error
            except BaseException:
                await self._stop(producer)
                raise
            self._producer = producer
            return producer

    async def _disconnect(self, producer: AIOKafkaProducer) -> None:
        if self._producer is producer:
            self._producer = None
        await self._stop(producer)

    async def _stop(self, producer: AIOKafkaProducer) -> None:
        with suppress(errors.KafkaError, OSError, TimeoutError):
            await asyncio.wait_for(producer.stop(), self._timeout_s)

    def _refusal(self, what: str, error: BaseException) -> PublishError:
        """What happened, where, and what to do next."""
        for_good = next((then for kind, then in _FOR_GOOD.items() if isinstance(error, kind)), None)
        missing = isinstance(error, errors.UnknownTopicOrPartitionError)
        then = for_good or (_MISSING_TOPIC if missing else _AGAIN)
        reason = type(error).__name__ if isinstance(error, errors.KafkaError) else f"{type(error).__name__}: {error}"
        return PublishError(f"Kafka at {self._servers} {what} ({reason}): {then}", transient=for_good is None)


async def _acknowledged(producer: AIOKafkaProducer, messages: Sequence[Message]) -> None:
    """Hand all over in order, then wait for each; raises the first failure once all have an outcome."""
    waiting = []
    try:
        for each in messages:
            topic, key = each.event.topic.name, each.event.key.encode()
            waiting.append(await producer.send(topic, each.value, key=key, headers=each.headers))
    finally:
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
