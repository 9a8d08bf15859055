-- Apps that programs run in, as the registry publishes them.
CREATE TABLE host (
    host_id  text PRIMARY KEY,
    revision bigint NOT NULL,
    facts    text NOT NULL
);

-- What the version in force needs of its host; versions that some hosts have of their own, and what those sell: JSON, as gray is.
ALTER TABLE program ADD needs text, ADD hosted text, ADD hosted_offers text;
