"""Verticals: what accounts write about, and how often each was read in a month."""
