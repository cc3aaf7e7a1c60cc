-- Decisions that no billing run asks for: about a ticket, a sheet, an event.

CREATE TABLE ruling (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT ruling_company_fk REFERENCES management_company (id),
    project_id BLOB NOT NULL CONSTRAINT ruling_project_fk REFERENCES project (id),
    binding_id BLOB NOT NULL CONSTRAINT ruling_binding_fk REFERENCES binding (id),
    point TEXT NOT NULL,
    -- Whether it counts.
    mode TEXT NOT NULL,
    component_digest TEXT NOT NULL,
    settings_sha256 BLOB NOT NULL,
    wit TEXT NOT NULL,
    engine TEXT NOT NULL,
    -- How its subjects came out.
    subjects INTEGER NOT NULL,
    decided INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    undecided INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    fuel INTEGER NOT NULL,
    spent_us INTEGER NOT NULL,
    -- Who the subjects are.
    about BLOB NOT NULL,
    input BLOB NOT NULL,
    outcome BLOB NOT NULL,
    -- What it asked the host to do, and what became of that, as JSON; nothing where it asked for nothing.
    effects TEXT,
    log BLOB,
    created_at TEXT NOT NULL,
    CONSTRAINT ruling_plugin_fk FOREIGN KEY (company_id, component_digest) REFERENCES plugin (company_id, digest),
    CONSTRAINT ruling_settings_fk FOREIGN KEY (company_id, settings_sha256) REFERENCES settings_blob (company_id, settings_sha256)
) STRICT;
CREATE INDEX ruling_binding_idx ON ruling (binding_id, id);

CREATE TRIGGER ruling_no_update BEFORE UPDATE ON ruling
BEGIN SELECT RAISE(ABORT, 'ruling is append-only'); END;
CREATE TRIGGER ruling_no_delete BEFORE DELETE ON ruling
BEGIN SELECT RAISE(ABORT, 'ruling is append-only'); END;

-- Finds the rulings about a record.
CREATE TABLE ruling_subject (
    company_id BLOB NOT NULL CONSTRAINT ruling_subject_company_fk REFERENCES management_company (id),
    entity TEXT NOT NULL,
    subject_id BLOB NOT NULL,
    ruling_id BLOB NOT NULL CONSTRAINT ruling_subject_ruling_fk REFERENCES ruling (id),
    created_at TEXT NOT NULL,
    CONSTRAINT ruling_subject_pk PRIMARY KEY (company_id, entity, subject_id, ruling_id)
) STRICT;
CREATE INDEX ruling_subject_ruling_idx ON ruling_subject (ruling_id);
