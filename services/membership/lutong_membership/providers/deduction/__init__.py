"""Direct debits by a provider over HTTP."""
