-- Whom a company trusts to sign plug-ins, and what it asks of them.

CREATE TABLE trusted_publisher (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT trusted_publisher_company_fk REFERENCES management_company (id),
    -- The company's own name for whoever holds the key; one may have several keys.
    name TEXT NOT NULL,
    -- Written `ed25519:` and 64 hexadecimal digits.
    public_key TEXT NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT trusted_publisher_key UNIQUE (company_id, public_key)
) STRICT;

-- At most one row a company; without one nothing is asked.
CREATE TABLE trust_rule (
    company_id BLOB PRIMARY KEY NOT NULL CONSTRAINT trust_rule_company_fk REFERENCES management_company (id),
    require_trusted INTEGER NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

-- Signatures that held when the file was installed. Whether they are trusted is judged when it is asked for.
CREATE TABLE plugin_signature (
    company_id BLOB NOT NULL CONSTRAINT plugin_signature_company_fk REFERENCES management_company (id),
    digest TEXT NOT NULL,
    public_key TEXT NOT NULL,
    -- Counts from 0 in the order in which the host learned of them, which in one file is the order of signing.
    seq INTEGER NOT NULL,
    -- In the signer's own words.
    publisher TEXT NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT plugin_signature_pk PRIMARY KEY (company_id, digest, public_key),
    CONSTRAINT plugin_signature_plugin_fk FOREIGN KEY (company_id, digest) REFERENCES plugin (company_id, digest)
) STRICT;
