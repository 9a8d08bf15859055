"""When a slot is on the clock of its location, whom it serves, and who gets its places."""
