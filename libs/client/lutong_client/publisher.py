"""Publishing, for those who block and for those who await. The rules are in `message`, the wire in the transports."""

from collections.abc import Sequence
from typing import Any, Protocol

from lutong_client.message import Message, PublishError, Receipt, message
from lutong_contracts import Event


class Transport(Protocol):
    """Carries messages; gives a receipt for each, in order."""

    def send(self, messages: Sequence[Message], *, dry_run: bool = False) -> list[Receipt]:
        """Carry them, or only ask whether they would be taken."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class AsyncTransport(Protocol):
    """The same, awaited."""

    async def send(self, messages: Sequence[Message], *, dry_run: bool = False) -> list[Receipt]:
        """Carry them, or only ask whether they would be taken."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Publisher:
    """Publishes in the name of one source, such as `/partner/cms`."""

    def __init__(self, source: str, transport: Transport) -> None:
        self.source = source
        self.transport = transport

    def publish(self, event: Event, *, dry_run: bool = False, **attributes: Any) -> Receipt:
        """Publish one event; raises `PublishError` when it is rejected. `attributes` are those of `message`."""
        return _taken(self.transport.send([message(event, self.source, **attributes)], dry_run=dry_run)[0])

    def publish_many(self, messages: Sequence[Message], *, dry_run: bool = False) -> list[Receipt]:
        """Publish many; gives a receipt for each, also for those that are rejected."""
        return self.transport.send(messages, dry_run=dry_run) if messages else []

    def close(self) -> None:
        """Let go of connections."""
        self.transport.close()


class AsyncPublisher:
    """Publishes in the name of one source, awaiting."""

    def __init__(self, source: str, transport: AsyncTransport) -> None:
        self.source = source
        self.transport = transport

    async def publish(self, event: Event, *, dry_run: bool = False, **attributes: Any) -> Receipt:
        """Publish one event; raises `PublishError` when it is rejected. `attributes` are those of `message`."""
        return _taken((await self.transport.send([message(event, self.source, **attributes)], dry_run=dry_run))[0])

    async def publish_many(self, messages: Sequence[Message], *, dry_run: bool = False) -> list[Receipt]:
        """Publish many; gives a receipt for each, also for those that are rejected."""
        return await self.transport.send(messages, dry_run=dry_run) if messages else []

    async def close(self) -> None:
        """Let go of connections."""
        await self.transport.close()


def _taken(receipt: Receipt) -> Receipt:
    if receipt.status == "rejected":
        raise PublishError(f"{receipt.id} was rejected: {receipt.detail} ({receipt.hint or receipt.code})", receipt)
    return receipt
