"""Publishers, blocking and asynchronous. The rules are in `message`, the wire formats in the transports."""

from collections.abc import Sequence
from typing import Any, Protocol

from lutong_client.message import Message, PublishError, Receipt, message
from lutong_contracts import Event


class Transport(Protocol):
    """Sends messages; returns one receipt for each, in order."""

    def send(self, messages: Sequence[Message], *, dry_run: bool = False) -> list[Receipt]:
        """Send them; with `dry_run`, only ask whether they would be accepted. Raises `PublishError` without an answer."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class AsyncTransport(Protocol):
    """The same, awaited."""

    async def send(self, messages: Sequence[Message], *, dry_run: bool = False) -> list[Receipt]:
        """Send them; with `dry_run`, only ask whether they would be accepted. Raises `PublishError` without an answer."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class Publisher:
    """Publishes in the name of one source, such as `/partner/cms`, and blocks until there is an answer.

    Thread-safe as far as its transport is. Close it when you are done.

    >>> from lutong_client.testing import FakeTransport
    >>> from lutong_contracts.feed import PostPublished
    >>> publisher = Publisher("/partner/cms", FakeTransport())
    >>> post = PostPublished(post_id="p-1", author_id="ann", text="路通")
    >>> publisher.publish(post, id="cms-1").status, publisher.publish(post, id="cms-1").status
    ('accepted', 'duplicate')
    """

    def __init__(self, source: str, transport: Transport) -> None:
        self.source = source
        self.transport = transport

    def publish(self, event: Event, *, dry_run: bool = False, **attributes: Any) -> Receipt:
        """Publish one event; `attributes` are the keyword arguments of `message`.

        Raises `PublishError` when it is rejected or nothing answers, `ValueError` for attributes that are not valid.
        """
        return _taken(self.transport.send([message(event, self.source, **attributes)], dry_run=dry_run)[0])

    def publish_many(self, messages: Sequence[Message], *, dry_run: bool = False) -> list[Receipt]:
        """Publish many messages; returns one receipt for each, in order, `rejected` ones included.

        Raises `PublishError` only when nothing answers: some may have arrived, so publish all again under their ids.
        """
        return self.transport.send(messages, dry_run=dry_run) if messages else []

    def close(self) -> None:
        """Close the connections."""
        self.transport.close()


class AsyncPublisher:
    """`Publisher` for asyncio: the same methods, awaited."""

    def __init__(self, source: str, transport: AsyncTransport) -> None:
        self.source = source
        self.transport = transport

    async def publish(self, event: Event, *, dry_run: bool = False, **attributes: Any) -> Receipt:
        """Publish one event; `attributes` are the keyword arguments of `message`.

        Raises `PublishError` when it is rejected or nothing answers, `ValueError` for attributes that are not valid.
        """
        return _taken((await self.transport.send([message(event, self.source, **attributes)], dry_run=dry_run))[0])

    async def publish_many(self, messages: Sequence[Message], *, dry_run: bool = False) -> list[Receipt]:
        """Publish many messages; returns one receipt for each, in order, `rejected` ones included.

        Raises `PublishError` only when nothing answers: some may have arrived, so publish all again under their ids.
        """
        return await self.transport.send(messages, dry_run=dry_run) if messages else []

    async def close(self) -> None:
        """Close the connections."""
        await self.transport.close()


def _taken(receipt: Receipt) -> Receipt:
    if receipt.status == "rejected":
        raise PublishError(f"{receipt.id} was rejected: {receipt.detail} ({receipt.hint or receipt.code})", receipt)
    return receipt
