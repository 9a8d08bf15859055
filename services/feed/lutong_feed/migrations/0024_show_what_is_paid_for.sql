-- What the feed may show in places that programs pay for: page views that the registry holds until the feed answers what it showed.
-- Many rows are open at once, and each is one hour old at most; `used` is the number of its impressions below.
CREATE TABLE slot_allowance (
    spend_id     text PRIMARY KEY,
    promotion_id text NOT NULL,
    program_id   text NOT NULL,
    placement    text NOT NULL,
    pv           bigint NOT NULL CHECK (pv > 0),
    used         bigint NOT NULL DEFAULT 0,
    taken_at     timestamptz NOT NULL DEFAULT now(),
    ends_at      timestamptz NOT NULL,
    closed_at    timestamptz,
    CHECK (used BETWEEN 0 AND pv)
) WITH (fillfactor = 70);
CREATE INDEX slot_allowance_open ON slot_allowance (placement, ends_at) WHERE closed_at IS NULL;
CREATE INDEX slot_allowance_of_promotion ON slot_allowance (promotion_id) WHERE closed_at IS NULL;
CREATE INDEX slot_allowance_over ON slot_allowance (ends_at) WHERE closed_at IS NOT NULL;

-- Impressions that spent a page view, each once.
CREATE TABLE slot_impression (
    request_id uuid NOT NULL,
    position   integer NOT NULL,
    spend_id   text NOT NULL,
    program_id text NOT NULL,
    viewer_id  text NOT NULL,
    served_at  timestamptz NOT NULL,
    PRIMARY KEY (request_id, position)
);
CREATE INDEX slot_impression_of_viewer ON slot_impression (viewer_id, program_id, served_at);
CREATE INDEX slot_impression_by_spend ON slot_impression (spend_id);
