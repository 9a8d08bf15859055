"""Rules of agreements: terms, settlement, debts, dunning, direct debit, rights, approvals. Pure."""
