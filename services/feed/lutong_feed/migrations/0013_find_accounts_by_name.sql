-- A mention names an account by its id or by its name.
CREATE INDEX account_by_name ON account (name);
