-- Each viewer counts once per card, and counters follow from what was said: no command waits for a counter's row.

-- A viewer's first use of a card in one way. No foreign keys: each would lock the row of a viral post, thousands of times.
CREATE TABLE engagement (
    post_id   text NOT NULL,
    viewer_id text NOT NULL,
    kind      text NOT NULL CHECK (kind IN ('tap', 'solve')),
    since     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (post_id, viewer_id, kind)
);

-- What the release before has said is counted already, and still on the topic: its viewers are known, and its events
-- are taken for received.
INSERT INTO engagement (post_id, viewer_id, kind, since)
SELECT payload::json ->> 'post_id', key, CASE type WHEN 'lutong.feed.card-tapped.v1' THEN 'tap' ELSE 'solve' END,
       min(written_at)
  FROM outbox
 WHERE type IN ('lutong.feed.card-tapped.v1', 'lutong.feed.service-solved.v1')
 GROUP BY 1, 2, 3;

INSERT INTO inbox (source, id, type, topic, partition, "offset", key, sequence, correlation_id, causation_id, occurred_at)
SELECT '/lutong/feed', event_id::text, type, topic, -1, -1, key, sequence, correlation_id, causation_id, written_at
  FROM outbox
 WHERE type IN ('lutong.feed.card-tapped.v1', 'lutong.feed.service-solved.v1', 'lutong.feed.service-requested.v1')
    ON CONFLICT DO NOTHING;
