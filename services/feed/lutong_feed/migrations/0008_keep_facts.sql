-- What viewers did with cards, event by event, kept longer than the topic: what is counted is counted again from here.
-- No foreign keys, as in `engagement`. `day` is that of `happened_at`, in UTC.
CREATE TABLE engagement_fact (
    day         date NOT NULL,
    event_id    text NOT NULL,
    happened_at timestamptz NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('tap', 'solve', 'request', 'cancel')),
    post_id     text NOT NULL,
    program_id  text NOT NULL,
    viewer_id   text NOT NULL,
    order_id    text,
    PRIMARY KEY (day, event_id)
) PARTITION BY RANGE (day);
CREATE TABLE engagement_fact_default PARTITION OF engagement_fact DEFAULT;

-- What was counted of events whose facts are not there: from before this table, or forgotten.
CREATE TABLE counter_before (
    post_id   text PRIMARY KEY,
    taps      bigint NOT NULL DEFAULT 0,
    solved    bigint NOT NULL DEFAULT 0,
    requested bigint NOT NULL DEFAULT 0
);

-- What the release before has counted and published, and nobody has consumed yet, becomes a fact when it is consumed.
INSERT INTO counter_before (post_id, taps, solved, requested)
SELECT post_id, greatest(counter.taps - coalesce(coming.taps, 0), 0),
       greatest(counter.solved - coalesce(coming.solved, 0), 0),
       greatest(counter.requested - coalesce(coming.requested, 0), 0)
  FROM counter
  LEFT JOIN (
       SELECT payload::json ->> 'post_id' AS post_id,
              count(*) FILTER (WHERE type = 'lutong.feed.card-tapped.v1') AS taps,
              count(*) FILTER (WHERE type = 'lutong.feed.service-solved.v1') AS solved,
              count(*) FILTER (WHERE type = 'lutong.feed.service-requested.v1') AS requested
         FROM outbox
        WHERE type IN ('lutong.feed.card-tapped.v1', 'lutong.feed.service-solved.v1',
                       'lutong.feed.service-requested.v1')
          AND NOT EXISTS (SELECT FROM inbox WHERE source = '/lutong/feed' AND inbox.id = outbox.event_id::text)
        GROUP BY 1
       ) AS coming USING (post_id)
 WHERE (counter.taps, counter.solved, counter.requested) <> (0, 0, 0);

-- Add up the facts of days that are about to be forgotten (keep_fact_days calls it).
CREATE FUNCTION fold_engagement_fact(before date) RETURNS void LANGUAGE sql AS $$
    INSERT INTO counter_before AS known (post_id, taps, solved, requested)
    SELECT post_id, count(*) FILTER (WHERE kind = 'tap'), count(*) FILTER (WHERE kind = 'solve'),
           count(*) FILTER (WHERE kind = 'request')
      FROM engagement_fact
     WHERE day < before
     GROUP BY post_id
        ON CONFLICT (post_id) DO UPDATE
       SET taps = known.taps + excluded.taps, solved = known.solved + excluded.solved,
           requested = known.requested + excluded.requested
$$;
REVOKE ALL ON FUNCTION fold_engagement_fact(date) FROM PUBLIC;

-- Count all posts again from facts, and what was fulfilled from the requests; gives how many counters were wrong.
CREATE FUNCTION rebuild_counters() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
BEGIN
    LOCK TABLE counter IN SHARE ROW EXCLUSIVE MODE;
    WITH fact AS (
        SELECT post_id, count(*) FILTER (WHERE kind = 'tap') AS taps, count(*) FILTER (WHERE kind = 'solve') AS solved,
               count(*) FILTER (WHERE kind = 'request') AS requested
          FROM engagement_fact
         GROUP BY post_id
    ), done AS (
        SELECT post_id, count(*) AS fulfilled FROM service_request WHERE status = 'fulfilled' GROUP BY post_id
    ), truth AS (
        SELECT counter.post_id, coalesce(known.taps, 0) + coalesce(fact.taps, 0) AS taps,
               coalesce(known.solved, 0) + coalesce(fact.solved, 0) AS solved,
               coalesce(known.requested, 0) + coalesce(fact.requested, 0) AS requested,
               coalesce(done.fulfilled, 0) AS fulfilled
          FROM counter
          LEFT JOIN counter_before AS known USING (post_id)
          LEFT JOIN fact USING (post_id)
          LEFT JOIN done USING (post_id)
    )
    UPDATE counter
       SET taps = truth.taps, solved = truth.solved, requested = truth.requested, fulfilled = truth.fulfilled
      FROM truth
     WHERE counter.post_id = truth.post_id
       AND (counter.taps, counter.solved, counter.requested, counter.fulfilled)
           <> (truth.taps, truth.solved, truth.requested, truth.fulfilled);
    GET DIAGNOSTICS wrong = ROW_COUNT;
    RETURN wrong;
END
$$;
REVOKE ALL ON FUNCTION rebuild_counters() FROM PUBLIC;

-- The release before changes an account's kind and counts no revision: its word is the newer one all the same, once
-- `lutong publish-entities` says it.
CREATE FUNCTION count_account_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.revision := OLD.revision + 1;
    RETURN NEW;
END
$$;
CREATE TRIGGER account_revision BEFORE UPDATE ON account FOR EACH ROW
    WHEN (OLD.kind IS DISTINCT FROM NEW.kind AND OLD.revision = NEW.revision)
    EXECUTE FUNCTION count_account_revision();
