-- Companies and the people who work in them.

CREATE TABLE management_company (
    id BLOB PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT management_company_name_key UNIQUE (name)
) STRICT;

CREATE TABLE app_user (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT app_user_company_fk REFERENCES management_company (id),
    name TEXT NOT NULL,
    -- Codes of the roles, separated by commas.
    roles TEXT NOT NULL,
    disabled INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT app_user_name_key UNIQUE (company_id, name)
) STRICT;

-- Failed logins are counted here, so that guessing is slow on every host of the fleet.
CREATE TABLE credential (
    user_id BLOB PRIMARY KEY NOT NULL CONSTRAINT credential_user_fk REFERENCES app_user (id),
    company_id BLOB NOT NULL CONSTRAINT credential_company_fk REFERENCES management_company (id),
    password_hash TEXT NOT NULL,
    failed_count INTEGER NOT NULL,
    failed_since TEXT,
    locked_until TEXT,
    created_at TEXT NOT NULL
) STRICT;

-- The secret itself is shown once and never stored.
CREATE TABLE token (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT token_company_fk REFERENCES management_company (id),
    user_id BLOB NOT NULL CONSTRAINT token_user_fk REFERENCES app_user (id),
    purpose TEXT NOT NULL,
    secret_sha256 BLOB NOT NULL,
    expires_at TEXT,
    revoked_at TEXT,
    created_at TEXT NOT NULL,
    CONSTRAINT token_secret_key UNIQUE (secret_sha256)
) STRICT;

-- Requests that may be sent again, with their answers. Of key and body only hashes are kept.
CREATE TABLE idempotency_key (
    company_id BLOB NOT NULL CONSTRAINT idempotency_key_company_fk REFERENCES management_company (id),
    user_id BLOB NOT NULL CONSTRAINT idempotency_key_user_fk REFERENCES app_user (id),
    key_sha256 BLOB NOT NULL,
    -- Method and path with its query.
    route TEXT NOT NULL,
    -- Of key and body.
    body_sha256 BLOB NOT NULL,
    -- Status, headers (as JSON) and body of the answer; none while the request is being worked on.
    status INTEGER,
    headers TEXT,
    body BLOB,
    created_at TEXT NOT NULL,
    CONSTRAINT idempotency_key_pk PRIMARY KEY (company_id, user_id, key_sha256)
) STRICT;
CREATE INDEX idempotency_key_age_idx ON idempotency_key (company_id, created_at);

-- The estate. References between its tables are checked when a transaction ends, because an import changes them together.

CREATE TABLE project (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT project_company_fk REFERENCES management_company (id),
    name TEXT NOT NULL,
    currency TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    developer_id BLOB NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT project_name_key UNIQUE (company_id, name),
    CONSTRAINT project_developer_fk FOREIGN KEY (developer_id) REFERENCES party (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE building (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT building_company_fk REFERENCES management_company (id),
    project_id BLOB NOT NULL CONSTRAINT building_project_fk REFERENCES project (id),
    building_no TEXT NOT NULL,
    -- Code of the company's own choosing.
    kind TEXT,
    created_at TEXT NOT NULL,
    CONSTRAINT building_no_key UNIQUE (project_id, building_no)
) STRICT;

CREATE TABLE entrance (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT entrance_company_fk REFERENCES management_company (id),
    project_id BLOB NOT NULL CONSTRAINT entrance_project_fk REFERENCES project (id),
    building_id BLOB NOT NULL CONSTRAINT entrance_building_fk REFERENCES building (id) DEFERRABLE INITIALLY DEFERRED,
    entrance_no TEXT NOT NULL,
    storeys INTEGER NOT NULL,
    has_lift INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT entrance_no_key UNIQUE (building_id, entrance_no)
) STRICT;
CREATE INDEX entrance_project_idx ON entrance (project_id);

CREATE TABLE parking_area (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT parking_area_company_fk REFERENCES management_company (id),
    project_id BLOB NOT NULL CONSTRAINT parking_area_project_fk REFERENCES project (id),
    area_no TEXT NOT NULL,
    kind TEXT NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT parking_area_no_key UNIQUE (project_id, area_no)
) STRICT;

CREATE TABLE unit (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT unit_company_fk REFERENCES management_company (id),
    project_id BLOB NOT NULL CONSTRAINT unit_project_fk REFERENCES project (id),
    entrance_id BLOB CONSTRAINT unit_entrance_fk REFERENCES entrance (id) DEFERRABLE INITIALLY DEFERRED,
    parking_area_id BLOB CONSTRAINT unit_parking_area_fk REFERENCES parking_area (id) DEFERRABLE INITIALLY DEFERRED,
    kind TEXT NOT NULL,
    unit_no TEXT NOT NULL,
    storey INTEGER,
    layout_code TEXT,
    gross_floor_area_cm2 INTEGER NOT NULL,
    internal_area_cm2 INTEGER,
    rent_fen INTEGER,
    occupancy TEXT NOT NULL,
    -- Building, entrance and number, written so that byte order is the order people expect (2 before 10).
    sort_key TEXT NOT NULL,
    -- Counts the changes, for optimistic concurrency.
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT unit_entrance_no_key UNIQUE (entrance_id, unit_no),
    CONSTRAINT unit_parking_area_no_key UNIQUE (parking_area_id, unit_no),
    CONSTRAINT unit_place_check CHECK ((entrance_id IS NULL) <> (parking_area_id IS NULL))
) STRICT;
CREATE INDEX unit_place_idx ON unit (project_id, sort_key, id);
-- The pages of a billing run.
CREATE INDEX unit_project_idx ON unit (project_id, id);

CREATE TABLE party (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT party_company_fk REFERENCES management_company (id),
    project_id BLOB NOT NULL CONSTRAINT party_project_fk REFERENCES project (id) DEFERRABLE INITIALLY DEFERRED,
    name TEXT NOT NULL,
    source_no TEXT,
    kind TEXT NOT NULL,
    gender TEXT,
    age INTEGER,
    phone TEXT,
    identity_no TEXT,
    household_of BLOB CONSTRAINT party_household_fk REFERENCES party (id) DEFERRABLE INITIALLY DEFERRED,
    created_at TEXT NOT NULL,
    CONSTRAINT party_source_no_key UNIQUE (project_id, source_no)
) STRICT;
CREATE INDEX party_household_idx ON party (household_of) WHERE household_of IS NOT NULL;

CREATE TABLE tenure (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT tenure_company_fk REFERENCES management_company (id),
    project_id BLOB NOT NULL CONSTRAINT tenure_project_fk REFERENCES project (id),
    unit_id BLOB NOT NULL CONSTRAINT tenure_unit_fk REFERENCES unit (id) DEFERRABLE INITIALLY DEFERRED,
    party_id BLOB NOT NULL CONSTRAINT tenure_party_fk REFERENCES party (id) DEFERRABLE INITIALLY DEFERRED,
    kind TEXT NOT NULL,
    starts_on TEXT,
    ends_on TEXT,
    created_at TEXT NOT NULL,
    CONSTRAINT tenure_period_check CHECK (starts_on IS NULL OR ends_on IS NULL OR starts_on <= ends_on)
) STRICT;
CREATE INDEX tenure_unit_idx ON tenure (unit_id);
CREATE INDEX tenure_party_idx ON tenure (party_id);
CREATE INDEX tenure_project_idx ON tenure (project_id);

CREATE TABLE vehicle (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT vehicle_company_fk REFERENCES management_company (id),
    project_id BLOB NOT NULL CONSTRAINT vehicle_project_fk REFERENCES project (id),
    party_id BLOB NOT NULL CONSTRAINT vehicle_party_fk REFERENCES party (id) DEFERRABLE INITIALLY DEFERRED,
    unit_id BLOB CONSTRAINT vehicle_unit_fk REFERENCES unit (id) DEFERRABLE INITIALLY DEFERRED,
    plate_no TEXT NOT NULL,
    brand TEXT,
    kind_code TEXT,
    colour TEXT,
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX vehicle_unit_idx ON vehicle (unit_id);
CREATE INDEX vehicle_party_idx ON vehicle (party_id);
CREATE INDEX vehicle_project_idx ON vehicle (project_id, plate_no);

-- What is charged.

CREATE TABLE fee_item (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT fee_item_company_fk REFERENCES management_company (id),
    project_id BLOB NOT NULL CONSTRAINT fee_item_project_fk REFERENCES project (id),
    name TEXT NOT NULL,
    source_no TEXT,
    category TEXT NOT NULL,
    recurrence TEXT NOT NULL,
    payment_mode TEXT NOT NULL,
    demand_months INTEGER NOT NULL,
    charge_day TEXT NOT NULL,
    starts_on TEXT NOT NULL,
    ends_on TEXT,
    payer_rule TEXT NOT NULL,
    formula_code TEXT,
    source_price TEXT,
    source_fixed TEXT,
    created_at TEXT NOT NULL,
    CONSTRAINT fee_item_name_key UNIQUE (project_id, name)
) STRICT;

-- Once a unit and fee item: two would be two subjects with the same lines.
CREATE TABLE fee_assignment (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT fee_assignment_company_fk REFERENCES management_company (id),
    project_id BLOB NOT NULL CONSTRAINT fee_assignment_project_fk REFERENCES project (id),
    unit_id BLOB NOT NULL CONSTRAINT fee_assignment_unit_fk REFERENCES unit (id) DEFERRABLE INITIALLY DEFERRED,
    fee_item_id BLOB NOT NULL CONSTRAINT fee_assignment_fee_item_fk REFERENCES fee_item (id) DEFERRABLE INITIALLY DEFERRED,
    starts_on TEXT NOT NULL,
    ends_on TEXT,
    created_at TEXT NOT NULL,
    CONSTRAINT fee_assignment_unit_key UNIQUE (fee_item_id, unit_id)
) STRICT;
CREATE INDEX fee_assignment_unit_idx ON fee_assignment (unit_id);
CREATE INDEX fee_assignment_project_idx ON fee_assignment (project_id);

CREATE TABLE cost_pool (
    fee_item_id BLOB NOT NULL CONSTRAINT cost_pool_fee_item_fk REFERENCES fee_item (id),
    company_id BLOB NOT NULL CONSTRAINT cost_pool_company_fk REFERENCES management_company (id),
    period_start TEXT NOT NULL,
    total_fen INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT cost_pool_pk PRIMARY KEY (fee_item_id, period_start)
) STRICT;

CREATE TABLE meter (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT meter_company_fk REFERENCES management_company (id),
    unit_id BLOB NOT NULL CONSTRAINT meter_unit_fk REFERENCES unit (id) DEFERRABLE INITIALLY DEFERRED,
    fee_item_id BLOB NOT NULL CONSTRAINT meter_fee_item_fk REFERENCES fee_item (id) DEFERRABLE INITIALLY DEFERRED,
    multiplier_milli INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT meter_unit_key UNIQUE (unit_id, fee_item_id)
) STRICT;
CREATE INDEX meter_fee_item_idx ON meter (fee_item_id);

CREATE TABLE meter_reading (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT meter_reading_company_fk REFERENCES management_company (id),
    meter_id BLOB NOT NULL CONSTRAINT meter_reading_meter_fk REFERENCES meter (id),
    read_on TEXT NOT NULL,
    reading_milli INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT meter_reading_day_key UNIQUE (meter_id, read_on)
) STRICT;

-- Plug-ins and the bindings that switch them on.

CREATE TABLE plugin_component (
    company_id BLOB NOT NULL CONSTRAINT plugin_component_company_fk REFERENCES management_company (id),
    -- SHA-256 of the bytes, in hex.
    digest TEXT NOT NULL,
    component BLOB NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT plugin_component_pk PRIMARY KEY (company_id, digest)
) STRICT;

CREATE TABLE plugin (
    company_id BLOB NOT NULL CONSTRAINT plugin_company_fk REFERENCES management_company (id),
    digest TEXT NOT NULL,
    -- The plug-in's own id, such as guanjia.area-fee.
    code TEXT NOT NULL,
    version TEXT NOT NULL,
    -- What the install checks found, as JSON.
    manifest TEXT NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT plugin_pk PRIMARY KEY (company_id, digest),
    CONSTRAINT plugin_version_key UNIQUE (company_id, code, version),
    CONSTRAINT plugin_component_fk FOREIGN KEY (company_id, digest) REFERENCES plugin_component (company_id, digest)
) STRICT;

-- Settings by the hash of their canonical text. Rows are never changed, so that an old decision keeps the settings it had.
CREATE TABLE settings_blob (
    company_id BLOB NOT NULL CONSTRAINT settings_blob_company_fk REFERENCES management_company (id),
    settings_sha256 BLOB NOT NULL,
    settings TEXT NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT settings_blob_pk PRIMARY KEY (company_id, settings_sha256)
) STRICT;

CREATE TABLE binding (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT binding_company_fk REFERENCES management_company (id),
    project_id BLOB NOT NULL CONSTRAINT binding_project_fk REFERENCES project (id),
    point TEXT NOT NULL,
    fee_item_id BLOB CONSTRAINT binding_fee_item_fk REFERENCES fee_item (id) DEFERRABLE INITIALLY DEFERRED,
    plugin_code TEXT NOT NULL,
    plugin_version TEXT NOT NULL,
    digest TEXT NOT NULL,
    settings_sha256 BLOB NOT NULL,
    effective_from TEXT NOT NULL,
    effective_to TEXT,
    mode TEXT NOT NULL,
    -- By how much a shadow may differ before somebody is told, in permille of the total.
    tolerance_permille INTEGER NOT NULL,
    -- Codes of the effects that were granted, as JSON.
    granted TEXT NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT binding_plugin_fk FOREIGN KEY (company_id, digest) REFERENCES plugin (company_id, digest),
    CONSTRAINT binding_settings_fk FOREIGN KEY (company_id, settings_sha256) REFERENCES settings_blob (company_id, settings_sha256)
) STRICT;
CREATE INDEX binding_project_idx ON binding (project_id, fee_item_id);

-- Billing runs.

CREATE TABLE billing_run (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT billing_run_company_fk REFERENCES management_company (id),
    project_id BLOB NOT NULL CONSTRAINT billing_run_project_fk REFERENCES project (id),
    period_start TEXT NOT NULL,
    period_end TEXT NOT NULL,
    state TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    approved_by TEXT,
    approved_at TEXT,
    posted_by TEXT,
    posted_at TEXT,
    lines INTEGER NOT NULL,
    held INTEGER NOT NULL,
    total_fen INTEGER NOT NULL,
    posted_lines INTEGER NOT NULL
) STRICT;
CREATE INDEX billing_run_project_idx ON billing_run (project_id, period_start);
-- Two runs of one period cannot both be on their way to be posted.
CREATE UNIQUE INDEX billing_run_live_key ON billing_run (project_id, period_start)
    WHERE state IN ('approved', 'posting');

CREATE TABLE run_cursor (
    run_id BLOB PRIMARY KEY NOT NULL CONSTRAINT run_cursor_run_fk REFERENCES billing_run (id),
    company_id BLOB NOT NULL CONSTRAINT run_cursor_company_fk REFERENCES management_company (id),
    -- Digest of what the pages of the run depend on.
    rules TEXT NOT NULL,
    -- The last unit of the recorded pages. It may be deleted later, so it refers to nothing.
    after_unit BLOB,
    units INTEGER NOT NULL,
    finished INTEGER NOT NULL
) STRICT;

CREATE TABLE run_total (
    run_id BLOB NOT NULL CONSTRAINT run_total_run_fk REFERENCES billing_run (id),
    fee_item_id BLOB NOT NULL CONSTRAINT run_total_fee_item_fk REFERENCES fee_item (id),
    company_id BLOB NOT NULL CONSTRAINT run_total_company_fk REFERENCES management_company (id),
    building TEXT NOT NULL,
    lines INTEGER NOT NULL,
    amount_fen INTEGER NOT NULL,
    CONSTRAINT run_total_pk PRIMARY KEY (run_id, fee_item_id, building)
) STRICT;

-- One call of a plug-in with everything needed to run it again. Only `allocated` is written later, once.
CREATE TABLE decision (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT decision_company_fk REFERENCES management_company (id),
    run_id BLOB NOT NULL CONSTRAINT decision_run_fk REFERENCES billing_run (id),
    fee_item_id BLOB NOT NULL CONSTRAINT decision_fee_item_fk REFERENCES fee_item (id),
    binding_id BLOB NOT NULL CONSTRAINT decision_binding_fk REFERENCES binding (id),
    component_digest TEXT NOT NULL,
    settings_sha256 BLOB NOT NULL,
    wit TEXT NOT NULL,
    engine TEXT NOT NULL,
    fuel INTEGER NOT NULL,
    -- Lines of the run before this decision, and its own.
    first_line INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    -- Sum of the lines; none while weights are not allocated.
    sum_fen INTEGER,
    subjects BLOB NOT NULL,
    input BLOB NOT NULL,
    outcome BLOB NOT NULL,
    allocated BLOB,
    -- What the plug-in logged; nothing where it logged nothing.
    log BLOB,
    CONSTRAINT decision_plugin_fk FOREIGN KEY (company_id, component_digest) REFERENCES plugin (company_id, digest),
    CONSTRAINT decision_settings_fk FOREIGN KEY (company_id, settings_sha256) REFERENCES settings_blob (company_id, settings_sha256)
) STRICT;
CREATE INDEX decision_run_idx ON decision (run_id, first_line, id);
CREATE INDEX decision_binding_idx ON decision (binding_id);
CREATE INDEX decision_fee_item_idx ON decision (fee_item_id);

CREATE TABLE held_subject (
    run_id BLOB NOT NULL CONSTRAINT held_subject_run_fk REFERENCES billing_run (id),
    fee_item_id BLOB NOT NULL CONSTRAINT held_subject_fee_item_fk REFERENCES fee_item (id),
    unit_id BLOB NOT NULL CONSTRAINT held_subject_unit_fk REFERENCES unit (id) ON DELETE CASCADE,
    company_id BLOB NOT NULL CONSTRAINT held_subject_company_fk REFERENCES management_company (id),
    kind TEXT NOT NULL,
    code TEXT NOT NULL,
    about TEXT NOT NULL,
    reason TEXT NOT NULL,
    decision_id BLOB CONSTRAINT held_subject_decision_fk REFERENCES decision (id),
    CONSTRAINT held_subject_pk PRIMARY KEY (run_id, fee_item_id, unit_id)
) STRICT;
CREATE INDEX held_subject_unit_idx ON held_subject (unit_id);

-- The ledger. `charge` and `transfer` are written by the million, and a foreign key costs a lookup a row (on PostgreSQL five
-- times the rest of the insert). Triggers on the other side refuse to delete what a charge names, or what a run may yet charge.

CREATE TABLE ledger_account (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT ledger_account_company_fk REFERENCES management_company (id),
    project_id BLOB NOT NULL CONSTRAINT ledger_account_project_fk REFERENCES project (id),
    kind TEXT NOT NULL,
    fee_item_id BLOB CONSTRAINT ledger_account_fee_item_fk REFERENCES fee_item (id) DEFERRABLE INITIALLY DEFERRED,
    created_at TEXT NOT NULL,
    CONSTRAINT ledger_account_fee_item_key UNIQUE (fee_item_id, kind)
) STRICT;
CREATE UNIQUE INDEX ledger_account_receivable_key ON ledger_account (project_id) WHERE kind = 'receivable';

CREATE TABLE journal_entry (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT journal_entry_company_fk REFERENCES management_company (id),
    project_id BLOB NOT NULL CONSTRAINT journal_entry_project_fk REFERENCES project (id),
    kind TEXT NOT NULL,
    run_id BLOB CONSTRAINT journal_entry_run_fk REFERENCES billing_run (id),
    posted_at TEXT NOT NULL,
    posted_by TEXT NOT NULL,
    CONSTRAINT journal_entry_run_key UNIQUE (run_id, kind)
) STRICT;

-- Ids follow from run and line, so that rows are appended and a run's charges are one range of the key.
-- The unique constraint makes posting twice impossible and finds the charges of a unit. Both indexes begin with the period, so
-- that a month is written at their end, however many months there are: what a unit or a payer owes is looked up period by period.
CREATE TABLE charge (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL,
    run_id BLOB NOT NULL,
    unit_id BLOB NOT NULL,
    fee_item_id BLOB NOT NULL,
    payer_id BLOB NOT NULL,
    decision_id BLOB NOT NULL,
    period_start TEXT NOT NULL,
    starts_on TEXT NOT NULL,
    ends_on TEXT NOT NULL,
    revision INTEGER NOT NULL,
    line_no INTEGER NOT NULL,
    decision_line INTEGER NOT NULL,
    amount_fen INTEGER NOT NULL,
    CONSTRAINT charge_line_key UNIQUE (period_start, unit_id, fee_item_id, revision, line_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX charge_payer_idx ON charge (period_start, payer_id);

-- Has the id of the charge that caused it.
CREATE TABLE transfer (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL,
    journal_entry_id BLOB NOT NULL,
    debit_account_id BLOB NOT NULL,
    credit_account_id BLOB NOT NULL,
    amount_fen INTEGER NOT NULL,
    CONSTRAINT transfer_amount_check CHECK (amount_fen > 0),
    CONSTRAINT transfer_sides_check CHECK (debit_account_id <> credit_account_id)
) STRICT, WITHOUT ROWID;

-- Audit and events.

CREATE TABLE audit_head (
    company_id BLOB PRIMARY KEY NOT NULL CONSTRAINT audit_head_company_fk REFERENCES management_company (id),
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;

CREATE TABLE audit_row (
    company_id BLOB NOT NULL CONSTRAINT audit_row_company_fk REFERENCES management_company (id),
    seq INTEGER NOT NULL,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    origin TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    before_json TEXT NOT NULL,
    after_json TEXT NOT NULL,
    hash TEXT NOT NULL,
    CONSTRAINT audit_row_pk PRIMARY KEY (company_id, seq)
) STRICT;

CREATE TABLE event (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT event_company_fk REFERENCES management_company (id),
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    project_id BLOB CONSTRAINT event_project_fk REFERENCES project (id),
    subject TEXT NOT NULL,
    payload TEXT NOT NULL
) STRICT;
CREATE INDEX event_company_idx ON event (company_id, id);

-- Durable work.

CREATE TABLE job (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT job_company_fk REFERENCES management_company (id),
    kind TEXT NOT NULL,
    run_id BLOB CONSTRAINT job_run_fk REFERENCES billing_run (id),
    state TEXT NOT NULL,
    done INTEGER NOT NULL,
    total INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    cancel_requested INTEGER NOT NULL,
    error TEXT,
    requested_by TEXT NOT NULL,
    worker TEXT,
    lease_until TEXT,
    created_at TEXT NOT NULL,
    finished_at TEXT
) STRICT;
CREATE INDEX job_open_idx ON job (created_at, id) WHERE state IN ('ready', 'running');
CREATE INDEX job_run_idx ON job (run_id);

CREATE TABLE schedule (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT schedule_company_fk REFERENCES management_company (id),
    -- `preview-month` is about a project, `replay-sample` about the company.
    kind TEXT NOT NULL CONSTRAINT schedule_kind CHECK (kind IN ('preview-month', 'replay-sample')),
    project_id BLOB CONSTRAINT schedule_project CHECK ((project_id IS NULL) = (kind = 'replay-sample'))
        CONSTRAINT schedule_project_fk REFERENCES project (id),
    cron TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    next_at TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX schedule_next_idx ON schedule (next_at) WHERE enabled = TRUE;

-- What is posted or recorded stays as it is: corrected by reversal, never by hand.

CREATE TRIGGER charge_no_update BEFORE UPDATE ON charge
BEGIN SELECT RAISE(ABORT, 'charge is append-only'); END;
CREATE TRIGGER charge_no_delete BEFORE DELETE ON charge
BEGIN SELECT RAISE(ABORT, 'charge is append-only'); END;
CREATE TRIGGER transfer_no_update BEFORE UPDATE ON transfer
BEGIN SELECT RAISE(ABORT, 'transfer is append-only'); END;
CREATE TRIGGER transfer_no_delete BEFORE DELETE ON transfer
BEGIN SELECT RAISE(ABORT, 'transfer is append-only'); END;
CREATE TRIGGER journal_entry_no_update BEFORE UPDATE ON journal_entry
BEGIN SELECT RAISE(ABORT, 'journal_entry is append-only'); END;
CREATE TRIGGER journal_entry_no_delete BEFORE DELETE ON journal_entry
BEGIN SELECT RAISE(ABORT, 'journal_entry is append-only'); END;
CREATE TRIGGER audit_row_no_update BEFORE UPDATE ON audit_row
BEGIN SELECT RAISE(ABORT, 'audit_row is append-only'); END;
CREATE TRIGGER audit_row_no_delete BEFORE DELETE ON audit_row
BEGIN SELECT RAISE(ABORT, 'audit_row is append-only'); END;
CREATE TRIGGER event_no_update BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;
CREATE TRIGGER event_no_delete BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;
CREATE TRIGGER decision_no_delete BEFORE DELETE ON decision
BEGIN SELECT RAISE(ABORT, 'decision is append-only'); END;
CREATE TRIGGER decision_no_update BEFORE UPDATE ON decision
WHEN NOT (OLD.allocated IS NULL AND NEW.allocated IS NOT NULL AND OLD.sum_fen IS NULL
    AND NEW.id IS OLD.id
    AND NEW.company_id IS OLD.company_id
    AND NEW.run_id IS OLD.run_id
    AND NEW.fee_item_id IS OLD.fee_item_id
    AND NEW.binding_id IS OLD.binding_id
    AND NEW.component_digest IS OLD.component_digest
    AND NEW.settings_sha256 IS OLD.settings_sha256
    AND NEW.wit IS OLD.wit
    AND NEW.engine IS OLD.engine
    AND NEW.fuel IS OLD.fuel
    AND NEW.first_line IS OLD.first_line
    AND NEW.lines IS OLD.lines
    AND NEW.subjects IS OLD.subjects
    AND NEW.input IS OLD.input
    AND NEW.outcome IS OLD.outcome
    AND NEW.log IS OLD.log)
BEGIN SELECT RAISE(ABORT, 'decision is append-only'); END;
CREATE TRIGGER settings_blob_no_update BEFORE UPDATE ON settings_blob
BEGIN SELECT RAISE(ABORT, 'settings_blob is append-only'); END;

-- The other side of the references of `charge`.

CREATE TRIGGER unit_charged BEFORE DELETE ON unit
BEGIN
    SELECT CASE
        WHEN EXISTS (SELECT 1 FROM billing_run r JOIN charge c ON c.period_start = r.period_start AND c.unit_id = OLD.id
            WHERE r.project_id = OLD.project_id) THEN RAISE(ABORT, 'unit is charged')
        WHEN EXISTS (SELECT 1 FROM billing_run WHERE project_id = OLD.project_id
            AND state IN ('computing', 'previewed', 'approved', 'posting')) THEN RAISE(ABORT, 'unit is in an open run')
    END;
END;
CREATE TRIGGER party_charged BEFORE DELETE ON party
BEGIN
    SELECT CASE
        WHEN EXISTS (SELECT 1 FROM billing_run r JOIN charge c ON c.period_start = r.period_start AND c.payer_id = OLD.id
            WHERE r.project_id = OLD.project_id) THEN RAISE(ABORT, 'party is charged')
        WHEN EXISTS (SELECT 1 FROM billing_run WHERE project_id = OLD.project_id
            AND state IN ('computing', 'previewed', 'approved', 'posting')) THEN RAISE(ABORT, 'party is in an open run')
    END;
END;

-- Numbers from 0, one a row: what many rows are cut out of columns with.
CREATE TABLE _series (n INTEGER PRIMARY KEY NOT NULL) STRICT;
WITH RECURSIVE counting (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM counting WHERE n < 32767)
INSERT INTO _series (n) SELECT n FROM counting;
