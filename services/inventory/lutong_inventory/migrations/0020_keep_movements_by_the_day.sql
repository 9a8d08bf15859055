-- Movements by the day on which they were entered (UTC): each day is a table of its own, so that what is written now is small, and
-- a look at what moved since a moment opens the days since then. None is ever dropped. What was entered before is the first of
-- them, up to the end of this day: no row is copied. The release before goes on under the same name.
ALTER TABLE movement VALIDATE CONSTRAINT movement_kind_check;
-- A partition has no numbers of its own, and nobody gives any.
-- squawk-ignore ban-alter-identity
ALTER TABLE movement ALTER movement_id DROP IDENTITY;
-- The name comes back at once, with all that is below it.
-- squawk-ignore renaming-table
ALTER TABLE movement RENAME TO movement_before;
CREATE SEQUENCE movement_number AS bigint;
SELECT setval('movement_number', (SELECT coalesce(max(movement_id), 0) + 1 FROM movement_before), false);

CREATE TABLE movement (LIKE movement_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY RANGE (moved_at);
ALTER TABLE movement ALTER movement_id SET DEFAULT nextval('movement_number');
CREATE INDEX movement_of_shelf ON movement (location_id, sku);
CREATE INDEX movement_of_shelf_in_time ON movement (location_id, sku, (coalesce(occurred_at, moved_at)));
CREATE TABLE movement_default PARTITION OF movement DEFAULT;
ALTER TABLE movement_default ADD PRIMARY KEY (movement_id);
CREATE TRIGGER movement_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON movement
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER movement_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON movement_default
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A table for yesterday, today and each of the next seven days that has none. It runs as the owner: the role of a service needs no DDL.
CREATE FUNCTION keep_movement_days() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    today date := (now() AT TIME ZONE 'UTC')::date;
    day   date;
    name  text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('lutong movement partitions'));
    FOR day IN SELECT today + ahead FROM generate_series(-1, 7) AS ahead LOOP
        name := 'movement_' || to_char(day, 'YYYYMMDD');
        -- A day that has rows elsewhere stays there: nothing is lost by that.
        CONTINUE WHEN to_regclass(name) IS NOT NULL OR day < movements_by_the_day_since()
            OR EXISTS (SELECT FROM movement_default WHERE (moved_at AT TIME ZONE 'UTC')::date = day);
        EXECUTE format('CREATE TABLE %I PARTITION OF movement FOR VALUES FROM (%L) TO (%L)',
                       name, day || ' 00:00:00+00', day + 1 || ' 00:00:00+00');
        EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (movement_id)', name);
        EXECUTE format('CREATE TRIGGER movement_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON %I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION keep_movement_days() FROM PUBLIC;

DO $$
DECLARE
    tomorrow date := (now() AT TIME ZONE 'UTC')::date + 1;
BEGIN
    EXECUTE format('ALTER TABLE movement ATTACH PARTITION movement_before FOR VALUES FROM (MINVALUE) TO (%L)', tomorrow || ' 00:00:00+00');
    -- The first day with a table of its own.
    EXECUTE format('CREATE FUNCTION movements_by_the_day_since() RETURNS date LANGUAGE sql IMMUTABLE AS $f$ SELECT %L::date $f$', tomorrow);
END
$$;
SELECT keep_movement_days();
