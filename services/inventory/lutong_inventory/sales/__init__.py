"""Whose sale an order was: an append-only ledger of what each store is credited with."""
