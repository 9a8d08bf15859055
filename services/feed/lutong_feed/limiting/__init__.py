"""Limiting: an author decides who sees a post."""
