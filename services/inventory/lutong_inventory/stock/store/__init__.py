"""Shelves, movements and reservations in SQL: locked in key order, saved once."""
