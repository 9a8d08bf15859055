"""Baskets that people bought, replayed over stores in real cities: how well they are served, by which rules."""
