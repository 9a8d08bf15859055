"""Reactions to requests, assessments and orders."""
