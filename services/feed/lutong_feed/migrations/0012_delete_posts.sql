-- A post that was deleted: what is left is whose it was, when it was published and deleted, and by whom. Its text and its program are
-- gone, and its card is off for good, also for the release before.
ALTER TABLE post
    ADD COLUMN deleted_at timestamptz,
    ADD COLUMN deleted_by text,
    ADD COLUMN deleted_for text,
    ADD CONSTRAINT post_tombstone CHECK (
        CASE WHEN deleted_at IS NULL THEN deleted_by IS NULL AND deleted_for IS NULL
             ELSE deleted_by IS NOT NULL AND text = '' AND program_id IS NULL END
    ) NOT VALID;

-- Lists skip tombstones without reading them: an author may delete 100,000 posts.
CREATE INDEX post_shown_by_author ON post (author_id, published_at DESC, number DESC) WHERE deleted_at IS NULL;
