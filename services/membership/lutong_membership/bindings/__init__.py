"""Which viewers of the feed order as which members."""
