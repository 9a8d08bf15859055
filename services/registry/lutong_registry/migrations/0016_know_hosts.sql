-- Apps that programs run in. `capabilities` are what each can do, from which version of its platform on; `scenes` its places from
-- which programs are opened: JSON, read as a whole. `revision` is that of its topic.
CREATE TABLE host (
    host_id      text PRIMARY KEY,
    title_zh     text NOT NULL,
    title_en     text NOT NULL,
    capabilities text NOT NULL,
    scenes       text NOT NULL,
    retired_for  text,
    revision     bigint NOT NULL CHECK (revision > 0)
);

-- A version may be in force in the hosts that it names, beside the released one that all others open.
ALTER TABLE version
    -- squawk-ignore ban-drop-constraint
    DROP CONSTRAINT version_state_check,
    ADD CONSTRAINT version_state_check CHECK (state IN (
        'submitted', 'admitted', 'approved', 'rejected', 'withdrawn', 'gray', 'released', 'hosted', 'superseded', 'rolled_back',
        'forced_offline')) NOT VALID;
