"""The steps of an order, and how it ends."""
