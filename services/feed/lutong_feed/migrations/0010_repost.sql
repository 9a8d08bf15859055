-- A post that repeats another one, which its author read: the edges of trees, whose root is no repost. A parent is older than its
-- child, so there are no circles; depth is 1 below the root. A repost shows the card of its root. What the release before publishes is
-- no repost.
CREATE TABLE repost (
    post_id   text PRIMARY KEY REFERENCES post,
    parent_id text NOT NULL REFERENCES post,
    root_id   text NOT NULL REFERENCES post,
    depth     integer NOT NULL CHECK (depth BETWEEN 1 AND 64),
    CHECK (post_id <> parent_id AND post_id <> root_id),
    CHECK ((depth = 1) = (parent_id = root_id))
);
CREATE INDEX repost_by_root ON repost (root_id);
CREATE INDEX repost_by_parent ON repost (parent_id);
