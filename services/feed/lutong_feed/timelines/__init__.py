"""Timelines that are kept: who is copied to whom, when, and how much of it."""
