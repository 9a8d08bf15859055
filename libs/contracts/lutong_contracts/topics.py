"""Topics as code: the one place that defines how many partitions a topic has and how long it keeps records.

Adding partitions to a keyed topic breaks per-key order, so they are generous from the start. When they are too few after
all, the topic moves to a new one with more (`moved_from`), once the old one is drained: docs/operations.md.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

RETENTION: Final = timedelta(days=7)
"""How long Kafka keeps an event. Inboxes must remember longer than this (see lutong_chassis)."""

AUDIT_RETENTION: Final = timedelta(days=400)
"""How long Kafka keeps what services publish of their audit: a year and a month, for a yearly review."""

COMPACTION_LAG: Final = timedelta(days=7)
"""How long a compacted topic may keep what a later event of the same key has replaced."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic, what its records are keyed by, and the settings that the broker must have for it.

    >>> Topic("lutong.feed.posts", key="post").owner
    'feed'

    `max_message_bytes` is checked twice: by the broker, and by the outbox when a row is written,
    because a row that Kafka would refuse must never become a committed fact.

    A compacted topic keeps the last event of each key for good, so a consumer that is new knows all entities after
    one reading. Each event on it carries its whole entity: see `lutong_contracts.entity`.
    """

    name: str
    key: str
    partitions: int = 12
    retention: timedelta = RETENTION
    min_insync_replicas: int = 2
    max_message_bytes: int = 1_000_000
    compacted: bool = False
    moved_from: str | None = None
    """The topic that this one replaced, for more partitions. Nothing is written there any more, and all of it was read."""

    @property
    def owner(self) -> str:
        """The one service that may write this topic."""
        return self.name.split(".")[1]

    @property
    def settings(self) -> dict[str, str]:
        """What makes it keep what it should, as Kafka names it."""
        if self.compacted:
            lag_ms = str(int(COMPACTION_LAG.total_seconds() * 1000))
            return {"cleanup.policy": "compact", "retention.ms": "-1", "max.compaction.lag.ms": lag_ms}
        return {"cleanup.policy": "delete", "retention.ms": str(int(self.retention.total_seconds() * 1000))}


POSTS: Final = Topic("lutong.feed.posts", key="post")
ACCOUNTS: Final = Topic("lutong.feed.accounts", key="account", compacted=True)
FOLLOWS: Final = Topic("lutong.feed.follows", key="follower:followee")
ENGAGEMENTS: Final = Topic("lutong.feed.engagements", key="viewer")
INTERACTIONS: Final = Topic("lutong.feed.interactions", key="viewer")
EXPOSURES: Final = Topic("lutong.feed.exposures", key="member")
TIMELINES: Final = Topic("lutong.feed.timelines", key="account")
PROGRAMS: Final = Topic("lutong.registry.programs", key="program")
MERCHANTS: Final = Topic("lutong.registry.merchants", key="merchant", compacted=True)
HOSTS: Final = Topic("lutong.registry.hosts", key="host", partitions=3, compacted=True)
GRANTS: Final = Topic("lutong.registry.grants", key="program", partitions=3, compacted=True)
DISCOVERIES: Final = Topic("lutong.registry.discoveries", key="post")
LIGHT_STORES: Final = Topic("lutong.registry.light-stores", key="template", partitions=3)
PUSHES: Final = Topic("lutong.registry.pushes", key="push")
TRAFFIC: Final = Topic("lutong.registry.traffic", key="program")
PLANS: Final = Topic("lutong.membership.plans", key="plan", compacted=True)
AGREEMENTS: Final = Topic("lutong.membership.agreements", key="agreement")
HOLDS: Final = Topic("lutong.membership.holds", key="order")
COUPONS: Final = Topic("lutong.membership.coupons", key="coupon")
REPAYMENTS: Final = Topic("lutong.membership.repayments", key="repayment")
BINDINGS: Final = Topic("lutong.membership.bindings", key="viewer")
LOCATIONS: Final = Topic("lutong.inventory.locations", key="merchant:location", compacted=True)
ORDERS: Final = Topic("lutong.inventory.orders", key="order")
STOCK: Final = Topic("lutong.inventory.stock", key="location:sku")
SLOTS: Final = Topic("lutong.inventory.slots", key="slot")
TRANSFERS: Final = Topic("lutong.inventory.transfers", key="transfer")


def _audit_of(service: str) -> Topic:
    """What a service's audit has. Few events, kept long; nothing in the suite consumes them."""
    return Topic(f"lutong.{service}.audit", key="subject", partitions=3, retention=AUDIT_RETENTION)


FEED_AUDIT: Final = _audit_of("feed")
REGISTRY_AUDIT: Final = _audit_of("registry")
MEMBERSHIP_AUDIT: Final = _audit_of("membership")
INVENTORY_AUDIT: Final = _audit_of("inventory")
AUDITS: Final = (FEED_AUDIT, REGISTRY_AUDIT, MEMBERSHIP_AUDIT, INVENTORY_AUDIT)

TOPICS: Final = (
    POSTS,
    ACCOUNTS,
    FOLLOWS,
    ENGAGEMENTS,
    INTERACTIONS,
    EXPOSURES,
    TIMELINES,
    MERCHANTS,
    PROGRAMS,
    HOSTS,
    GRANTS,
    DISCOVERIES,
    LIGHT_STORES,
    PUSHES,
    TRAFFIC,
    PLANS,
    AGREEMENTS,
    HOLDS,
    COUPONS,
    REPAYMENTS,
    BINDINGS,
    LOCATIONS,
    ORDERS,
    STOCK,
    SLOTS,
    TRANSFERS,
    *AUDITS,
)

REPUBLISHED: Final = (*(topic for topic in TOPICS if topic.compacted), FOLLOWS)
"""Topics whose owners can publish all that they are about once more: `lutong publish-entities`."""

SERVICES: Final = tuple(dict.fromkeys(topic.owner for topic in TOPICS))
"""The services of the suite: each owner of a topic, in the order of the story."""
