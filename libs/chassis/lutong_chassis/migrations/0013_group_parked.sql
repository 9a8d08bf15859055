-- What a parked record has in common with others is written down when it is parked, and when its error changes: with a hundred thousand of
-- them, working it out at each look took half a minute. A trigger writes it, so that the release before does, too.
ALTER TABLE parked
    ADD COLUMN group_name text,
    ADD COLUMN group_type text,
    ADD COLUMN group_cause text,
    ADD COLUMN group_merchant text;

-- A cause is an error without numbers, ids and quoted values; a name is a digest of what the records of a group have in common.
CREATE FUNCTION group_parked() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    NEW.group_type := coalesce(NEW.type, substring(encode(NEW.headers, 'escape') FROM '\["ce_type", "([^"\\]{1,255})"\]'));
    NEW.group_cause := regexp_replace(NEW.error, '0x[0-9a-f]+|[0-9a-f-]{8,}|\d+|''[^'']*''', '…', 'gi');
    NEW.group_merchant := substring(encode(substring(NEW.value FOR 4096), 'escape')
                                    FROM '"merchant_id": ?"([A-Za-z0-9][A-Za-z0-9._-]{0,63})"');
    NEW.group_name := substring(encode(sha256(convert_to(concat_ws(E'\n', NEW.reason, coalesce(NEW.group_type, ''), NEW.group_cause,
                                                                   coalesce(NEW.group_merchant, '')), 'UTF8')), 'hex') FOR 16);
    RETURN NEW;
END
$$;
CREATE TRIGGER parked_group BEFORE INSERT OR UPDATE OF error, reason, type ON parked
    FOR EACH ROW EXECUTE FUNCTION group_parked();

UPDATE parked SET error = error WHERE state IN ('parked', 'waiting');

CREATE INDEX parked_by_group ON parked (group_name, id) WHERE state = 'parked';
CREATE INDEX parked_heads ON parked (id) WHERE state = 'parked';
