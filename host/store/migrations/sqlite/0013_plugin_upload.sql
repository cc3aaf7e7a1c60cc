-- Plug-in files that somebody looks at before they are installed.

CREATE TABLE plugin_upload (
    company_id BLOB NOT NULL CONSTRAINT plugin_upload_company_fk REFERENCES management_company (id),
    -- Of the file, a component with its signatures or a bundle.
    sha256 TEXT NOT NULL,
    -- A reference of a registry with its digest; empty for a file.
    origin TEXT NOT NULL,
    -- Forgotten when it is installed, after a day, or when too many others came.
    file BLOB NOT NULL,
    -- When it was last brought.
    created_at TEXT NOT NULL,
    CONSTRAINT plugin_upload_pk PRIMARY KEY (company_id, sha256)
) STRICT;
