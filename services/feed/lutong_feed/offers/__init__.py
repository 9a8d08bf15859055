"""Light memberships in the feed: who is shown the offer of a merchant's plan, decided before anything is shown."""
