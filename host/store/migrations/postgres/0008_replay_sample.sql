-- Samples of posted decisions that the running build was asked again.

CREATE TABLE replay_sample (
    -- The job that took it: one that goes on after its host died leaves one sample.
    job_id UUID PRIMARY KEY NOT NULL CONSTRAINT replay_sample_job_fk REFERENCES job (id),
    company_id UUID NOT NULL CONSTRAINT replay_sample_company_fk REFERENCES management_company (id),
    created_at TIMESTAMPTZ NOT NULL,
    -- Version of the host that replayed.
    build TEXT NOT NULL,
    -- Counts and differences, as JSON.
    report TEXT NOT NULL
);
CREATE INDEX replay_sample_company_idx ON replay_sample (company_id, created_at);
