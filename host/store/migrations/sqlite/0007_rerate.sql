-- What is posted is corrected by further runs: each takes posted lines back and charges others instead.

-- 0: a regular run; a higher one corrects what is posted of one fee item in the period.
ALTER TABLE billing_run ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE billing_run ADD COLUMN fee_item_id BLOB CONSTRAINT billing_run_fee_item_fk REFERENCES fee_item (id)
    CONSTRAINT billing_run_revision_check CHECK (revision = 0 OR fee_item_id IS NOT NULL);

-- Posted lines that a decision takes back; nothing in a regular run.
ALTER TABLE decision ADD COLUMN reverses BLOB;
DROP TRIGGER decision_no_update;
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
    AND NEW.reverses IS OLD.reverses
    AND NEW.log IS OLD.log)
BEGIN SELECT RAISE(ABORT, 'decision is append-only'); END;

-- The charge that a charge takes back.
ALTER TABLE charge ADD COLUMN reverses_id BLOB;
-- Nothing is taken back twice. Only adjustments stand in it: the many lines of a month do not touch it.
CREATE UNIQUE INDEX charge_reverses_key ON charge (reverses_id) WHERE reverses_id IS NOT NULL;
