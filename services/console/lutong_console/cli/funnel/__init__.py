"""`lutong funnel`: from the impressions of a post to what was settled."""
