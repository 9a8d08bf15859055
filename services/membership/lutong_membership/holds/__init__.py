"""Holds: credit that is set aside for an order, from the request to its capture or release."""
