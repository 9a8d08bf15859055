"""SQL of traffic rewards."""
