"""Accounts of page views that are locked, changing with each decision of a batch, and the rows of the ledger that led there."""

from lutong_chassis import Tx
from lutong_registry.traffic.domain.ledger import Account, Entry, Moved
from lutong_registry.traffic.store import accounts as account_store


class Accounts:
    """Accounts that are locked, changing with each decision, and the rows that led there."""

    def __init__(self, accounts: dict[str, Account]) -> None:
        self.before = accounts
        self.now = dict(accounts)
        self.entries: list[Entry] = []

    def take(self, moved: Moved) -> Moved:
        """Let a decision take effect."""
        self.now[moved.account.program_id] = moved.account
        self.entries += moved.entries
        return moved

    async def save(self, tx: Tx) -> None:
        """Keep what changed."""
        await account_store.save(tx, list(self.now.values()), self.before, self.entries)
