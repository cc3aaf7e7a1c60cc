-- Decisions that no billing run asks for: about a ticket, a sheet, an event.

CREATE TABLE ruling (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT ruling_company_fk REFERENCES management_company (id),
    project_id UUID NOT NULL CONSTRAINT ruling_project_fk REFERENCES project (id),
    binding_id UUID NOT NULL CONSTRAINT ruling_binding_fk REFERENCES binding (id),
    point TEXT NOT NULL,
    -- Whether it counts.
    mode TEXT NOT NULL,
    component_digest TEXT NOT NULL,
    settings_sha256 BYTEA NOT NULL,
    wit TEXT NOT NULL,
    engine TEXT NOT NULL,
    -- How its subjects came out.
    subjects BIGINT NOT NULL,
    decided BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    undecided BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    fuel BIGINT NOT NULL,
    spent_us BIGINT NOT NULL,
    -- Who the subjects are.
    about BYTEA NOT NULL,
    input BYTEA NOT NULL,
    outcome BYTEA NOT NULL,
    -- What it asked the host to do, and what became of that, as JSON; nothing where it asked for nothing.
    effects TEXT,
    log BYTEA,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT ruling_plugin_fk FOREIGN KEY (company_id, component_digest) REFERENCES plugin (company_id, digest),
    CONSTRAINT ruling_settings_fk FOREIGN KEY (company_id, settings_sha256) REFERENCES settings_blob (company_id, settings_sha256)
);
CREATE INDEX ruling_binding_idx ON ruling (binding_id, id);

CREATE TRIGGER ruling_append_only BEFORE UPDATE OR DELETE ON ruling
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ruling_no_truncate BEFORE TRUNCATE ON ruling
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Finds the rulings about a record.
CREATE TABLE ruling_subject (
    company_id UUID NOT NULL CONSTRAINT ruling_subject_company_fk REFERENCES management_company (id),
    entity TEXT NOT NULL,
    subject_id UUID NOT NULL,
    ruling_id UUID NOT NULL CONSTRAINT ruling_subject_ruling_fk REFERENCES ruling (id),
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT ruling_subject_pk PRIMARY KEY (company_id, entity, subject_id, ruling_id)
);
CREATE INDEX ruling_subject_ruling_idx ON ruling_subject (ruling_id);
