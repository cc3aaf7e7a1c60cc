-- What is posted is corrected by further runs: each takes posted lines back and charges others instead.

-- 0: a regular run; a higher one corrects what is posted of one fee item in the period.
ALTER TABLE billing_run ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
ALTER TABLE billing_run ADD COLUMN fee_item_id UUID CONSTRAINT billing_run_fee_item_fk REFERENCES fee_item (id)
    CONSTRAINT billing_run_revision_check CHECK (revision = 0 OR fee_item_id IS NOT NULL);

-- Posted lines that a decision takes back; nothing in a regular run.
ALTER TABLE decision ADD COLUMN reverses BYTEA;
DROP TRIGGER decision_no_update ON decision;
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
    AND NEW.reverses IS NOT DISTINCT FROM OLD.reverses
    AND NEW.log IS NOT DISTINCT FROM OLD.log))
    EXECUTE FUNCTION refuse_change();

-- The charge that a charge takes back.
ALTER TABLE charge ADD COLUMN reverses_id UUID;
-- Nothing is taken back twice. Only adjustments stand in it: the many lines of a month do not touch it.
CREATE UNIQUE INDEX charge_reverses_key ON charge (reverses_id) WHERE reverses_id IS NOT NULL;
