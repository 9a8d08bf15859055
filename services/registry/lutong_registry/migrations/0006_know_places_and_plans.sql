-- What inventory and membership say of merchants, on compacted topics: where they are, and what members may join.
CREATE TABLE place (
    merchant_id  text NOT NULL,
    location_id  text NOT NULL,
    kind         text NOT NULL,
    state        text NOT NULL,
    latitude     double precision NOT NULL,
    longitude    double precision NOT NULL,
    zone         text NOT NULL,
    modes        text[] NOT NULL,
    radius_m     bigint,
    paused_until timestamptz,
    revision     bigint NOT NULL,
    PRIMARY KEY (merchant_id, location_id)
);

CREATE TABLE plan (
    plan_id          text PRIMARY KEY,
    merchant_id      text NOT NULL,
    version          bigint NOT NULL,
    title            text NOT NULL,
    currency         text NOT NULL,
    line_limit_minor bigint NOT NULL,
    charge_cap_minor bigint NOT NULL,
    discount_percent bigint NOT NULL,
    open             boolean NOT NULL,
    revision         bigint NOT NULL
);
CREATE INDEX plan_by_merchant ON plan (merchant_id) WHERE open;
CREATE INDEX account_by_merchant ON account (merchant_id) WHERE merchant_id IS NOT NULL;

-- The release before renames merchants and counts no revision: its word is the newer one all the same, once
-- `lutong publish-entities` says it.
CREATE FUNCTION count_merchant_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.revision := OLD.revision + 1;
    RETURN NEW;
END
$$;
CREATE TRIGGER merchant_revision BEFORE UPDATE ON merchant FOR EACH ROW
    WHEN (OLD.name IS DISTINCT FROM NEW.name AND OLD.revision = NEW.revision)
    EXECUTE FUNCTION count_merchant_revision();
