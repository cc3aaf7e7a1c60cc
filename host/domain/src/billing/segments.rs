//! Segments: the stretches of a period in which payer and status of a unit were constant.

use crate::{
    Date, Period,
    estate::{OccupancyStatus, TenureKind},
    facts::{MeterFacts, SegmentFacts, UnitFacts},
    fee_item::PayerRule,
    ids::{FeeItemId, PartyId, UnitId},
};
use std::sync::Arc;

/// A unit with everything that is charged to it in a period, as the store reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitSource {
    pub unit_id: UnitId,
    /// Building number, or parking area for a parking space: where totals count it.
    pub building: Arc<str>,
    pub facts: UnitFacts,
    /// Owners and lessees whose tenure touches the period, in order of their start, then of their id.
    pub holders: Vec<Holder>,
    pub assigned: Vec<AssignedItem>,
}

/// A fee item that a unit is charged and that has no posted charge for the period yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssignedItem {
    pub fee_item_id: FeeItemId,
    /// From when the unit is charged the fee item.
    pub from: Date,
    pub to: Option<Date>,
    pub meter: Option<MeterFacts>,
}

/// A party that holds a unit for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    pub party_id: PartyId,
    pub kind: TenureKind,
    pub starts_on: Option<Date>,
    pub ends_on: Option<Date>,
}

impl Holder {
    fn holds_on(&self, day: Date) -> bool {
        self.starts_on.is_none_or(|start| start <= day) && self.ends_on.is_none_or(|end| day < end)
    }
}

/// One segment with its payer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentPlan {
    pub start: Date,
    pub end: Date,
    pub payer_id: PartyId,
    pub facts: SegmentFacts,
}

/// Cuts what a unit is charged of a fee item's part of the period where the payer changes. Empty when nothing of the period is charged.
///
/// An unsold home, and a home that nobody owns at the time, is charged to the developer.
#[must_use]
pub fn plan_segments(
    unit: &UnitSource,
    assigned: &AssignedItem,
    charged: Period,
    payer_rule: PayerRule,
    developer_id: PartyId,
    out: &mut Vec<SegmentPlan>,
) -> usize {
    let start = charged.start.max(assigned.from);
    let end = assigned.to.map_or(charged.end, |end| end.min(charged.end));
    if start >= end {
        return 0;
    }
    let before = out.len();
    let mut at = start;
    while at < end {
        let until = next_change(&unit.holders, at).map_or(end, |change| change.min(end));
        let (payer_id, held_by_owner) = payer_on(unit, at, payer_rule, developer_id);
        let facts = SegmentFacts { meter: assigned.meter, held_by_owner };
        match out[before..].last_mut() {
            Some(last) if last.payer_id == payer_id && last.facts == facts => last.end = until,
            _ => out.push(SegmentPlan { start: at, end: until, payer_id, facts }),
        }
        at = until;
    }
    out.len() - before
}

/// The first day after `day` on which somebody's tenure starts or ends.
fn next_change(holders: &[Holder], day: Date) -> Option<Date> {
    holders.iter().flat_map(|holder| [holder.starts_on, holder.ends_on]).flatten().filter(|change| *change > day).min()
}

fn payer_on(unit: &UnitSource, day: Date, rule: PayerRule, developer_id: PartyId) -> (PartyId, Option<bool>) {
    let holder = |kind| unit.holders.iter().find(|holder| holder.kind == kind && holder.holds_on(day));
    let owner = holder(TenureKind::Owner);
    let lessee = holder(TenureKind::Lessee);
    let held_by_owner = match (owner, lessee) {
        (Some(_), _) => Some(true),
        (None, Some(_)) => Some(false),
        (None, None) => None,
    };
    let occupant = match rule {
        PayerRule::Occupant => lessee.or(owner),
        PayerRule::Owner => owner,
    };
    let payer = if unit.facts.occupancy == OccupancyStatus::Unsold { None } else { occupant };
    (payer.map_or(developer_id, |holder| holder.party_id), held_by_owner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::UnitKind;
    use rstest::rstest;
    use uuid::Uuid;

    fn day(text: &str) -> Date {
        text.parse().expect("is a date")
    }

    fn party(number: u128) -> PartyId {
        PartyId(Uuid::from_u128(number))
    }

    const DEVELOPER: u128 = 99;

    fn holder(number: u128, kind: TenureKind, start: &str, end: &str) -> Holder {
        let bound = |text: &str| (!text.is_empty()).then(|| day(text));
        Holder { party_id: party(number), kind, starts_on: bound(start), ends_on: bound(end) }
    }

    fn subject(occupancy: OccupancyStatus, holders: Vec<Holder>) -> UnitSource {
        UnitSource {
            unit_id: UnitId(Uuid::from_u128(1)),
            building: "6".into(),
            facts: UnitFacts {
                kind: UnitKind::Residential,
                occupancy,
                gross_floor_area_cm2: 895_000,
                internal_area_cm2: None,
                storey: None,
                rent_fen: None,
                building_kind: None,
                building_storeys: None,
                building_has_lift: None,
                space_kind: None,
                vehicle_count: 0,
            },
            holders,
            assigned: vec![AssignedItem {
                fee_item_id: FeeItemId(Uuid::from_u128(2)),
                from: day("2025-01-01"),
                to: None,
                meter: None,
            }],
        }
    }

    fn plan(unit: &UnitSource, rule: PayerRule) -> Vec<(String, String, u128)> {
        let mut out = Vec::new();
        let march = Period { start: day("2025-03-01"), end: day("2025-04-01") };
        let count = plan_segments(unit, &unit.assigned[0], march, rule, party(DEVELOPER), &mut out);
        assert_eq!(count, out.len());
        out.iter()
            .map(|segment| (segment.start.to_string(), segment.end.to_string(), segment.payer_id.0.as_u128()))
            .collect()
    }

    use OccupancyStatus::{Occupied, Unsold};
    use TenureKind::{Lessee, Owner};

    #[rstest]
    #[case::one_owner(Occupied, vec![holder(1, Owner, "", "")], PayerRule::Owner, &[("2025-03-01", "2025-04-01", 1)])]
    #[case::unsold(Unsold, vec![], PayerRule::Owner, &[("2025-03-01", "2025-04-01", DEVELOPER)])]
    #[case::owner_change(
        Occupied,
        vec![holder(1, Owner, "", "2025-03-11"), holder(2, Owner, "2025-03-11", "")],
        PayerRule::Owner,
        &[("2025-03-01", "2025-03-11", 1), ("2025-03-11", "2025-04-01", 2)]
    )]
    #[case::handed_over_in_mid_month(
        Occupied,
        vec![holder(1, Owner, "2025-03-16", "")],
        PayerRule::Owner,
        &[("2025-03-01", "2025-03-16", DEVELOPER), ("2025-03-16", "2025-04-01", 1)]
    )]
    #[case::lessee_does_not_pay_under_the_owner_rule(
        Occupied,
        vec![holder(1, Owner, "", ""), holder(2, Lessee, "2025-03-05", "2025-03-09")],
        PayerRule::Owner,
        &[("2025-03-01", "2025-04-01", 1)]
    )]
    #[case::lessee_pays_under_the_occupant_rule(
        Occupied,
        vec![holder(1, Owner, "", ""), holder(2, Lessee, "2025-03-05", "2025-03-09")],
        PayerRule::Occupant,
        &[("2025-03-01", "2025-03-05", 1), ("2025-03-05", "2025-03-09", 2), ("2025-03-09", "2025-04-01", 1)]
    )]
    fn the_payer_of_each_day_is_found(
        #[case] occupancy: OccupancyStatus,
        #[case] holders: Vec<Holder>,
        #[case] rule: PayerRule,
        #[case] expected: &[(&str, &str, u128)],
    ) {
        let expected: Vec<_> =
            expected.iter().map(|(from, to, payer)| ((*from).into(), (*to).into(), *payer)).collect();
        assert_eq!(plan(&subject(occupancy, holders), rule), expected);
    }

    #[test]
    fn an_assignment_outside_the_period_charges_nothing() {
        let mut later = subject(Occupied, vec![]);
        later.assigned[0].from = day("2025-04-01");
        assert!(plan(&later, PayerRule::Owner).is_empty());
        let mut partly = subject(Occupied, vec![holder(1, Owner, "", "")]);
        partly.assigned[0].from = day("2025-03-30");
        partly.assigned[0].to = Some(day("2025-03-31"));
        assert_eq!(plan(&partly, PayerRule::Owner), vec![("2025-03-30".into(), "2025-03-31".into(), 1)]);
    }
}
