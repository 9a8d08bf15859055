"""Repayments: claimed by members, confirmed by evidence."""
