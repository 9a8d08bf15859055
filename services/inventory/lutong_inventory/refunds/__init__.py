"""What of goods or of services is given back: one rule and one set of ids for both."""
