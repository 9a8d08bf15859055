-- What changed, by whom and in which request. Rows of the release before have neither role nor request.
ALTER TABLE audit
    ALTER COLUMN reason DROP NOT NULL,
    ADD COLUMN role           text,
    ADD COLUMN merchant_id    text,
    ADD COLUMN before         jsonb,
    ADD COLUMN after          jsonb,
    ADD COLUMN request_id     text,
    ADD COLUMN correlation_id text;

-- Newest first, of one actor, of one subject, of one kind of action, of a time.
CREATE INDEX audit_by_time ON audit (at, id);
CREATE INDEX audit_by_actor ON audit (actor, id);
CREATE INDEX audit_by_subject ON audit (subject, id);
CREATE INDEX audit_by_action ON audit (action, id);

-- An answer that is given again names the journey of the first.
ALTER TABLE idempotency ADD COLUMN correlation_id text;
