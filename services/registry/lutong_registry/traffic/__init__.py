"""Traffic rewards: visitors that a merchant brings itself earn its program page views in the feed."""
