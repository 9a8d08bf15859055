"""Candidates and decisions in SQL: sets of orders in, sets of rows out."""
