"""Who offers programs, and which account acts for whom: by their topics."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.feed import AccountChanged
from lutong_contracts.registry import MerchantChanged, MerchantRegistered
from lutong_registry.programs import merchants as merchant_store

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
