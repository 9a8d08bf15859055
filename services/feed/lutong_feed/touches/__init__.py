"""Touches: each item that the feed serves carries a signed word, and what comes back with it was served."""
