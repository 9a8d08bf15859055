-- Plans are entities: others are told of each change, and `revision` says which of two is the newer. It is counted here, so that
-- what the release before writes counts too: `lutong publish-entities` then says it.
ALTER TABLE plan ADD COLUMN revision integer NOT NULL DEFAULT 1;

CREATE FUNCTION count_plan_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.revision := OLD.revision + 1;
    RETURN NEW;
END
$$;

-- A new plan has version 0 until its first version is written: that is no change.
CREATE TRIGGER plan_revision BEFORE UPDATE ON plan FOR EACH ROW
    WHEN (OLD.version > 0 AND (OLD.version, OLD.open) IS DISTINCT FROM (NEW.version, NEW.open))
    EXECUTE FUNCTION count_plan_revision();
