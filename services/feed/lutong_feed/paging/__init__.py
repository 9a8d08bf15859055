"""Pages of posts: where a walk down a list stands, signed for the reader and the list that it belongs to."""
