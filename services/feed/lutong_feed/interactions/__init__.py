"""What viewers see and do in the answers of the feed, reported in batches: each counted once per item and kind."""
