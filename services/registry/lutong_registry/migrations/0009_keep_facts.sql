-- How programs were used, event by event, kept longer than the topics. By whom, the feed knows; here nobody needs to.
CREATE TABLE usage_fact (
    day          date NOT NULL,
    source       text NOT NULL,
    event_id     text NOT NULL,
    happened_at  timestamptz NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('opened', 'solved', 'fulfilled')),
    program_id   text NOT NULL,
    post_id      text NOT NULL,
    amount_minor bigint,
    currency     text,
    PRIMARY KEY (day, source, event_id)
) PARTITION BY RANGE (day);
CREATE TABLE usage_fact_default PARTITION OF usage_fact DEFAULT;

-- Of each count, how much has no facts here: from before this table, counted by the release before, or forgotten.
ALTER TABLE usage ADD COLUMN opened_before bigint NOT NULL DEFAULT 0,
                  ADD COLUMN solved_before bigint NOT NULL DEFAULT 0,
                  ADD COLUMN fulfilled_before bigint NOT NULL DEFAULT 0,
                  ADD COLUMN batches bigint NOT NULL DEFAULT 0;
UPDATE usage SET opened_before = opened, solved_before = solved, fulfilled_before = fulfilled;

-- The release before still counts, and keeps no facts. It does not know `batches`, which grows with each count that has some.
CREATE FUNCTION keep_counts_without_facts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.opened_before := NEW.opened;
        NEW.solved_before := NEW.solved;
        NEW.fulfilled_before := NEW.fulfilled;
    ELSE
        NEW.opened_before := OLD.opened_before + NEW.opened - OLD.opened;
        NEW.solved_before := OLD.solved_before + NEW.solved - OLD.solved;
        NEW.fulfilled_before := OLD.fulfilled_before + NEW.fulfilled - OLD.fulfilled;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER usage_first_without_facts BEFORE INSERT ON usage FOR EACH ROW
    WHEN (NEW.batches = 0) EXECUTE FUNCTION keep_counts_without_facts();
CREATE TRIGGER usage_without_facts BEFORE UPDATE ON usage FOR EACH ROW
    WHEN (NEW.batches = OLD.batches) EXECUTE FUNCTION keep_counts_without_facts();

-- Add up the facts of days that are about to be forgotten (keep_fact_days calls it).
CREATE FUNCTION fold_usage_fact(before date) RETURNS void LANGUAGE sql AS $$
    UPDATE usage
       SET opened_before = opened_before + old.opened, solved_before = solved_before + old.solved,
           fulfilled_before = fulfilled_before + old.fulfilled, batches = batches + 1
      FROM (SELECT program_id, count(*) FILTER (WHERE kind = 'opened') AS opened,
                   count(*) FILTER (WHERE kind = 'solved') AS solved,
                   count(*) FILTER (WHERE kind = 'fulfilled') AS fulfilled
              FROM usage_fact WHERE day < before GROUP BY program_id) AS old
     WHERE usage.program_id = old.program_id
$$;
REVOKE ALL ON FUNCTION fold_usage_fact(date) FROM PUBLIC;

-- Count the use of all programs again from facts; gives how many counts were wrong.
CREATE FUNCTION rebuild_usage() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
BEGIN
    LOCK TABLE usage IN SHARE ROW EXCLUSIVE MODE;
    WITH fact AS (
        SELECT program_id, count(*) FILTER (WHERE kind = 'opened') AS opened,
               count(*) FILTER (WHERE kind = 'solved') AS solved,
               count(*) FILTER (WHERE kind = 'fulfilled') AS fulfilled
          FROM usage_fact
         GROUP BY program_id
    ), truth AS (
        SELECT program_id, opened_before + coalesce(fact.opened, 0) AS opened,
               solved_before + coalesce(fact.solved, 0) AS solved,
               fulfilled_before + coalesce(fact.fulfilled, 0) AS fulfilled
          FROM usage LEFT JOIN fact USING (program_id)
    )
    UPDATE usage
       SET opened = truth.opened, solved = truth.solved, fulfilled = truth.fulfilled, batches = batches + 1
      FROM truth
     WHERE usage.program_id = truth.program_id
       AND (usage.opened, usage.solved, usage.fulfilled) <> (truth.opened, truth.solved, truth.fulfilled);
    GET DIAGNOSTICS wrong = ROW_COUNT;
    RETURN wrong;
END
$$;
REVOKE ALL ON FUNCTION rebuild_usage() FROM PUBLIC;
