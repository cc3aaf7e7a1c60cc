-- What bindings do while they live.

-- What one binding did in the recorded pages of one run: written with each of them.
CREATE TABLE binding_use (
    run_id BLOB NOT NULL CONSTRAINT binding_use_run_fk REFERENCES billing_run (id),
    binding_id BLOB NOT NULL CONSTRAINT binding_use_binding_fk REFERENCES binding (id),
    company_id BLOB NOT NULL CONSTRAINT binding_use_company_fk REFERENCES management_company (id),
    -- Whether its answers counted.
    mode TEXT NOT NULL,
    calls INTEGER NOT NULL,
    -- Subjects that it was asked about, and what became of them.
    subjects INTEGER NOT NULL,
    decided INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    undecided INTEGER NOT NULL,
    trapped INTEGER NOT NULL,
    limited INTEGER NOT NULL,
    invalid INTEGER NOT NULL,
    -- Subjects that it was not asked about, because it had been stopped.
    passed_over INTEGER NOT NULL,
    fuel INTEGER NOT NULL,
    -- The largest shares of what a call was allowed.
    fuel_permille INTEGER NOT NULL,
    memory_permille INTEGER NOT NULL,
    spent_us INTEGER NOT NULL,
    last_error_kind TEXT,
    last_error TEXT,
    last_error_at TEXT,
    -- Why it was not asked in this run any more.
    stopped TEXT,
    -- Of a shadow: what would change if it were the active one, as JSON.
    difference TEXT,
    -- It differed by more than is tolerated, and that was told.
    differs INTEGER NOT NULL,
    CONSTRAINT binding_use_pk PRIMARY KEY (run_id, binding_id)
) STRICT;
CREATE INDEX binding_use_binding_idx ON binding_use (binding_id, run_id);

-- Times during which a binding is not asked. A row is ended, never deleted.
CREATE TABLE quarantine (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT quarantine_company_fk REFERENCES management_company (id),
    binding_id BLOB NOT NULL CONSTRAINT quarantine_binding_fk REFERENCES binding (id),
    -- The run that it broke in; none where somebody quarantined it by hand.
    run_id BLOB CONSTRAINT quarantine_run_fk REFERENCES billing_run (id),
    reason TEXT NOT NULL,
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    released_at TEXT,
    released_by TEXT
) STRICT;
-- A binding is quarantined once at a time.
CREATE UNIQUE INDEX quarantine_open_key ON quarantine (binding_id) WHERE released_at IS NULL;
CREATE INDEX quarantine_binding_idx ON quarantine (binding_id);
