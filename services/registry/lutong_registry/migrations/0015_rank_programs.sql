-- How programs were used on each day of Asia/Shanghai. `version` grows when a day that is over is restated, for an event that came late;
-- `adjusted` are uses of a day that is closed, more than seven days late: they are shown beside it and change it no more.
CREATE TABLE program_day (
    program_id text NOT NULL,
    day        date NOT NULL,
    opened     bigint NOT NULL DEFAULT 0 CHECK (opened >= 0),
    solved     bigint NOT NULL DEFAULT 0 CHECK (solved >= 0),
    fulfilled  bigint NOT NULL DEFAULT 0 CHECK (fulfilled >= 0),
    users      bigint NOT NULL DEFAULT 0 CHECK (users >= 0),
    adjusted   bigint NOT NULL DEFAULT 0 CHECK (adjusted >= 0),
    version    integer NOT NULL DEFAULT 1 CHECK (version > 0),
    PRIMARY KEY (program_id, day)
);
CREATE INDEX program_day_by_day ON program_day (day);

-- Who opened what on which day: a viewer is a pseudonym, made with a secret of this table's own.
CREATE TABLE usage_active (
    program_id text NOT NULL,
    viewer     text NOT NULL,
    day        date NOT NULL,
    times      bigint NOT NULL CHECK (times > 0),
    last_at    timestamptz NOT NULL,
    PRIMARY KEY (program_id, viewer, day)
);
CREATE INDEX usage_active_by_viewer ON usage_active (viewer, day);
CREATE INDEX usage_active_by_day ON usage_active (day, program_id);

CREATE TABLE usage_secret (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    secret text NOT NULL DEFAULT replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '')
);
INSERT INTO usage_secret DEFAULT VALUES;

-- Facts that are kept are counted, by whichever release keeps them.
CREATE FUNCTION count_days_of_facts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    today date := (now() AT TIME ZONE 'Asia/Shanghai')::date;
BEGIN
    INSERT INTO program_day AS known (program_id, day, opened, solved, fulfilled, adjusted)
    SELECT program_id, local_day,
           count(*) FILTER (WHERE kind = 'opened' AND local_day >= today - 7),
           count(*) FILTER (WHERE kind = 'solved' AND local_day >= today - 7),
           count(*) FILTER (WHERE kind = 'fulfilled' AND local_day >= today - 7),
           count(*) FILTER (WHERE local_day < today - 7)
      FROM (SELECT program_id, kind, (happened_at AT TIME ZONE 'Asia/Shanghai')::date AS local_day FROM fresh) AS used
     GROUP BY program_id, local_day
     ORDER BY program_id, local_day
        ON CONFLICT (program_id, day) DO UPDATE
       SET opened = known.opened + excluded.opened, solved = known.solved + excluded.solved,
           fulfilled = known.fulfilled + excluded.fulfilled, adjusted = known.adjusted + excluded.adjusted,
           version = known.version + (known.day < today AND known.day >= today - 7)::integer;
    RETURN NULL;
END
$$;
CREATE TRIGGER usage_fact_days AFTER INSERT ON usage_fact REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION count_days_of_facts();

-- What was kept before. Who they were is not known.
INSERT INTO program_day (program_id, day, opened, solved, fulfilled)
SELECT program_id, (happened_at AT TIME ZONE 'Asia/Shanghai')::date, count(*) FILTER (WHERE kind = 'opened'),
       count(*) FILTER (WHERE kind = 'solved'), count(*) FILTER (WHERE kind = 'fulfilled')
  FROM usage_fact
 GROUP BY 1, 2;
