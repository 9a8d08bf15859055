"""Where members live: sealed with a key of each member, and opened for the location that ships an order."""
