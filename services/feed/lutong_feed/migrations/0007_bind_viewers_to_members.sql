-- Which member of membership a viewer asked to order as. It holds once the member consents, which membership says.
-- `binding_id` tells one asking from a later one of the same viewer for the same member.
CREATE TABLE binding (
    viewer_id  text PRIMARY KEY REFERENCES account,
    binding_id text NOT NULL,
    member_id  text NOT NULL,
    state      text NOT NULL CHECK (state IN ('asked', 'bound')),
    changed_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80);
