//! What runs held: written by the page, counted by reason, read by the page.

use guanjia_domain::{
    Error, Result,
    billing::{HeldCount, HeldFilter, HeldSubject},
    ids::*,
    ports::Page,
};
use uuid::Uuid;

use crate::{
    bulk::Bulk,
    db::{Row, Scope},
    value::Values,
};

/// Rows that one page of a list may have.
const PAGE_ROWS_MAX: u32 = 1_000;

macro_rules! held_columns {
    () => {
        "SELECT run_id, fee_item_id, unit_id, kind, code, about, reason, decision_id FROM held_subject "
    };
}

fn read_held(row: &Row) -> Result<HeldSubject> {
    let mut cells = row.cells();
    Ok(HeldSubject {
        run_id: cells.take()?,
        fee_item_id: cells.take()?,
        unit_id: cells.take()?,
        kind: cells.take()?,
        code: cells.take()?,
        about: cells.take()?,
        reason: cells.take()?,
        decision_id: cells.take()?,
    })
}

impl Scope {
    pub(crate) async fn write_held(&mut self, held: &[HeldSubject]) -> Result<()> {
        if held.is_empty() {
            return Ok(());
        }
        let into = Bulk::insert(
            "held_subject",
            &["run_id", "fee_item_id", "unit_id", "kind", "code", "about", "reason", "decision_id"],
        );
        let mut values = Values::with_capacity(held.len() * into.columns.len());
        for subject in held {
            values.extend(values![
                subject.run_id,
                subject.fee_item_id,
                subject.unit_id,
                subject.kind,
                &subject.code,
                &subject.about,
                &subject.reason,
                subject.decision_id
            ]);
        }
        self.insert_many(&into, values).await?;
        Ok(())
    }

    pub(crate) async fn held_page(
        &mut self,
        run: BillingRunId,
        filter: &HeldFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<HeldSubject>> {
        let limit = limit.clamp(1, PAGE_ROWS_MAX);
        // A fee item is a range of the order in which the subjects stand.
        let (first, last) = filter.fee_item_id.map_or((Uuid::nil(), Uuid::max()), |fee_item| (fee_item.0, fee_item.0));
        let (after_item, after_unit) = cursor.map_or(Ok((first, Uuid::nil())), read_cursor)?;
        if after_item < first {
            return Err(bad_cursor());
        }
        // Two statements: what has to be ready for any filter cannot follow the index of the reasons.
        let rows = if let (Some(kind), Some(code), Some(about)) = (filter.kind, &filter.code, &filter.about) {
            let statement = sql!(
                held_columns!(),
                "WHERE company_id = $1 AND run_id = $2 AND kind = $3 AND code = $4 AND about = $5 ",
                "AND (fee_item_id, unit_id) > ($6, $7) AND fee_item_id <= $8 ORDER BY fee_item_id, unit_id LIMIT $9"
            );
            self.rows(statement, values![run, kind, code, about, after_item, after_unit, last, limit + 1]).await?
        } else {
            let statement = sql!(
                held_columns!(),
                "WHERE company_id = $1 AND run_id = $2 AND (fee_item_id, unit_id) > ($3, $4) AND fee_item_id <= $5 ",
                "AND ($6 IS NULL OR kind = $6) AND ($7 IS NULL OR code = $7) AND ($8 IS NULL OR about = $8) ",
                "ORDER BY fee_item_id, unit_id LIMIT $9"
            );
            let HeldFilter { kind, code, about, .. } = filter;
            self.rows(statement, values![run, after_item, after_unit, last, *kind, code, about, limit + 1]).await?
        };
        let mut items = rows.iter().map(read_held).collect::<Result<Vec<_>>>()?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next = items.last().filter(|_| more).map(|held| write_cursor(held.fee_item_id, held.unit_id));
        Ok(Page { items, next })
    }

    pub(crate) async fn held_counts(&mut self, run: BillingRunId, limit: u32) -> Result<Vec<HeldCount>> {
        let statement = sql!(
            "SELECT fee_item_id, kind, code, about, COUNT(*) FROM held_subject WHERE company_id = $1 AND run_id = $2 ",
            "GROUP BY fee_item_id, kind, code, about ORDER BY COUNT(*) DESC, fee_item_id, kind, code, about LIMIT $3"
        );
        let rows = self.rows(statement, values![run, limit]).await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                Ok(HeldCount {
                    fee_item_id: cells.take()?,
                    kind: cells.take()?,
                    code: cells.take()?,
                    about: cells.take()?,
                    count: cells.take()?,
                })
            })
            .collect()
    }
}

fn write_cursor(fee_item: FeeItemId, unit: UnitId) -> String {
    hex::encode([*fee_item.0.as_bytes(), *unit.0.as_bytes()].concat())
}

fn read_cursor(cursor: &str) -> Result<(Uuid, Uuid)> {
    let bytes = hex::decode(cursor).map_err(|_| bad_cursor())?;
    let (fee_item, unit) = bytes.split_at_checked(16).ok_or_else(bad_cursor)?;
    let id = |bytes: &[u8]| Uuid::from_slice(bytes).map_err(|_| bad_cursor());
    Ok((id(fee_item)?, id(unit)?))
}

fn bad_cursor() -> Error {
    Error::invalid("the cursor is not one that a page gave")
}
