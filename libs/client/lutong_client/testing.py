"""For tests of a service that publishes: a transport without a network.

>>> from lutong_client import Publisher
>>> from lutong_contracts.feed import PostPublished
>>> fake = FakeTransport(reject={"cms-2": "too_large"})
>>> publisher = Publisher("/partner/cms", fake)
>>> publisher.publish(PostPublished(post_id="p-1", author_id="ann", text="路通"), id="cms-1").status
'accepted'
>>> [message.event.post_id for message in fake.sent]
['p-1']
"""

from collections.abc import Mapping, Sequence

from lutong_client.message import Message, Receipt


class FakeTransport:
    """Takes everything that is not to be rejected, and knows copies, as the real ones do."""

    def __init__(self, reject: Mapping[str, str] | None = None) -> None:
        self.reject = dict(reject or {})
        self.sent: list[Message] = []

    def send(self, messages: Sequence[Message], *, dry_run: bool = False) -> list[Receipt]:
        """Keep what would be carried. `reject` gives a code for ids that the service would refuse."""
        return [self._receipt(each, dry_run=dry_run) for each in messages]

    def _receipt(self, each: Message, *, dry_run: bool) -> Receipt:
        journey = each.envelope.cause.correlation_id
        if each.id in self.reject:
            code = self.reject[each.id]
            return Receipt(each.id, "rejected", journey, code=code, detail=f"the fake rejects it: {code}")
        if each.id in {known.id for known in self.sent}:
            return Receipt(each.id, "duplicate", journey)
        if not dry_run:
            self.sent.append(each)
        return Receipt(each.id, "accepted", journey)

    def close(self) -> None:
        """Close nothing: there are no connections."""


class AsyncFakeTransport:
    """The same, awaited. Look into `fake.sent`."""

    def __init__(self, reject: Mapping[str, str] | None = None) -> None:
        self.fake = FakeTransport(reject)

    @property
    def sent(self) -> list[Message]:
        """What was carried."""
        return self.fake.sent

    async def send(self, messages: Sequence[Message], *, dry_run: bool = False) -> list[Receipt]:
        """Keep what would be carried."""
        return self.fake.send(messages, dry_run=dry_run)

    async def close(self) -> None:
        """Close nothing: there are no connections."""
