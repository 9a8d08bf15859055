"""How far a location is, which one serves an order, and why: in words."""
