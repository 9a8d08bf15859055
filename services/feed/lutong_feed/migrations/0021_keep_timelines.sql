-- Timelines that are read are kept: of each reader who came lately, which posts are on it. What is kept is a copy for speed alone: every
-- follow states whether it is read from the copy (`pushed`) or from its author's posts, so a timeline is whole at every moment, whatever
-- is under way. The release before writes follows that are not pushed, and posts that are not fanned out: both are read as ever.
ALTER TABLE follow ADD COLUMN pushed boolean NOT NULL DEFAULT false;
CREATE INDEX follow_by_followee ON follow (followee_id, follower_id);
CREATE INDEX follow_pushed ON follow (followee_id, follower_id) WHERE pushed;
CREATE INDEX follow_pulled ON follow (follower_id, followee_id) WHERE NOT pushed;

-- Whether a post reached every timeline that it is copied to; until then it is read from here. What was published before needs no copy.
ALTER TABLE post ADD COLUMN fanned boolean NOT NULL DEFAULT true;
ALTER TABLE post ALTER COLUMN fanned SET DEFAULT false;
CREATE INDEX post_not_fanned ON post (author_id, published_at DESC, number DESC) WHERE NOT fanned AND deleted_at IS NULL;

-- Readers whose timelines are kept. Above the floor the copy has everything of the follows that are pushed; at and below it, nothing
-- counts. A floor of infinity: the timeline is not made yet.
CREATE TABLE timeline_reader (
    reader_id    text PRIMARY KEY REFERENCES account,
    seen_at      timestamptz NOT NULL DEFAULT now(),
    floor_at     timestamptz NOT NULL DEFAULT 'infinity',
    floor_number bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 80);

-- One row per reader and post: place and number are the post's. It refers to nothing: a row whose follow is not pushed is not read.
CREATE TABLE timeline_entry (
    reader_id    text NOT NULL,
    published_at timestamptz NOT NULL,
    number       bigint NOT NULL,
    post_id      text NOT NULL,
    PRIMARY KEY (reader_id, published_at, number)
);

-- Authors with too many followers to copy each post to: they are read from their posts.
CREATE TABLE pulled_author (
    author_id text PRIMARY KEY REFERENCES account,
    since     timestamptz NOT NULL DEFAULT now()
);
