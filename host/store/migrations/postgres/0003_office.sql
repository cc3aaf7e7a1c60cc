-- A counter that is replaced or set back goes on from another value; corrections are counted.
ALTER TABLE meter_reading ADD COLUMN restart_milli BIGINT;
ALTER TABLE meter_reading ADD COLUMN version BIGINT NOT NULL DEFAULT 1;

-- Held subjects are counted by reason, and one reason is read page by page.
CREATE INDEX held_subject_reason_idx ON held_subject (run_id, kind, code, about, fee_item_id, unit_id);
