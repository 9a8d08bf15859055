"""What is on the shelves of locations, and what of it is promised."""
