"""What viewers do with the card on a post: open it, get done what the post was about, ask for goods, change their mind."""
