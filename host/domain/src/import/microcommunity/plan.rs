//! What has to change so that the records say what a workbook states.

mod fees;
mod places;
mod tenures;

use std::collections::{HashMap, HashSet};

use super::{Desired, DesiredParty, FormulaPlugins, records::Records};
use crate::{
    estate::{Estate, EstateChanges, Party, PartyKind, TenureKind},
    ids::{EntranceId, FeeItemId, ParkingAreaId, PartyId, ProjectId},
    import::{Difference, DifferenceKind, ImportPlan},
    plugin::Binding,
};

/// Compares a workbook with a project's records. `bindings` are all bindings of the project; `plugins` are the versions
/// that bindings of new fee items, and of fee items whose price changed, will name.
///
/// Rows are matched by building, by building and entrance, by these and the unit's number, by [`DesiredParty::source_no`],
/// fee number and number plate. Matched rows keep their ids, so that a workbook that is imported again changes nothing.
#[must_use]
pub fn plan(
    desired: &Desired,
    estate: &Estate,
    bindings: &[Binding],
    project_id: ProjectId,
    plugins: &FormulaPlugins,
) -> ImportPlan {
    let mut planner = Planner {
        desired,
        records: Records::new(estate),
        bindings,
        project_id,
        plugins,
        changes: EstateChanges::default(),
        log: Log::default(),
        entrances: HashMap::new(),
        areas: HashMap::new(),
        owners: HashMap::new(),
        households: HashMap::new(),
        households_before: None,
        fee_items: HashMap::new(),
    };
    planner.entrances();
    planner.parking_areas();
    planner.parties();
    planner.fee_items();
    planner.units();
    planner.spaces();
    ImportPlan { changes: planner.changes, counts: desired.counts(), differences: planner.log.lines }
}

struct Planner<'a> {
    desired: &'a Desired,
    records: Records<'a>,
    bindings: &'a [Binding],
    project_id: ProjectId,
    plugins: &'a FormulaPlugins,
    changes: EstateChanges,
    log: Log,
    /// Ids after the import, by what the workbook calls the thing.
    entrances: HashMap<(&'a str, &'a str), EntranceId>,
    areas: HashMap<&'a str, ParkingAreaId>,
    owners: HashMap<&'a str, PartyId>,
    /// The people of each owner's household after the import, those included whom the workbook no longer names.
    households: HashMap<PartyId, Vec<(PartyId, TenureKind)>>,
    /// The people of each owner's household according to the records, once they are asked for.
    households_before: Option<HashMap<PartyId, Vec<(PartyId, TenureKind)>>>,
    fee_items: HashMap<&'a str, FeeItemId>,
}

/// As what somebody of a household holds its homes.
fn household_tenure(kind: PartyKind) -> Option<TenureKind> {
    match kind {
        PartyKind::FamilyMember => Some(TenureKind::FamilyMember),
        PartyKind::Lessee => Some(TenureKind::Lessee),
        PartyKind::Temporary => Some(TenureKind::Temporary),
        PartyKind::Owner | PartyKind::Developer => None,
    }
}

impl<'a> Planner<'a> {
    /// Owners come first, because the others refer to them.
    fn parties(&mut self) {
        let known = KnownParties::new(&self.records);
        let numbered: HashSet<PartyId> =
            self.desired.parties.iter().filter_map(|row| known.by_number(row)).map(|party| party.id).collect();
        let mut seen = HashSet::new();
        let desired: &'a Desired = self.desired;
        let (owners, members): (Vec<_>, Vec<_>) =
            desired.parties.iter().partition(|party| party.kind == PartyKind::Owner);
        for owner in owners {
            let id = self.party(owner, known.by_number(owner), None);
            seen.insert(id);
            self.owners.insert(&owner.owner_no, id);
        }
        for member in members {
            let by_name =
                || known.by_name(member).filter(|party| !numbered.contains(&party.id) && !seen.contains(&party.id));
            let existing = known.by_number(member).or_else(by_name);
            let household_of = self.owners.get(member.owner_no.as_str()).copied();
            let id = self.party(member, existing, household_of);
            seen.insert(id);
            if let (Some(owner), Some(kind)) = (household_of, household_tenure(member.kind)) {
                self.households.entry(owner).or_default().push((id, kind));
            }
        }
        self.log.flush("people");
        self.missing_parties(&seen);
    }

    fn party(&mut self, row: &DesiredParty, existing: Option<&Party>, household_of: Option<PartyId>) -> PartyId {
        let id = existing.map_or_else(PartyId::generate, |party| party.id);
        let same_numbers = existing.filter(|party| {
            self.records.numbers(party).is_some_and(|(row_no, owner_no)| {
                let same_row = row_no == row.row_no || party.id.to_string() == row.row_no;
                same_row && (row.kind != PartyKind::Owner || owner_no == row.owner_no)
            })
        });
        let party = Party {
            id,
            name: row.name.clone(),
            source_no: same_numbers.map_or_else(|| Some(row.source_no()), |party| party.source_no.clone()),
            kind: row.kind,
            gender: row.gender,
            age: row.age,
            phone: row.phone.clone(),
            identity_no: row.identity_no.clone(),
            household_of,
        };
        let what = party_words(row);
        match existing {
            None => {
                self.log.added(what);
                self.changes.parties.insert.push(party);
            }
            Some(before) if *before != party => {
                self.log.changed(what, party_differences(before, &party));
                self.changes.parties.update.push(party);
            }
            Some(_) => {}
        }
        id
    }

    /// People who are no longer in the workbook stay, and stay in their household.
    fn missing_parties(&mut self, seen: &HashSet<PartyId>) {
        for party in &self.records.estate.parties {
            let Some(row) = self.records.party(party).filter(|_| !seen.contains(&party.id)) else { continue };
            self.log.missing(party_words(&row));
            if let (Some(owner), Some(kind)) = (party.household_of, household_tenure(party.kind)) {
                self.households.entry(owner).or_default().push((party.id, kind));
            }
        }
    }
}

/// Parties that have a row in the workbook, by what they are known by.
#[derive(Default)]
struct KnownParties<'a> {
    owners: HashMap<String, &'a Party>,
    /// By 编号, and by the id, which an export writes where the number went to somebody else.
    members: HashMap<String, &'a Party>,
    /// By owner number and name: people whose 编号 changed when the table was sorted anew.
    names: HashMap<(String, &'a str), &'a Party>,
}

impl<'a> KnownParties<'a> {
    fn new(records: &Records<'a>) -> Self {
        let mut known = Self::default();
        for party in &records.estate.parties {
            let Some((row_no, owner_no)) = records.numbers(party) else { continue };
            if party.kind == PartyKind::Owner {
                known.owners.entry(owner_no).or_insert(party);
            } else {
                known.members.entry(row_no).or_insert(party);
                known.members.entry(party.id.to_string()).or_insert(party);
                known.names.entry((owner_no, &party.name)).or_insert(party);
            }
        }
        known
    }

    fn by_number(&self, row: &DesiredParty) -> Option<&'a Party> {
        match row.kind {
            PartyKind::Owner => self.owners.get(&row.owner_no).copied(),
            _ => self.members.get(&row.row_no).copied(),
        }
    }

    fn by_name(&self, row: &DesiredParty) -> Option<&'a Party> {
        self.names.get(&(row.owner_no.clone(), row.name.as_str())).copied()
    }
}

/// Numbers only: names are personal data.
fn party_words(row: &DesiredParty) -> String {
    match row.kind {
        PartyKind::Owner => format!("owner {}", row.owner_no),
        kind => format!("{kind} {} of owner {}", row.row_no, row.owner_no),
    }
}

fn party_differences(before: &Party, after: &Party) -> String {
    let changed = [
        ("name", before.name != after.name),
        ("number", before.source_no != after.source_no),
        ("kind", before.kind != after.kind),
        ("gender", before.gender != after.gender),
        ("age", before.age != after.age),
        ("phone", before.phone != after.phone),
        ("identity number", before.identity_no != after.identity_no),
        ("household", before.household_of != after.household_of),
    ];
    let names: Vec<&str> = changed.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect();
    names.join(", ")
}

/// Additions of one table that are named one by one; of more, only their number is told.
const ADDED_LINES_MAX: usize = 20;

/// The differences so far.
#[derive(Default)]
struct Log {
    lines: Vec<Difference>,
    /// Additions of the table at hand.
    added: Vec<String>,
}

impl Log {
    fn added(&mut self, what: String) {
        self.added.push(what);
    }

    fn changed(&mut self, what: String, detail: String) {
        self.lines.push(Difference { kind: DifferenceKind::Changed, what, detail });
    }

    fn missing(&mut self, what: String) {
        self.lines.push(Difference { kind: DifferenceKind::Missing, what, detail: String::new() });
    }

    /// Ends a table, whose rows are called `plural`.
    fn flush(&mut self, plural: &str) {
        let added = std::mem::take(&mut self.added);
        let line = |what| Difference { kind: DifferenceKind::Added, what, detail: String::new() };
        if added.len() > ADDED_LINES_MAX {
            self.lines.push(line(format!("{} {plural}", added.len())));
        } else {
            self.lines.extend(added.into_iter().map(line));
        }
    }
}

/// Says how one row differs from before, field by field.
#[derive(Default)]
struct Fields(Vec<String>);

impl Fields {
    fn compare<T: PartialEq>(&mut self, name: &str, before: &T, after: &T, show: impl Fn(&T) -> String) {
        if before != after {
            self.0.push(format!("{name} {} -> {}", show(before), show(after)));
        }
    }

    fn note(&mut self, text: impl Into<String>) {
        self.0.push(text.into());
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn text(&self) -> String {
        self.0.join("; ")
    }
}

fn shown<T: ToString>(value: &Option<T>) -> String {
    value.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)
}
