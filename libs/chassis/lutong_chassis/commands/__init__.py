"""Commands in batches: what waits while one transaction runs goes into the next one together.

    HTTP ──▶ lane (one per kind of command) ──▶ keys ──▶ handler (a batch) ──▶ outbox, audit, answers ──▶ COMMIT ──▶ replies

A lonely command waits for nobody. No timer gathers a batch: the transaction before it does.
"""

from lutong_chassis.commands.asked import Answer, Asked, Claim

__all__ = ["Answer", "Asked", "Claim"]
