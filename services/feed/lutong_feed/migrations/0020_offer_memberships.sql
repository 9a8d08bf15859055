-- Plans that merchants offer, as membership publishes them, and who of a plan is held out.
CREATE TABLE plan_offer (
    plan_id          text PRIMARY KEY,
    merchant_id      text NOT NULL,
    revision         integer NOT NULL,
    is_open          boolean NOT NULL,
    title            text NOT NULL,
    discount_percent integer NOT NULL,
    salt             text,
    holdout_percent  double precision
) WITH (fillfactor = 80);
CREATE INDEX plan_offer_open ON plan_offer (merchant_id) WHERE is_open;

-- What was decided of a member when they first saw a card of the plan's merchant: it holds for good. No foreign keys, as in `engagement`.
CREATE TABLE offer_exposure (
    member_id  text NOT NULL,
    plan_id    text NOT NULL,
    held_out   boolean NOT NULL,
    exposed_at timestamptz NOT NULL,
    PRIMARY KEY (member_id, plan_id)
);

-- Who has a plan now.
CREATE TABLE plan_member (
    agreement_id text PRIMARY KEY,
    member_id    text NOT NULL,
    plan_id      text NOT NULL
);
CREATE INDEX plan_member_by_member ON plan_member (member_id, plan_id);
