"""SQL of the ledger and its lines."""
