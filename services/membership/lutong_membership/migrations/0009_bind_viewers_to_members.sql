-- Which viewers of the feed order as which members: what the viewer asked for (`binding_id`) and the member consented to.
-- Both together are a binding; of a viewer there is one at most.
CREATE TABLE binding (
    viewer_id    text NOT NULL,
    member_id    text NOT NULL,
    binding_id   text,
    consented_at timestamptz,
    PRIMARY KEY (viewer_id, member_id),
    CHECK (binding_id IS NOT NULL OR consented_at IS NOT NULL)
);
CREATE UNIQUE INDEX binding_one_of_a_viewer ON binding (viewer_id) WHERE binding_id IS NOT NULL;
CREATE INDEX binding_by_member ON binding (member_id, viewer_id);
