//! What has to change so that the records say what a workbook states.

mod fees;
mod places;
mod tenures;

use std::collections::{HashMap, HashSet};

use super::{Desired, DesiredParty, FormulaPlugins, records::Records};
use crate::{
    estate::{Estate, EstateChanges, Party, PartyKind, TenureKind},
    ids::{EntranceId, FeeItemId, ParkingAreaId, PartyId, ProjectId},
    import::{Change, Difference, DifferenceKind, Field, ImportPlan, PersonalField, Thing, Things, Value},
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
        self.log.flush(Things::People);
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
                self.log.changed(what, vec![party_change(before, &party)]);
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
fn party_words(row: &DesiredParty) -> Thing {
    match row.kind {
        PartyKind::Owner => Thing::Owner { number: row.owner_no.clone() },
        kind => Thing::Member { kind, number: row.row_no.clone(), owner: row.owner_no.clone() },
    }
}

fn party_change(before: &Party, after: &Party) -> Change {
    let fields = [
        (PersonalField::Name, before.name != after.name),
        (PersonalField::Number, before.source_no != after.source_no),
        (PersonalField::Kind, before.kind != after.kind),
        (PersonalField::Gender, before.gender != after.gender),
        (PersonalField::Age, before.age != after.age),
        (PersonalField::Phone, before.phone != after.phone),
        (PersonalField::IdentityNo, before.identity_no != after.identity_no),
        (PersonalField::Household, before.household_of != after.household_of),
    ];
    Change::Personal(fields.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect())
}

/// Additions of one table that are named one by one; of more, only their number is told.
const ADDED_LINES_MAX: usize = 20;

/// The differences so far.
#[derive(Default)]
struct Log {
    lines: Vec<Difference>,
    /// Additions of the table at hand.
    added: Vec<Thing>,
}

impl Log {
    fn added(&mut self, what: Thing) {
        self.added.push(what);
    }

    fn changed(&mut self, what: Thing, changes: Vec<Change>) {
        self.lines.push(Difference { kind: DifferenceKind::Changed, what, changes });
    }

    fn missing(&mut self, what: Thing) {
        self.lines.push(Difference { kind: DifferenceKind::Missing, what, changes: Vec::new() });
    }

    /// Ends a table of such things.
    fn flush(&mut self, of: Things) {
        let added = std::mem::take(&mut self.added);
        let line = |what| Difference { kind: DifferenceKind::Added, what, changes: Vec::new() };
        if added.len() > ADDED_LINES_MAX {
            self.lines.push(line(Thing::Many { count: added.len(), of }));
        } else {
            self.lines.extend(added.into_iter().map(line));
        }
    }
}

/// Says how one row differs from before, field by field.
#[derive(Default)]
struct Fields(Vec<Change>);

impl Fields {
    fn compare(&mut self, field: Field, before: impl Into<Value>, after: impl Into<Value>) {
        let (before, after) = (before.into(), after.into());
        if before != after {
            self.0.push(Change::Field { field, before, after });
        }
    }

    fn note(&mut self, change: Change) {
        self.0.push(change);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
