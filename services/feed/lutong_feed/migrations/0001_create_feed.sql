-- Who posts and who reads.
CREATE TABLE account (
    account_id text PRIMARY KEY,
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    kind       text NOT NULL CHECK (kind IN ('personal', 'enterprise'))
);

-- Who reads whom.
CREATE TABLE follow (
    follower_id text NOT NULL REFERENCES account,
    followee_id text NOT NULL REFERENCES account,
    PRIMARY KEY (follower_id, followee_id),
    CHECK (follower_id <> followee_id)
);

-- Posts. `number` breaks ties between posts of one moment, so that timelines have one order.
CREATE TABLE post (
    post_id      text PRIMARY KEY,
    number       bigint GENERATED ALWAYS AS IDENTITY,
    author_id    text NOT NULL REFERENCES account,
    text         text NOT NULL,
    program_id   text,
    published_at timestamptz NOT NULL
);
CREATE INDEX post_by_author ON post (author_id, published_at DESC, number DESC);

-- The card on each post, with the journey it belongs to and the event that resolved it: what viewers
-- do with the card continues that journey.
CREATE TABLE card (
    post_id        text PRIMARY KEY REFERENCES post,
    state          text NOT NULL DEFAULT 'resolving' CHECK (state IN ('resolving', 'active', 'unavailable')),
    program_id     text,
    merchant_id    text,
    reason         text,
    correlation_id text NOT NULL,
    causation_id   text,
    CHECK ((state = 'unavailable') = (reason IS NOT NULL)),
    CHECK (state <> 'active' OR program_id IS NOT NULL)
) WITH (fillfactor = 80);
CREATE INDEX card_by_program ON card (program_id) WHERE program_id IS NOT NULL;

-- What viewers did with the card on a post, counted once per deed.
CREATE TABLE counter (
    post_id   text PRIMARY KEY REFERENCES post,
    taps      bigint NOT NULL DEFAULT 0,
    solved    bigint NOT NULL DEFAULT 0,
    requested bigint NOT NULL DEFAULT 0,
    fulfilled bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 60);

-- Mini-programs as the registry last said: what cards show, and the prices of requests.
CREATE TABLE program (
    program_id    text PRIMARY KEY,
    merchant_id   text,
    version       integer,
    title         text,
    page          text,
    offers        text NOT NULL DEFAULT '[]',
    suspended_for text
);

-- What viewers asked for, and how far it is.
CREATE TABLE service_request (
    order_id       text PRIMARY KEY,
    viewer_id      text NOT NULL REFERENCES account,
    post_id        text NOT NULL REFERENCES post,
    program_id     text NOT NULL,
    merchant_id    text NOT NULL,
    lines          text NOT NULL,
    total_minor    bigint NOT NULL,
    currency       text NOT NULL,
    status         text NOT NULL DEFAULT 'requested'
                   CHECK (status IN ('requested', 'declined', 'sourced', 'rejected', 'fulfilled', 'cancelled')),
    reason         text,
    location_id    text,
    location_kind  text,
    correlation_id text NOT NULL,
    requested_at   timestamptz NOT NULL DEFAULT now(),
    changed_at     timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80);
CREATE INDEX request_by_viewer ON service_request (viewer_id, requested_at DESC);
