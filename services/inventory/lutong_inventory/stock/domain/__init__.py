"""Shelves: the fold of their movements, and what there is to say when they change."""
