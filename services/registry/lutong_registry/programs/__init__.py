"""Merchants, their programs, and the life of every version."""
