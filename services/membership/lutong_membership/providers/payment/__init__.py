"""Payments by a provider over HTTP."""
