"""Rules of plans: terms, calendar, uplift. Pure."""
