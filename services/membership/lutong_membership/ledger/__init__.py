"""The double-entry ledger and the credit lines it moves."""
