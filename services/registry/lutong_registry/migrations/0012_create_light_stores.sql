-- A brand's template for its light stores. The row is the lock: versions, stores and rollouts change under it. `version` is the
-- one that new stores get: the first approved one, then whichever reached all stores.
CREATE TABLE light_template (
    template_id text PRIMARY KEY,
    merchant_id text NOT NULL REFERENCES merchant,
    version     bigint
);
CREATE INDEX light_template_by_merchant ON light_template (merchant_id, template_id);

-- What was handed in: canonical JSON, never changed.
CREATE TABLE light_template_version (
    template_id  text NOT NULL REFERENCES light_template,
    number       bigint NOT NULL CHECK (number > 0),
    state        text NOT NULL CHECK (state IN ('submitted', 'approved', 'rejected')),
    body         text NOT NULL,
    rejected_for text,
    submitted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (template_id, number),
    CHECK (rejected_for IS NULL OR state = 'rejected')
);

-- A store's row, the edits of its merchant, and what its program was made of: version `program_version` of `program_id` is the
-- render of template version `version`, this row and these edits, and has this digest.
CREATE TABLE light_store (
    template_id     text NOT NULL REFERENCES light_template,
    store_id        text NOT NULL,
    merchant_id     text NOT NULL,
    program_id      text NOT NULL UNIQUE REFERENCES program,
    line            bigint NOT NULL,
    name            text NOT NULL,
    hours           text,
    city            text,
    overrides       text NOT NULL,
    edits           text NOT NULL,
    version         bigint NOT NULL,
    former_version  bigint,
    program_version bigint NOT NULL,
    digest          text NOT NULL,
    conflicts       text NOT NULL DEFAULT '',
    attached        boolean NOT NULL DEFAULT true,
    rollout_id      text,
    problem         text,
    PRIMARY KEY (template_id, store_id),
    FOREIGN KEY (template_id, version) REFERENCES light_template_version
);
CREATE INDEX light_store_by_line ON light_store (template_id, line) WHERE attached;
CREATE INDEX light_store_by_place ON light_store (merchant_id, store_id) WHERE attached;

-- A version on its way to the stores. One at a time per template.
CREATE TABLE light_rollout (
    rollout_id  text PRIMARY KEY,
    template_id text NOT NULL,
    version     bigint NOT NULL,
    state       text NOT NULL CHECK (state IN ('running', 'reverting', 'stopped', 'completed')),
    stage       bigint NOT NULL DEFAULT 0,
    bound       bigint NOT NULL,
    wait_s      bigint NOT NULL,
    errors_max  bigint NOT NULL,
    next_at     timestamptz NOT NULL DEFAULT now(),
    upgraded    bigint NOT NULL DEFAULT 0,
    conflicts   bigint NOT NULL DEFAULT 0,
    skipped     bigint NOT NULL DEFAULT 0,
    errors      bigint NOT NULL DEFAULT 0,
    reverted    bigint NOT NULL DEFAULT 0,
    reason      text,
    detail      text,
    started_at  timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (template_id, version) REFERENCES light_template_version
);
CREATE UNIQUE INDEX light_rollout_open ON light_rollout (template_id) WHERE state IN ('running', 'reverting');
CREATE INDEX light_rollout_due ON light_rollout (next_at) WHERE state IN ('running', 'reverting');
CREATE INDEX light_rollout_by_template ON light_rollout (template_id, started_at);
