"""Posts that are published, and accounts that follow each other."""
