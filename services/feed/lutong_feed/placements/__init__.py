"""Placements: the home feed and the five ways in to mini-programs, each a list that is ranked, explained and walked."""
