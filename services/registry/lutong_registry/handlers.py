"""What the registry reacts to, in the order of the story."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.feed import AccountChanged, CardTapped, PostPublished, ServiceSolved
from lutong_contracts.inventory import OrderFulfilled
from lutong_contracts.registry import MerchantChanged, MerchantRegistered
from lutong_registry import domain
from lutong_registry.store import merchants as merchant_store
from lutong_registry.store import search as search_store
from lutong_registry.store import uses as use_store

handlers = Handlers()


@handlers.on(MerchantRegistered)
async def find_registered_merchants(batch: Sequence[Received[MerchantRegistered]], tx: Tx) -> list[Outgoing]:
    """Our own word: it makes a registry whose database was lost know its merchants again."""
    await merchant_store.take_merchants(tx, [received.event for received in batch])
    return []


@handlers.on(MerchantChanged)
async def find_changed_merchants(batch: Sequence[Received[MerchantChanged]], tx: Tx) -> list[Outgoing]:
    """The same of a merchant with another name."""
    await merchant_store.take_merchants(tx, [received.event for received in batch])
    return []


@handlers.on(AccountChanged)
async def know_accounts(batch: Sequence[Received[AccountChanged]], tx: Tx) -> list[Outgoing]:
    """An account is new or has other bindings: know for whom it speaks."""
    await merchant_store.take_accounts(tx, [received.event for received in batch])
    return []


@handlers.on(PostPublished)
async def discover_services(batch: Sequence[Received[PostPublished]], tx: Tx) -> list[Outgoing]:
    """A post appeared: find the service it leads to, by the author's choice or by its words."""
    posts = [received.event for received in batch]
    by_id = await search_store.listings(tx, (post.program_id for post in posts if post.program_id))
    by_words = await search_store.matches(tx, [post.text for post in posts if not post.program_id])

    outcomes = [domain.discover(post, by_id.get(post.program_id or ""), by_words.get(post.text, ())) for post in posts]

    await use_store.save_discoveries(tx, outcomes)
    return [received.causes(outcome) for received, outcome in zip(batch, outcomes, strict=True)]


@handlers.on(CardTapped)
async def count_opened(batch: Sequence[Received[CardTapped]], tx: Tx) -> list[Outgoing]:
    """A viewer opened a program: count it."""
    await use_store.count_usage(tx, [received.event.program_id for received in batch], "opened")
    return []


@handlers.on(ServiceSolved)
async def count_solved(batch: Sequence[Received[ServiceSolved]], tx: Tx) -> list[Outgoing]:
    """A viewer got something done in a program: count it."""
    await use_store.count_usage(tx, [received.event.program_id for received in batch], "solved")
    return []


@handlers.on(OrderFulfilled)
async def count_fulfilled(batch: Sequence[Received[OrderFulfilled]], tx: Tx) -> list[Outgoing]:
    """An order from a program reached its member: count it."""
    await use_store.count_usage(tx, [received.event.program_id for received in batch], "fulfilled")
    return []
