"""Fits the in-house scorecard from applicant data: `make scorecard`. Not part of any service's image.

Standard library only: seventeen thousand applicants fall into two hundred different rows of bins,
so that there is nothing here for which a numeric library would be missed.
"""
