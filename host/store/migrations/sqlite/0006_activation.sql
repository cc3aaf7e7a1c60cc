-- What a company asks before a rule counts, and what waits for a second person.

-- At most one row a company; without one nothing is asked.
CREATE TABLE activation_rule (
    company_id BLOB PRIMARY KEY NOT NULL CONSTRAINT activation_rule_company_fk REFERENCES management_company (id),
    second_person INTEGER NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE proposal (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT proposal_company_fk REFERENCES management_company (id),
    project_id BLOB NOT NULL CONSTRAINT proposal_project_fk REFERENCES project (id),
    -- What it becomes when it is approved, as JSON.
    binding TEXT NOT NULL,
    note TEXT NOT NULL,
    trial_id BLOB CONSTRAINT proposal_trial_fk REFERENCES trial (id),
    state TEXT NOT NULL,
    proposed_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    decided_by TEXT,
    decided_at TEXT,
    reason TEXT NOT NULL
) STRICT;
CREATE INDEX proposal_company_idx ON proposal (company_id, id);
CREATE INDEX proposal_open_idx ON proposal (company_id, id) WHERE state = 'open';
