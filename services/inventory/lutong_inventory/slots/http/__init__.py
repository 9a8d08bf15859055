"""What merchants report of slots, and what members ask of them."""
