-- Candidates asked what past inputs would have come to. A trial changes nothing but its own row.

CREATE TABLE trial (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT trial_company_fk REFERENCES management_company (id),
    project_id BLOB NOT NULL CONSTRAINT trial_project_fk REFERENCES project (id),
    fee_item_id BLOB NOT NULL CONSTRAINT trial_fee_item_fk REFERENCES fee_item (id),
    point TEXT NOT NULL,
    plugin_code TEXT NOT NULL,
    plugin_version TEXT NOT NULL,
    digest TEXT NOT NULL,
    settings_sha256 BLOB NOT NULL,
    -- Whole months: the first day, and the day after the last.
    period_start TEXT NOT NULL,
    period_end TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    finished_at TEXT,
    -- Months that the report knows: it only ever grows.
    months INTEGER NOT NULL,
    -- What was found so far, as JSON.
    report TEXT NOT NULL,
    CONSTRAINT trial_plugin_fk FOREIGN KEY (company_id, digest) REFERENCES plugin (company_id, digest),
    CONSTRAINT trial_settings_fk FOREIGN KEY (company_id, settings_sha256) REFERENCES settings_blob (company_id, settings_sha256)
) STRICT;
CREATE INDEX trial_project_idx ON trial (project_id, id);
CREATE INDEX trial_fee_item_idx ON trial (fee_item_id);

-- A job works on a run, on a trial, or on nothing that is a record.
ALTER TABLE job ADD COLUMN trial_id BLOB CONSTRAINT job_trial_fk REFERENCES trial (id);
CREATE INDEX job_trial_idx ON job (trial_id) WHERE trial_id IS NOT NULL;
