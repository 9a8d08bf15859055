"""Outside providers of credit assessments, direct debits and payments."""
