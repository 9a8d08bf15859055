"""Transfers: goods on their way from one location of a merchant to another, and proposals of what to send."""
