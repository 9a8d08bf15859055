"""Slots of timed delivery: when a location delivers where, and how many orders; held, booked and released once."""
