"""What viewers do with the card on a post: they open it, and get done what the post was about."""
