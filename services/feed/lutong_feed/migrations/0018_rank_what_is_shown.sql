-- How often programs were used, by the day (UTC): the heat that placements rank by. It follows from `engagement_fact`, whoever enters a
-- fact, also the release before; in key order, so that two batches cannot deadlock.
CREATE TABLE program_use (
    day        date NOT NULL,
    program_id text NOT NULL,
    taps       bigint NOT NULL DEFAULT 0,
    solved     bigint NOT NULL DEFAULT 0,
    requested  bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (day, program_id)
) WITH (fillfactor = 60);

INSERT INTO program_use (day, program_id, taps, solved, requested)
SELECT day, program_id, count(*) FILTER (WHERE kind = 'tap'), count(*) FILTER (WHERE kind = 'solve'),
       count(*) FILTER (WHERE kind = 'request')
  FROM engagement_fact
 GROUP BY day, program_id;

CREATE FUNCTION count_program_use() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO program_use AS known (day, program_id, taps, solved, requested)
    SELECT day, program_id, count(*) FILTER (WHERE kind = 'tap'), count(*) FILTER (WHERE kind = 'solve'),
           count(*) FILTER (WHERE kind = 'request')
      FROM fresh
     WHERE kind <> 'cancel'
     GROUP BY day, program_id
     ORDER BY day, program_id
        ON CONFLICT (day, program_id) DO UPDATE
       SET taps = known.taps + excluded.taps, solved = known.solved + excluded.solved,
           requested = known.requested + excluded.requested;
    RETURN NULL;
END
$$;
CREATE TRIGGER program_use_counted AFTER INSERT ON engagement_fact
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION count_program_use();

-- Count again from the facts that are kept; gives how many rows were wrong. What is older than all facts stays.
CREATE FUNCTION rebuild_program_use() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
BEGIN
    LOCK TABLE program_use IN SHARE ROW EXCLUSIVE MODE;
    WITH truth AS (
        SELECT day, program_id, count(*) FILTER (WHERE kind = 'tap') AS taps,
               count(*) FILTER (WHERE kind = 'solve') AS solved, count(*) FILTER (WHERE kind = 'request') AS requested
          FROM engagement_fact
         WHERE kind <> 'cancel'
         GROUP BY day, program_id
    ), put_right AS (
        INSERT INTO program_use AS known (day, program_id, taps, solved, requested)
        SELECT day, program_id, taps, solved, requested FROM truth
            ON CONFLICT (day, program_id) DO UPDATE
           SET taps = excluded.taps, solved = excluded.solved, requested = excluded.requested
         WHERE (known.taps, known.solved, known.requested) <> (excluded.taps, excluded.solved, excluded.requested)
        RETURNING 1
    ), gone AS (
        DELETE FROM program_use AS known
         WHERE day >= (SELECT min(day) FROM engagement_fact)
           AND NOT EXISTS (SELECT FROM truth WHERE (truth.day, truth.program_id) = (known.day, known.program_id))
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM put_right) + (SELECT count(*) FROM gone) INTO wrong;
    RETURN wrong;
END
$$;
REVOKE ALL ON FUNCTION rebuild_program_use() FROM PUBLIC;

-- What one reader did lately, and what they want less of.
CREATE INDEX engagement_fact_by_viewer ON engagement_fact (viewer_id, happened_at DESC);
CREATE INDEX interaction_fact_of_reader ON interaction_fact (viewer_id, happened_at DESC) WHERE kind IN ('open', 'show_less');

-- A walk down a placement knows its posts by their numbers; a program is shown by one of the posts that lead to it.
CREATE UNIQUE INDEX post_by_number ON post (number);
CREATE INDEX card_in_force ON card (program_id, post_id DESC) WHERE state = 'active';
