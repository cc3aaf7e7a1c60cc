-- Companies and the people who work in them.

CREATE TABLE management_company (
    id UUID PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT management_company_name_key UNIQUE (name)
);

CREATE TABLE app_user (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT app_user_company_fk REFERENCES management_company (id),
    name TEXT NOT NULL,
    -- Codes of the roles, separated by commas.
    roles TEXT NOT NULL,
    disabled BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT app_user_name_key UNIQUE (company_id, name)
);

-- Failed logins are counted here, so that guessing is slow on every host of the fleet.
CREATE TABLE credential (
    user_id UUID PRIMARY KEY NOT NULL CONSTRAINT credential_user_fk REFERENCES app_user (id),
    company_id UUID NOT NULL CONSTRAINT credential_company_fk REFERENCES management_company (id),
    password_hash TEXT NOT NULL,
    failed_count BIGINT NOT NULL,
    failed_since TIMESTAMPTZ,
    locked_until TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL
);

-- The secret itself is shown once and never stored.
CREATE TABLE token (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT token_company_fk REFERENCES management_company (id),
    user_id UUID NOT NULL CONSTRAINT token_user_fk REFERENCES app_user (id),
    purpose TEXT NOT NULL,
    secret_sha256 BYTEA NOT NULL,
    expires_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT token_secret_key UNIQUE (secret_sha256)
);

-- Requests that may be sent again, with their answers. Of key and body only hashes are kept.
CREATE TABLE idempotency_key (
    company_id UUID NOT NULL CONSTRAINT idempotency_key_company_fk REFERENCES management_company (id),
    user_id UUID NOT NULL CONSTRAINT idempotency_key_user_fk REFERENCES app_user (id),
    key_sha256 BYTEA NOT NULL,
    -- Method and path with its query.
    route TEXT NOT NULL,
    -- Of key and body.
    body_sha256 BYTEA NOT NULL,
    -- Status, headers (as JSON) and body of the answer; none while the request is being worked on.
    status BIGINT,
    headers TEXT,
    body BYTEA,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT idempotency_key_pk PRIMARY KEY (company_id, user_id, key_sha256)
);
CREATE INDEX idempotency_key_age_idx ON idempotency_key (company_id, created_at);

-- The estate. References between its tables are checked when a transaction ends, because an import changes them together.

CREATE TABLE project (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT project_company_fk REFERENCES management_company (id),
    name TEXT NOT NULL,
    currency TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    developer_id UUID NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT project_name_key UNIQUE (company_id, name)
);

CREATE TABLE building (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT building_company_fk REFERENCES management_company (id),
    project_id UUID NOT NULL CONSTRAINT building_project_fk REFERENCES project (id),
    building_no TEXT NOT NULL,
    -- Code of the company's own choosing.
    kind TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT building_no_key UNIQUE (project_id, building_no)
);

CREATE TABLE entrance (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT entrance_company_fk REFERENCES management_company (id),
    project_id UUID NOT NULL CONSTRAINT entrance_project_fk REFERENCES project (id),
    building_id UUID NOT NULL CONSTRAINT entrance_building_fk REFERENCES building (id) DEFERRABLE INITIALLY DEFERRED,
    entrance_no TEXT NOT NULL,
    storeys BIGINT NOT NULL,
    has_lift BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT entrance_no_key UNIQUE (building_id, entrance_no)
);
CREATE INDEX entrance_project_idx ON entrance (project_id);

CREATE TABLE parking_area (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT parking_area_company_fk REFERENCES management_company (id),
    project_id UUID NOT NULL CONSTRAINT parking_area_project_fk REFERENCES project (id),
    area_no TEXT NOT NULL,
    kind TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT parking_area_no_key UNIQUE (project_id, area_no)
);

CREATE TABLE unit (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT unit_company_fk REFERENCES management_company (id),
    project_id UUID NOT NULL CONSTRAINT unit_project_fk REFERENCES project (id),
    entrance_id UUID CONSTRAINT unit_entrance_fk REFERENCES entrance (id) DEFERRABLE INITIALLY DEFERRED,
    parking_area_id UUID CONSTRAINT unit_parking_area_fk REFERENCES parking_area (id) DEFERRABLE INITIALLY DEFERRED,
    kind TEXT NOT NULL,
    unit_no TEXT NOT NULL,
    storey BIGINT,
    layout_code TEXT,
    gross_floor_area_cm2 BIGINT NOT NULL,
    internal_area_cm2 BIGINT,
    rent_fen BIGINT,
    occupancy TEXT NOT NULL,
    -- Building, entrance and number, written so that byte order is the order people expect (2 before 10).
    sort_key TEXT COLLATE "C" NOT NULL,
    -- Counts the changes, for optimistic concurrency.
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT unit_entrance_no_key UNIQUE (entrance_id, unit_no),
    CONSTRAINT unit_parking_area_no_key UNIQUE (parking_area_id, unit_no),
    CONSTRAINT unit_place_check CHECK ((entrance_id IS NULL) <> (parking_area_id IS NULL))
);
CREATE INDEX unit_place_idx ON unit (project_id, sort_key, id);
-- The pages of a billing run.
CREATE INDEX unit_project_idx ON unit (project_id, id);

CREATE TABLE party (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT party_company_fk REFERENCES management_company (id),
    project_id UUID NOT NULL CONSTRAINT party_project_fk REFERENCES project (id) DEFERRABLE INITIALLY DEFERRED,
    name TEXT NOT NULL,
    source_no TEXT,
    kind TEXT NOT NULL,
    gender TEXT,
    age BIGINT,
    phone TEXT,
    identity_no TEXT,
    household_of UUID CONSTRAINT party_household_fk REFERENCES party (id) DEFERRABLE INITIALLY DEFERRED,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT party_source_no_key UNIQUE (project_id, source_no)
);
ALTER TABLE project ADD CONSTRAINT project_developer_fk
    FOREIGN KEY (developer_id) REFERENCES party (id) DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX party_household_idx ON party (household_of) WHERE household_of IS NOT NULL;

CREATE TABLE tenure (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT tenure_company_fk REFERENCES management_company (id),
    project_id UUID NOT NULL CONSTRAINT tenure_project_fk REFERENCES project (id),
    unit_id UUID NOT NULL CONSTRAINT tenure_unit_fk REFERENCES unit (id) DEFERRABLE INITIALLY DEFERRED,
    party_id UUID NOT NULL CONSTRAINT tenure_party_fk REFERENCES party (id) DEFERRABLE INITIALLY DEFERRED,
    kind TEXT NOT NULL,
    starts_on DATE,
    ends_on DATE,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT tenure_period_check CHECK (starts_on IS NULL OR ends_on IS NULL OR starts_on <= ends_on)
);
CREATE INDEX tenure_unit_idx ON tenure (unit_id);
CREATE INDEX tenure_party_idx ON tenure (party_id);
CREATE INDEX tenure_project_idx ON tenure (project_id);

CREATE TABLE vehicle (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT vehicle_company_fk REFERENCES management_company (id),
    project_id UUID NOT NULL CONSTRAINT vehicle_project_fk REFERENCES project (id),
    party_id UUID NOT NULL CONSTRAINT vehicle_party_fk REFERENCES party (id) DEFERRABLE INITIALLY DEFERRED,
    unit_id UUID CONSTRAINT vehicle_unit_fk REFERENCES unit (id) DEFERRABLE INITIALLY DEFERRED,
    plate_no TEXT NOT NULL,
    brand TEXT,
    kind_code TEXT,
    colour TEXT,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX vehicle_unit_idx ON vehicle (unit_id);
CREATE INDEX vehicle_party_idx ON vehicle (party_id);
CREATE INDEX vehicle_project_idx ON vehicle (project_id, plate_no);

-- What is charged.

CREATE TABLE fee_item (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT fee_item_company_fk REFERENCES management_company (id),
    project_id UUID NOT NULL CONSTRAINT fee_item_project_fk REFERENCES project (id),
    name TEXT NOT NULL,
    source_no TEXT,
    category TEXT NOT NULL,
    recurrence TEXT NOT NULL,
    payment_mode TEXT NOT NULL,
    demand_months BIGINT NOT NULL,
    charge_day TEXT NOT NULL,
    starts_on DATE NOT NULL,
    ends_on DATE,
    payer_rule TEXT NOT NULL,
    formula_code TEXT,
    source_price TEXT,
    source_fixed TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT fee_item_name_key UNIQUE (project_id, name)
);

-- Once a unit and fee item: two would be two subjects with the same lines.
CREATE TABLE fee_assignment (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT fee_assignment_company_fk REFERENCES management_company (id),
    project_id UUID NOT NULL CONSTRAINT fee_assignment_project_fk REFERENCES project (id),
    unit_id UUID NOT NULL CONSTRAINT fee_assignment_unit_fk REFERENCES unit (id) DEFERRABLE INITIALLY DEFERRED,
    fee_item_id UUID NOT NULL CONSTRAINT fee_assignment_fee_item_fk REFERENCES fee_item (id) DEFERRABLE INITIALLY DEFERRED,
    starts_on DATE NOT NULL,
    ends_on DATE,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT fee_assignment_unit_key UNIQUE (fee_item_id, unit_id)
);
CREATE INDEX fee_assignment_unit_idx ON fee_assignment (unit_id);
CREATE INDEX fee_assignment_project_idx ON fee_assignment (project_id);

CREATE TABLE cost_pool (
    fee_item_id UUID NOT NULL CONSTRAINT cost_pool_fee_item_fk REFERENCES fee_item (id),
    company_id UUID NOT NULL CONSTRAINT cost_pool_company_fk REFERENCES management_company (id),
    period_start DATE NOT NULL,
    total_fen BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT cost_pool_pk PRIMARY KEY (fee_item_id, period_start)
);

CREATE TABLE meter (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT meter_company_fk REFERENCES management_company (id),
    unit_id UUID NOT NULL CONSTRAINT meter_unit_fk REFERENCES unit (id) DEFERRABLE INITIALLY DEFERRED,
    fee_item_id UUID NOT NULL CONSTRAINT meter_fee_item_fk REFERENCES fee_item (id) DEFERRABLE INITIALLY DEFERRED,
    multiplier_milli BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT meter_unit_key UNIQUE (unit_id, fee_item_id)
);
CREATE INDEX meter_fee_item_idx ON meter (fee_item_id);

CREATE TABLE meter_reading (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT meter_reading_company_fk REFERENCES management_company (id),
    meter_id UUID NOT NULL CONSTRAINT meter_reading_meter_fk REFERENCES meter (id),
    read_on DATE NOT NULL,
    reading_milli BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT meter_reading_day_key UNIQUE (meter_id, read_on)
);

-- Plug-ins and the bindings that switch them on.

CREATE TABLE plugin_component (
    company_id UUID NOT NULL CONSTRAINT plugin_component_company_fk REFERENCES management_company (id),
    -- SHA-256 of the bytes, in hex.
    digest TEXT NOT NULL,
    component BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT plugin_component_pk PRIMARY KEY (company_id, digest)
);

CREATE TABLE plugin (
    company_id UUID NOT NULL CONSTRAINT plugin_company_fk REFERENCES management_company (id),
    digest TEXT NOT NULL,
    -- The plug-in's own id, such as guanjia.area-fee.
    code TEXT NOT NULL,
    version TEXT NOT NULL,
    -- What the install checks found, as JSON.
    manifest TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT plugin_pk PRIMARY KEY (company_id, digest),
    CONSTRAINT plugin_version_key UNIQUE (company_id, code, version),
    CONSTRAINT plugin_component_fk FOREIGN KEY (company_id, digest) REFERENCES plugin_component (company_id, digest)
);

-- Settings by the hash of their canonical text. Rows are never changed, so that an old decision keeps the settings it had.
CREATE TABLE settings_blob (
    company_id UUID NOT NULL CONSTRAINT settings_blob_company_fk REFERENCES management_company (id),
    settings_sha256 BYTEA NOT NULL,
    settings TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT settings_blob_pk PRIMARY KEY (company_id, settings_sha256)
);

CREATE TABLE binding (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT binding_company_fk REFERENCES management_company (id),
    project_id UUID NOT NULL CONSTRAINT binding_project_fk REFERENCES project (id),
    point TEXT NOT NULL,
    fee_item_id UUID CONSTRAINT binding_fee_item_fk REFERENCES fee_item (id) DEFERRABLE INITIALLY DEFERRED,
    plugin_code TEXT NOT NULL,
    plugin_version TEXT NOT NULL,
    digest TEXT NOT NULL,
    settings_sha256 BYTEA NOT NULL,
    effective_from DATE NOT NULL,
    effective_to DATE,
    mode TEXT NOT NULL,
    -- By how much a shadow may differ before somebody is told, in permille of the total.
    tolerance_permille BIGINT NOT NULL,
    -- Codes of the effects that were granted, as JSON.
    granted TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT binding_plugin_fk FOREIGN KEY (company_id, digest) REFERENCES plugin (company_id, digest),
    CONSTRAINT binding_settings_fk FOREIGN KEY (company_id, settings_sha256) REFERENCES settings_blob (company_id, settings_sha256)
);
CREATE INDEX binding_project_idx ON binding (project_id, fee_item_id);

-- Billing runs.

CREATE TABLE billing_run (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT billing_run_company_fk REFERENCES management_company (id),
    project_id UUID NOT NULL CONSTRAINT billing_run_project_fk REFERENCES project (id),
    period_start DATE NOT NULL,
    period_end DATE NOT NULL,
    state TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    approved_by TEXT,
    approved_at TIMESTAMPTZ,
    posted_by TEXT,
    posted_at TIMESTAMPTZ,
    lines BIGINT NOT NULL,
    held BIGINT NOT NULL,
    total_fen BIGINT NOT NULL,
    posted_lines BIGINT NOT NULL
);
CREATE INDEX billing_run_project_idx ON billing_run (project_id, period_start);
-- Two runs of one period cannot both be on their way to be posted.
CREATE UNIQUE INDEX billing_run_live_key ON billing_run (project_id, period_start)
    WHERE state IN ('approved', 'posting');

CREATE TABLE run_cursor (
    run_id UUID PRIMARY KEY NOT NULL CONSTRAINT run_cursor_run_fk REFERENCES billing_run (id),
    company_id UUID NOT NULL CONSTRAINT run_cursor_company_fk REFERENCES management_company (id),
    -- Digest of what the pages of the run depend on.
    rules TEXT NOT NULL,
    -- The last unit of the recorded pages. It may be deleted later, so it refers to nothing.
    after_unit UUID,
    units BIGINT NOT NULL,
    finished BOOLEAN NOT NULL
);

CREATE TABLE run_total (
    run_id UUID NOT NULL CONSTRAINT run_total_run_fk REFERENCES billing_run (id),
    fee_item_id UUID NOT NULL CONSTRAINT run_total_fee_item_fk REFERENCES fee_item (id),
    company_id UUID NOT NULL CONSTRAINT run_total_company_fk REFERENCES management_company (id),
    building TEXT NOT NULL,
    lines BIGINT NOT NULL,
    amount_fen BIGINT NOT NULL,
    CONSTRAINT run_total_pk PRIMARY KEY (run_id, fee_item_id, building)
);

-- One call of a plug-in with everything needed to run it again. Only `allocated` is written later, once.
CREATE TABLE decision (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT decision_company_fk REFERENCES management_company (id),
    run_id UUID NOT NULL CONSTRAINT decision_run_fk REFERENCES billing_run (id),
    fee_item_id UUID NOT NULL CONSTRAINT decision_fee_item_fk REFERENCES fee_item (id),
    binding_id UUID NOT NULL CONSTRAINT decision_binding_fk REFERENCES binding (id),
    component_digest TEXT NOT NULL,
    settings_sha256 BYTEA NOT NULL,
    wit TEXT NOT NULL,
    engine TEXT NOT NULL,
    fuel BIGINT NOT NULL,
    -- Lines of the run before this decision, and its own.
    first_line BIGINT NOT NULL,
    lines BIGINT NOT NULL,
    -- Sum of the lines; none while weights are not allocated.
    sum_fen BIGINT,
    subjects BYTEA NOT NULL,
    input BYTEA NOT NULL,
    outcome BYTEA NOT NULL,
    allocated BYTEA,
    -- What the plug-in logged; nothing where it logged nothing.
    log BYTEA,
    CONSTRAINT decision_plugin_fk FOREIGN KEY (company_id, component_digest) REFERENCES plugin (company_id, digest),
    CONSTRAINT decision_settings_fk FOREIGN KEY (company_id, settings_sha256) REFERENCES settings_blob (company_id, settings_sha256)
);
CREATE INDEX decision_run_idx ON decision (run_id, first_line, id);
CREATE INDEX decision_binding_idx ON decision (binding_id);
CREATE INDEX decision_fee_item_idx ON decision (fee_item_id);

CREATE TABLE held_subject (
    run_id UUID NOT NULL CONSTRAINT held_subject_run_fk REFERENCES billing_run (id),
    fee_item_id UUID NOT NULL CONSTRAINT held_subject_fee_item_fk REFERENCES fee_item (id),
    unit_id UUID NOT NULL CONSTRAINT held_subject_unit_fk REFERENCES unit (id) ON DELETE CASCADE,
    company_id UUID NOT NULL CONSTRAINT held_subject_company_fk REFERENCES management_company (id),
    kind TEXT NOT NULL,
    code TEXT NOT NULL,
    about TEXT NOT NULL,
    reason TEXT NOT NULL,
    decision_id UUID CONSTRAINT held_subject_decision_fk REFERENCES decision (id),
    CONSTRAINT held_subject_pk PRIMARY KEY (run_id, fee_item_id, unit_id)
);
CREATE INDEX held_subject_unit_idx ON held_subject (unit_id);

-- The ledger. `charge` and `transfer` are written by the million, and a foreign key costs a lookup a row (on PostgreSQL five
-- times the rest of the insert). Triggers on the other side refuse to delete what a charge names, or what a run may yet charge.

CREATE TABLE ledger_account (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT ledger_account_company_fk REFERENCES management_company (id),
    project_id UUID NOT NULL CONSTRAINT ledger_account_project_fk REFERENCES project (id),
    kind TEXT NOT NULL,
    fee_item_id UUID CONSTRAINT ledger_account_fee_item_fk REFERENCES fee_item (id) DEFERRABLE INITIALLY DEFERRED,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT ledger_account_fee_item_key UNIQUE (fee_item_id, kind)
);
CREATE UNIQUE INDEX ledger_account_receivable_key ON ledger_account (project_id) WHERE kind = 'receivable';

CREATE TABLE journal_entry (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT journal_entry_company_fk REFERENCES management_company (id),
    project_id UUID NOT NULL CONSTRAINT journal_entry_project_fk REFERENCES project (id),
    kind TEXT NOT NULL,
    run_id UUID CONSTRAINT journal_entry_run_fk REFERENCES billing_run (id),
    posted_at TIMESTAMPTZ NOT NULL,
    posted_by TEXT NOT NULL,
    CONSTRAINT journal_entry_run_key UNIQUE (run_id, kind)
);

-- Ids follow from run and line, so that rows are appended and a run's charges are one range of the key.
-- The unique constraint makes posting twice impossible and finds the charges of a unit. Both indexes begin with the period, so
-- that a month is written at their end, however many months there are: what a unit or a payer owes is looked up period by period.
CREATE TABLE charge (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL,
    run_id UUID NOT NULL,
    unit_id UUID NOT NULL,
    fee_item_id UUID NOT NULL,
    payer_id UUID NOT NULL,
    decision_id UUID NOT NULL,
    period_start DATE NOT NULL,
    starts_on DATE NOT NULL,
    ends_on DATE NOT NULL,
    revision BIGINT NOT NULL,
    line_no BIGINT NOT NULL,
    decision_line BIGINT NOT NULL,
    amount_fen BIGINT NOT NULL,
    CONSTRAINT charge_line_key UNIQUE (period_start, unit_id, fee_item_id, revision, line_no)
);
CREATE INDEX charge_payer_idx ON charge (period_start, payer_id);

-- Has the id of the charge that caused it.
CREATE TABLE transfer (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL,
    journal_entry_id UUID NOT NULL,
    debit_account_id UUID NOT NULL,
    credit_account_id UUID NOT NULL,
    amount_fen BIGINT NOT NULL,
    CONSTRAINT transfer_amount_check CHECK (amount_fen > 0),
    CONSTRAINT transfer_sides_check CHECK (debit_account_id <> credit_account_id)
);

-- Audit and events.

CREATE TABLE audit_head (
    company_id UUID PRIMARY KEY NOT NULL CONSTRAINT audit_head_company_fk REFERENCES management_company (id),
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL
);

CREATE TABLE audit_row (
    company_id UUID NOT NULL CONSTRAINT audit_row_company_fk REFERENCES management_company (id),
    seq BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    actor TEXT NOT NULL,
    origin TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    before_json TEXT NOT NULL,
    after_json TEXT NOT NULL,
    hash TEXT NOT NULL,
    CONSTRAINT audit_row_pk PRIMARY KEY (company_id, seq)
);

CREATE TABLE event (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT event_company_fk REFERENCES management_company (id),
    at TIMESTAMPTZ NOT NULL,
    kind TEXT NOT NULL,
    project_id UUID CONSTRAINT event_project_fk REFERENCES project (id),
    subject TEXT NOT NULL,
    payload TEXT NOT NULL
);
CREATE INDEX event_company_idx ON event (company_id, id);

-- Durable work.

CREATE TABLE job (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT job_company_fk REFERENCES management_company (id),
    kind TEXT NOT NULL,
    run_id UUID CONSTRAINT job_run_fk REFERENCES billing_run (id),
    state TEXT NOT NULL,
    done BIGINT NOT NULL,
    total BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    cancel_requested BOOLEAN NOT NULL,
    error TEXT,
    requested_by TEXT NOT NULL,
    worker TEXT,
    lease_until TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ
);
CREATE INDEX job_open_idx ON job (created_at, id) WHERE state IN ('ready', 'running');
CREATE INDEX job_run_idx ON job (run_id);

CREATE TABLE schedule (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT schedule_company_fk REFERENCES management_company (id),
    -- `preview-month` is about a project, `replay-sample` about the company.
    kind TEXT NOT NULL CONSTRAINT schedule_kind CHECK (kind IN ('preview-month', 'replay-sample')),
    project_id UUID CONSTRAINT schedule_project CHECK ((project_id IS NULL) = (kind = 'replay-sample'))
        CONSTRAINT schedule_project_fk REFERENCES project (id),
    cron TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    next_at TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX schedule_next_idx ON schedule (next_at) WHERE enabled = TRUE;

-- What is posted or recorded stays as it is: corrected by reversal, never by hand.

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'GJ001';
END $$;

CREATE TRIGGER charge_append_only BEFORE UPDATE OR DELETE ON charge
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER charge_no_truncate BEFORE TRUNCATE ON charge
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER transfer_append_only BEFORE UPDATE OR DELETE ON transfer
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER transfer_no_truncate BEFORE TRUNCATE ON transfer
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_entry_append_only BEFORE UPDATE OR DELETE ON journal_entry
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_entry_no_truncate BEFORE TRUNCATE ON journal_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_row_append_only BEFORE UPDATE OR DELETE ON audit_row
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_row_no_truncate BEFORE TRUNCATE ON audit_row
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON event
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER decision_no_delete BEFORE DELETE ON decision
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER decision_no_truncate BEFORE TRUNCATE ON decision
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER decision_no_update BEFORE UPDATE ON decision
    FOR EACH ROW WHEN (NOT (OLD.allocated IS NULL AND NEW.allocated IS NOT NULL AND OLD.sum_fen IS NULL
    AND NEW.id IS NOT DISTINCT FROM OLD.id
    AND NEW.company_id IS NOT DISTINCT FROM OLD.company_id
    AND NEW.run_id IS NOT DISTINCT FROM OLD.run_id
    AND NEW.fee_item_id IS NOT DISTINCT FROM OLD.fee_item_id
    AND NEW.binding_id IS NOT DISTINCT FROM OLD.binding_id
    AND NEW.component_digest IS NOT DISTINCT FROM OLD.component_digest
    AND NEW.settings_sha256 IS NOT DISTINCT FROM OLD.settings_sha256
    AND NEW.wit IS NOT DISTINCT FROM OLD.wit
    AND NEW.engine IS NOT DISTINCT FROM OLD.engine
    AND NEW.fuel IS NOT DISTINCT FROM OLD.fuel
    AND NEW.first_line IS NOT DISTINCT FROM OLD.first_line
    AND NEW.lines IS NOT DISTINCT FROM OLD.lines
    AND NEW.subjects IS NOT DISTINCT FROM OLD.subjects
    AND NEW.input IS NOT DISTINCT FROM OLD.input
    AND NEW.outcome IS NOT DISTINCT FROM OLD.outcome
    AND NEW.log IS NOT DISTINCT FROM OLD.log))
    EXECUTE FUNCTION refuse_change();
CREATE TRIGGER settings_blob_no_update BEFORE UPDATE ON settings_blob
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- The other side of the references of `charge`.

CREATE FUNCTION refuse_if_unit_charged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM billing_run r JOIN charge c ON c.period_start = r.period_start AND c.unit_id = OLD.id
            WHERE r.project_id = OLD.project_id) THEN
        RAISE EXCEPTION 'unit is charged' USING ERRCODE = 'GJ002';
    END IF;
    IF EXISTS (SELECT 1 FROM billing_run WHERE project_id = OLD.project_id
        AND state IN ('computing', 'previewed', 'approved', 'posting')) THEN
        RAISE EXCEPTION 'unit is in an open run' USING ERRCODE = 'GJ003';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER unit_charged BEFORE DELETE ON unit FOR EACH ROW EXECUTE FUNCTION refuse_if_unit_charged();

CREATE FUNCTION refuse_if_party_charged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM billing_run r JOIN charge c ON c.period_start = r.period_start AND c.payer_id = OLD.id
            WHERE r.project_id = OLD.project_id) THEN
        RAISE EXCEPTION 'party is charged' USING ERRCODE = 'GJ002';
    END IF;
    IF EXISTS (SELECT 1 FROM billing_run WHERE project_id = OLD.project_id
        AND state IN ('computing', 'previewed', 'approved', 'posting')) THEN
        RAISE EXCEPTION 'party is in an open run' USING ERRCODE = 'GJ003';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER party_charged BEFORE DELETE ON party FOR EACH ROW EXECUTE FUNCTION refuse_if_party_charged();
