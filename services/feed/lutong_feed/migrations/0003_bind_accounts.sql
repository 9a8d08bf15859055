-- What staff vouches for: the merchant that an account speaks for, and its mini-programs. `revision` counts the changes
-- of what others are told of an account: its kind and these.
ALTER TABLE account ADD COLUMN merchant_id text,
                    ADD COLUMN program_ids text[] NOT NULL DEFAULT '{}',
                    ADD COLUMN revision integer NOT NULL DEFAULT 1;
