"""Which service a post leads to."""
