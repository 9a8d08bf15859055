"""SQL of agreements, accounts, direct debits and approvals."""
