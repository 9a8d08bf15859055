"""Posts that show others below their own words."""
