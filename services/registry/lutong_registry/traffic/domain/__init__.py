"""The rules of traffic rewards: which visits earn, and what becomes of page views."""
