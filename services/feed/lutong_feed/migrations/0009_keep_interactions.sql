-- What touches are signed with. A new row is a new secret: it signs once it is five minutes old; old ones go when no touch
-- of theirs is accepted any more. Random as gen_random_uuid() is: 244 bits.
CREATE TABLE touch_secret (
    number  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    secret  bytea NOT NULL DEFAULT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()),
    made_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO touch_secret DEFAULT VALUES;

-- What viewers saw and did, once per item of an answer and kind. `day` is that on which the item was served (UTC), which its
-- touch states: so the key finds a copy whenever it comes. No foreign keys, as in `engagement`.
CREATE TABLE interaction_fact (
    day         date NOT NULL,
    request_id  uuid NOT NULL,
    position    integer NOT NULL,
    kind        text NOT NULL,
    placement   text NOT NULL,
    post_id     text NOT NULL,
    root_id     text NOT NULL,
    program_id  text,
    viewer_id   text NOT NULL,
    served_at   timestamptz NOT NULL,
    happened_at timestamptz NOT NULL,
    PRIMARY KEY (day, request_id, position, kind)
) PARTITION BY RANGE (day);
CREATE TABLE interaction_fact_default PARTITION OF interaction_fact DEFAULT;

-- How often, per post, placement and kind; and what of it was counted from facts that are forgotten.
CREATE TABLE interaction_count (
    post_id   text NOT NULL,
    placement text NOT NULL,
    kind      text NOT NULL,
    times     bigint NOT NULL,
    PRIMARY KEY (post_id, placement, kind)
) WITH (fillfactor = 60);
CREATE TABLE interaction_count_before (
    post_id   text NOT NULL,
    placement text NOT NULL,
    kind      text NOT NULL,
    times     bigint NOT NULL,
    PRIMARY KEY (post_id, placement, kind)
);

-- Add up the facts of days that are about to be forgotten (keep_fact_days calls it).
CREATE FUNCTION fold_interaction_fact(before date) RETURNS void LANGUAGE sql AS $$
    INSERT INTO interaction_count_before AS known (post_id, placement, kind, times)
    SELECT post_id, placement, kind, count(*)
      FROM interaction_fact
     WHERE day < before
     GROUP BY post_id, placement, kind
        ON CONFLICT (post_id, placement, kind) DO UPDATE SET times = known.times + excluded.times
$$;
REVOKE ALL ON FUNCTION fold_interaction_fact(date) FROM PUBLIC;

-- Count all interactions again from facts; gives how many counters were wrong.
CREATE FUNCTION rebuild_interactions() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
BEGIN
    LOCK TABLE interaction_count IN SHARE ROW EXCLUSIVE MODE;
    WITH truth AS (
        SELECT post_id, placement, kind, sum(times)::bigint AS times
          FROM (SELECT post_id, placement, kind, times FROM interaction_count_before
                 UNION ALL
                SELECT post_id, placement, kind, count(*) FROM interaction_fact GROUP BY post_id, placement, kind) AS known
         GROUP BY post_id, placement, kind
    ), put_right AS (
        INSERT INTO interaction_count AS known (post_id, placement, kind, times)
        SELECT post_id, placement, kind, times FROM truth
            ON CONFLICT (post_id, placement, kind) DO UPDATE SET times = excluded.times
         WHERE known.times <> excluded.times
        RETURNING 1
    ), gone AS (
        DELETE FROM interaction_count AS known
         WHERE NOT EXISTS (SELECT FROM truth
                            WHERE (truth.post_id, truth.placement, truth.kind)
                                = (known.post_id, known.placement, known.kind))
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM put_right) + (SELECT count(*) FROM gone) INTO wrong;
    RETURN wrong;
END
$$;
REVOKE ALL ON FUNCTION rebuild_interactions() FROM PUBLIC;
