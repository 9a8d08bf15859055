"""What merchants say of slots, and what members ask of them."""
