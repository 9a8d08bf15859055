-- Who may put a card of a program below their posts. Until the owner says otherwise, everybody may.
ALTER TABLE program
    ADD embedded_by text NOT NULL DEFAULT 'public',
    ADD CONSTRAINT program_embedded_by_check CHECK (embedded_by IN ('public', 'permitted', 'owner')) NOT VALID;

-- Accounts that the owner of a program permitted to; they keep it while the program is open to everybody.
CREATE TABLE embed_permission (
    program_id text NOT NULL REFERENCES program,
    account_id text NOT NULL,
    granted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (program_id, account_id)
);
CREATE INDEX embed_permission_by_account ON embed_permission (account_id, program_id);

-- A post that waits for a program is led to it if its author may embed it then. Of posts from before nobody knows the author.
ALTER TABLE waiting_post ADD author_id text;
