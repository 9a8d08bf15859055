-- The key of a member, sealed with a master key that is not in the database. Without it nobody reads their addresses,
-- whatever copy of a table they have: to erase a member is to remove this row.
CREATE TABLE vault_key (
    member_id text PRIMARY KEY,
    master    text NOT NULL,
    wrapped   bytea NOT NULL,
    made_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX vault_key_by_master ON vault_key (master);

-- Name, phone and address of a person, sealed with the key of their member.
CREATE TABLE vault_address (
    address_id text PRIMARY KEY,
    member_id  text NOT NULL,
    sealed     bytea NOT NULL,
    stored_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX vault_address_of_member ON vault_address (member_id);

-- Under which id the vault has the exact address of an order; a reference on purpose without a foreign key: addresses are erased.
ALTER TABLE customer_order ADD address_id text;
