"""Commands and queries of brands and operators about shelves."""
