-- Files that people add to records.

-- Each file once for a company, by its digest; never shared between companies, or one could find out what another has.
CREATE TABLE attachment_file (
    company_id BLOB NOT NULL CONSTRAINT attachment_file_company_fk REFERENCES management_company (id),
    -- SHA-256 of the bytes, in hex.
    digest TEXT NOT NULL,
    bytes BLOB NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT attachment_file_pk PRIMARY KEY (company_id, digest)
) STRICT;

-- The record is told by entity and id: which table it lies in differs.
CREATE TABLE attachment (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT attachment_company_fk REFERENCES management_company (id),
    entity TEXT NOT NULL,
    record_id BLOB NOT NULL,
    -- As whoever added it called it. Data, and never a path.
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    digest TEXT NOT NULL,
    added_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    removed_by TEXT,
    removed_at TEXT,
    removed_reason TEXT,
    CONSTRAINT attachment_file_fk FOREIGN KEY (company_id, digest) REFERENCES attachment_file (company_id, digest),
    CONSTRAINT attachment_removed_check CHECK ((removed_at IS NULL) = (removed_by IS NULL))
) STRICT;
CREATE INDEX attachment_record_idx ON attachment (company_id, entity, record_id);
