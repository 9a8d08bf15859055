"""Shelves: the fold of their movements, and the events of their changes."""
