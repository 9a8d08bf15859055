"""Agreements: from the signature to the last debt."""
