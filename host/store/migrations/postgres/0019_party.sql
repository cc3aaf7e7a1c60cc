-- What is kept of a person or firm: how to reach them, what they agreed to, what is noted, and who looked at it.

CREATE TABLE contact (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT contact_company_fk REFERENCES management_company (id),
    party_id UUID NOT NULL CONSTRAINT contact_party_fk REFERENCES party (id),
    channel TEXT NOT NULL,
    -- Personal data.
    value TEXT NOT NULL,
    note TEXT NOT NULL,
    preferred BOOLEAN NOT NULL,
    starts_on DATE NOT NULL,
    -- The first day on which it is not used any more.
    ends_on DATE,
    -- Counts the changes, for optimistic concurrency.
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX contact_party_idx ON contact (party_id);
CREATE UNIQUE INDEX contact_preferred_key ON contact (party_id) WHERE preferred;

-- Append-only: the latest of a purpose counts.
CREATE TABLE consent (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT consent_company_fk REFERENCES management_company (id),
    party_id UUID NOT NULL CONSTRAINT consent_party_fk REFERENCES party (id),
    purpose TEXT NOT NULL,
    given BOOLEAN NOT NULL,
    -- The day on which it was said.
    said_on DATE NOT NULL,
    source TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX consent_party_idx ON consent (party_id);

CREATE TABLE party_note (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT party_note_company_fk REFERENCES management_company (id),
    party_id UUID NOT NULL CONSTRAINT party_note_party_fk REFERENCES party (id),
    note TEXT NOT NULL,
    noted_by TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX party_note_party_idx ON party_note (party_id);

-- Who saw personal data in full.
CREATE TABLE personal_data_view (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT personal_data_view_company_fk REFERENCES management_company (id),
    viewed_by TEXT NOT NULL,
    -- Door and request.
    origin TEXT NOT NULL,
    part TEXT NOT NULL,
    subject TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX personal_data_view_age_idx ON personal_data_view (company_id, id);
CREATE INDEX personal_data_view_subject_idx ON personal_data_view (company_id, subject, id);

-- How much of a unit an owner has, as a fraction; nothing where nobody has said it.
ALTER TABLE tenure ADD COLUMN share_parts BIGINT;
ALTER TABLE tenure ADD COLUMN share_of BIGINT;

-- Neither what somebody agreed to nor who looked is ever changed.
CREATE TRIGGER consent_no_update BEFORE UPDATE OR DELETE ON consent FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER personal_data_view_no_update BEFORE UPDATE OR DELETE ON personal_data_view
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
