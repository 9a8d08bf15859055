"""Whom membership asks about a member's credit: the in-house scorecard, or a provider outside."""
