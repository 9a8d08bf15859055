-- Which item an order is credited to: one for each order. What decides stands in the first columns, as it was requested; what was
-- decided in the others, by the rule of that version. `view_…` is the last impression within a day before, beside it.
CREATE TABLE order_credit (
    order_id       text PRIMARY KEY,
    viewer_id      text NOT NULL,
    ordered_on     text NOT NULL,
    program_id     text NOT NULL,
    currency       text NOT NULL,
    requested_at   timestamptz NOT NULL,
    touch          text,
    rule           text NOT NULL DEFAULT 'last_click.v1',
    placement      text NOT NULL DEFAULT 'direct',
    post_id        text NOT NULL,
    view_placement text,
    view_post_id   text
) WITH (fillfactor = 80);
CREATE INDEX order_credit_by_post ON order_credit (post_id);
CREATE INDEX order_credit_by_viewer ON order_credit (viewer_id, requested_at);
CREATE INDEX order_credit_by_view ON order_credit (view_post_id) WHERE view_post_id IS NOT NULL;

-- How far orders came: one row per stage and order, in any order of arrival. `ref` is the agreement of what was held, the refund of
-- what was refunded, and empty otherwise.
CREATE TABLE order_stage (
    order_id     text NOT NULL,
    stage        text NOT NULL CHECK (stage IN ('held', 'sourced', 'fulfilled', 'cancelled', 'refunded')),
    ref          text NOT NULL DEFAULT '',
    amount_minor bigint NOT NULL DEFAULT 0,
    happened_at  timestamptz NOT NULL,
    PRIMARY KEY (order_id, stage, ref)
);
CREATE TABLE agreement_settled (
    agreement_id text PRIMARY KEY,
    happened_at  timestamptz NOT NULL
);
CREATE INDEX interaction_fact_by_viewer ON interaction_fact (viewer_id, happened_at)
    WHERE kind IN ('tap', 'click', 'impression');
