"""Topics as code: the one place that says how many partitions a topic has and how long it keeps.

Partition counts are chosen once: repartitioning a keyed topic breaks per-key order, so they are
generous from the start.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

RETENTION: Final = timedelta(days=7)
"""How long Kafka keeps an event. Inboxes must remember longer than this (see lutong_chassis)."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic, who keys it, and the promises the broker must keep for it.

    `max_message_bytes` is checked twice: by the broker, and by the outbox when a row is written,
    because a row that Kafka would refuse must never become a committed fact.
    """

    name: str
    key: str
    partitions: int = 12
    retention: timedelta = RETENTION
    min_insync_replicas: int = 2
    max_message_bytes: int = 1_000_000

    @property
    def owner(self) -> str:
        """The one service that may write this topic."""
        return self.name.split(".")[1]


POSTS: Final = Topic("lutong.feed.posts", key="post")
ENGAGEMENTS: Final = Topic("lutong.feed.engagements", key="viewer")
PROGRAMS: Final = Topic("lutong.registry.programs", key="program")
DISCOVERIES: Final = Topic("lutong.registry.discoveries", key="post")
AGREEMENTS: Final = Topic("lutong.membership.agreements", key="agreement")
HOLDS: Final = Topic("lutong.membership.holds", key="order")
COUPONS: Final = Topic("lutong.membership.coupons", key="coupon")
REPAYMENTS: Final = Topic("lutong.membership.repayments", key="repayment")
ORDERS: Final = Topic("lutong.inventory.orders", key="order")
STOCK: Final = Topic("lutong.inventory.stock", key="location:sku")

TOPICS: Final = (POSTS, ENGAGEMENTS, PROGRAMS, DISCOVERIES, AGREEMENTS, HOLDS, COUPONS, REPAYMENTS, ORDERS, STOCK)
