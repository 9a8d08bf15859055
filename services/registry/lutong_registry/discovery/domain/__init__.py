"""Which service a post leads to, if any. Pure: no clock, no database."""
