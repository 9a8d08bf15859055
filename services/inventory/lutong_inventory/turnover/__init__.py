"""What stores take at their counters, and what the suite added to that."""
