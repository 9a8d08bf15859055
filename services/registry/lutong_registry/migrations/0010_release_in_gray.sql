-- Versions are audited twice, withdrawn, shown to some viewers first, and forbidden for good.
ALTER TABLE version
    -- squawk-ignore ban-drop-constraint
    DROP CONSTRAINT version_state_check,
    ADD CONSTRAINT version_state_check CHECK (state IN (
        'submitted', 'admitted', 'approved', 'rejected', 'withdrawn', 'gray', 'released', 'superseded', 'rolled_back',
        'forced_offline')) NOT VALID,
    ADD COLUMN admitted_only boolean NOT NULL DEFAULT false,
    ADD COLUMN audience jsonb,
    ADD COLUMN stage integer NOT NULL DEFAULT 0,
    ADD COLUMN ended_for text,
    ADD COLUMN evidence jsonb,
    ADD CONSTRAINT version_audience_check CHECK ((audience IS NOT NULL) = (state = 'gray')) NOT VALID,
    ADD CONSTRAINT version_ended_check
        CHECK (ended_for IS NULL OR state IN ('rolled_back', 'forced_offline')) NOT VALID;

-- One version of a program is in flight. What the release before enforced of two states is a part of it.
CREATE UNIQUE INDEX version_in_flight ON version (program_id)
    WHERE state IN ('submitted', 'admitted', 'approved', 'gray');
DROP INDEX version_in_review;

-- Withdrawals, which are limited by day and month.
CREATE TABLE withdrawal (
    program_id   text NOT NULL REFERENCES program,
    withdrawn_at timestamptz NOT NULL,
    number       integer NOT NULL,
    PRIMARY KEY (program_id, withdrawn_at, number)
);
