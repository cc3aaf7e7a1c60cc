-- What a company keeps of its records beyond what every office keeps: typed fields, and the values that people enter.

CREATE TABLE custom_field (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT custom_field_company_fk REFERENCES management_company (id),
    -- Code of what it is a field of.
    entity TEXT NOT NULL,
    -- Part of a fact's name; given once, also when the field is retired.
    key TEXT NOT NULL,
    title_zh TEXT NOT NULL,
    title_en TEXT NOT NULL,
    -- JSON: kind with scale or list.
    kind TEXT NOT NULL,
    required INTEGER NOT NULL,
    retired INTEGER NOT NULL,
    -- Counts the changes, for optimistic concurrency.
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT custom_field_key_key UNIQUE (company_id, entity, key)
) STRICT;

-- A record is a unit, a party or what follows: which table it lies in is told by the entity of its field.
CREATE TABLE custom_value (
    company_id BLOB NOT NULL CONSTRAINT custom_value_company_fk REFERENCES management_company (id),
    record_id BLOB NOT NULL,
    custom_field_id BLOB NOT NULL CONSTRAINT custom_value_field_fk REFERENCES custom_field (id),
    -- As its field's kind writes it.
    value TEXT NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT custom_value_pk PRIMARY KEY (record_id, custom_field_id)
) STRICT;
CREATE INDEX custom_value_field_idx ON custom_value (custom_field_id);

-- Counts the changes of a record's values, for optimistic concurrency.
CREATE TABLE custom_value_version (
    company_id BLOB NOT NULL CONSTRAINT custom_value_version_company_fk REFERENCES management_company (id),
    entity TEXT NOT NULL,
    record_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT custom_value_version_pk PRIMARY KEY (company_id, entity, record_id)
) STRICT;
