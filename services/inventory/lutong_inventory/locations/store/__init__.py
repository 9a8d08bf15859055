"""Locations in SQL: sets of ids in, sets of rows out."""
