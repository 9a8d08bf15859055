"""Accounts that are kept apart: one blocks another, or mutes it."""
