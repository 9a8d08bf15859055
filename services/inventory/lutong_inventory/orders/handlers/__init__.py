"""What becomes of orders, in the order of the story: they arrive, move elsewhere, and end."""
