"""Rules of requests, consultations and holds. Pure."""
