-- Component files that take long to check wait here for the job that checks them.

CREATE TABLE plugin_installation (
    job_id UUID PRIMARY KEY NOT NULL CONSTRAINT plugin_installation_job_fk REFERENCES job (id),
    company_id UUID NOT NULL CONSTRAINT plugin_installation_company_fk REFERENCES management_company (id),
    -- As the manifest of the file says.
    plugin_code TEXT NOT NULL,
    plugin_version TEXT NOT NULL,
    -- A reference of a registry with its digest; empty for a file.
    origin TEXT NOT NULL,
    -- With its signatures; forgotten once the job is over.
    file BYTEA,
    installed_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX plugin_installation_file_idx ON plugin_installation (company_id) WHERE file IS NOT NULL;
