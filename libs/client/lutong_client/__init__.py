"""Publish events to Lutong from another service.

>>> publisher = Publisher("/partner/cms", HttpTransport({"feed": "https://feed.example"}, token))
>>> publisher.publish(PostPublished(post_id="p-1", author_id="zheliban", text="公积金新政策今天起施行"), id="cms-1")
Receipt(id='cms-1', status='accepted', …)

An event is checked before it leaves. Publishing it again under the same id has no second effect, so
whatever goes wrong on the way, publish it again. `AsyncPublisher` awaits where `Publisher` blocks.
`AvailabilityClient` asks what goods can be promised, for cards and carts elsewhere.
"""

from lutong_client.availability import (
    AskError,
    AsyncAvailabilityClient,
    Availability,
    AvailabilityClient,
    Promise,
    Wanted,
)
from lutong_client.http import AsyncHttpTransport, HttpTransport
from lutong_client.message import Message, PublishError, Receipt, message
from lutong_client.publisher import AsyncPublisher, Publisher

__all__ = [
    "AskError",
    "AsyncAvailabilityClient",
    "AsyncHttpTransport",
    "AsyncPublisher",
    "Availability",
    "AvailabilityClient",
    "HttpTransport",
    "Message",
    "Promise",
    "PublishError",
    "Publisher",
    "Receipt",
    "Wanted",
    "message",
]
