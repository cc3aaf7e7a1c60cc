use guanjia_domain::{
    Error,
    estate::*,
    fee_item::{CostPool, FeeAssignment},
    ids::*,
};

use super::{fixture::*, on_both};
use guanjia_domain::ports::UnitSearch;

/// Places of the units that a search finds.
async fn found(fixture: &Fixture, text: &str, personal_data: bool) -> Vec<String> {
    let search = UnitSearch { text, personal_data };
    let page = fixture.store.units(fixture.project.id, &search, None, 100).await.unwrap();
    page.items.iter().map(|row| row.place.to_string()).collect()
}

on_both! {
    async fn an_estate_is_read_as_it_was_written(db) {
        let fixture = Fixture::new(&db.store, 25).await;
        let estate = fixture.store.estate(fixture.project.id).await.unwrap();
        let changes = &fixture.changes;
        assert_eq!(estate.buildings, changes.buildings.insert);
        assert_eq!(estate.entrances, changes.entrances.insert);
        assert_eq!(estate.units, changes.units.insert);
        assert_eq!(estate.parties[1..], changes.parties.insert, "after the developer");
        assert_eq!(estate.tenures, changes.tenures.insert);
        assert_eq!(estate.fee_items, changes.fee_items.insert);
        assert_eq!(estate.fee_assignments, changes.fee_assignments.insert);
        assert_eq!(fixture.store.bindings(fixture.project.id).await.unwrap(), changes.bindings.insert);
        assert_eq!(fixture.store.count_units(fixture.project.id).await.unwrap(), 25);
        fixture.assert_consistent().await;
    }

    async fn an_estate_changes_as_a_whole(db) {
        let fixture = Fixture::new(&db.store, 3).await;
        let units = &fixture.changes.units.insert;
        let mut changes = EstateChanges::default();
        // The number of the first is freed by deleting it, and given to a new one; the second takes a new number.
        changes.fee_assignments.delete.push(fixture.changes.fee_assignments.insert[0].id);
        changes.tenures.delete.push(fixture.changes.tenures.insert[0].id);
        changes.units.delete.push(units[0].id);
        changes.parties.delete.push(fixture.changes.parties.insert[0].id);
        changes.units.insert.push(home(units[0].entrance_id.unwrap(), 1));
        changes.units.update.push(Unit { unit_no: "2A".into(), gross_floor_area_cm2: 1, ..units[1].clone() });
        let garage = ParkingArea { id: ParkingAreaId::generate(), area_no: "B1".into(), kind: "地下".into() };
        let mut space = home(units[0].entrance_id.unwrap(), 7);
        (space.entrance_id, space.parking_area_id, space.kind) = (None, Some(garage.id), UnitKind::ParkingSpace);
        changes.vehicles.insert.push(Vehicle {
            id: VehicleId::generate(),
            party_id: fixture.changes.parties.insert[1].id,
            unit_id: Some(space.id),
            plate_no: "沪A12345".into(),
            brand: None,
            kind_code: Some("9901".into()),
            colour: None,
        });
        changes.units.insert.push(space);
        changes.parking_areas.insert.push(garage);
        fixture.store.apply_estate(&fixture.stamp, fixture.project.id, &changes, "again.xlsx").await.unwrap();
        let estate = fixture.store.estate(fixture.project.id).await.unwrap();
        assert_eq!(estate.units.len(), 4);
        assert!(estate.units.contains(&changes.units.update[0]) && !estate.units.iter().any(|unit| unit.id == units[0].id));
        assert_eq!(estate.vehicles, changes.vehicles.insert);
        assert_eq!(estate.parking_areas, changes.parking_areas.insert);
        let page = fixture.store.units(fixture.project.id, &UnitSearch::default(), None, 10).await.unwrap();
        let places: Vec<_> = page.items.iter().map(|row| row.place.to_string()).collect();
        assert_eq!(places, ["1-1-1", "1-1-2A", "1-1-3", "B1-7"]);
    }

    async fn a_bad_change_leaves_nothing_behind(db) {
        let fixture = Fixture::new(&db.store, 2).await;
        let before = fixture.store.estate(fixture.project.id).await.unwrap();
        let units = &fixture.changes.units.insert;
        let mut double = EstateChanges::default();
        double.units.insert.push(home(units[0].entrance_id.unwrap(), 9));
        double.units.insert.push(home(units[0].entrance_id.unwrap(), 2));
        let mut orphan = EstateChanges::default();
        orphan.fee_assignments.insert.push(FeeAssignment { unit_id: UnitId::generate(), id: FeeAssignmentId::generate(), ..fixture.changes.fee_assignments.insert[0].clone() });
        let mut used = EstateChanges::default();
        used.units.delete.push(units[0].id);
        let mut gone = EstateChanges::default();
        gone.units.update.push(home(units[0].entrance_id.unwrap(), 8));
        for (changes, expected) in [(double, "unit of this number"), (orphan, "does not exist"), (used, "used elsewhere"), (gone, "deleted meanwhile")] {
            let error = fixture.store.apply_estate(&fixture.stamp, fixture.project.id, &changes, "bad.xlsx").await.unwrap_err();
            assert!(matches!(&error, Error::Conflict(sentence) if sentence.contains(expected)), "{error} does not say {expected}");
            assert_eq!(fixture.store.estate(fixture.project.id).await.unwrap(), before);
        }
        fixture.assert_consistent().await;
    }

    async fn units_are_listed_as_people_count(db) {
        let fixture = Fixture::new(&db.store, 25).await;
        let mut cursor = None;
        let mut numbers = Vec::new();
        loop {
            let page = fixture.store.units(fixture.project.id, &UnitSearch::default(), cursor.as_deref(), 10).await.unwrap();
            numbers.extend(page.items.iter().map(|row| row.unit.unit_no.clone()));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(numbers, (1..=25).map(|number| number.to_string()).collect::<Vec<_>>());
        assert!(fixture.store.units(fixture.project.id, &UnitSearch::default(), Some("no"), 10).await.is_err());
        let places = fixture.store.places(&fixture.units()).await.unwrap();
        assert_eq!(places.len(), 25);
        assert!(places.iter().any(|(unit, place)| *unit == fixture.units()[24] && place.to_string() == "1-1-25"));
        let parties: Vec<_> = fixture.changes.parties.insert.iter().map(|party| party.id).collect();
        assert_eq!(fixture.store.party_names(&parties).await.unwrap().len(), 25);
    }

    async fn people_are_found_by_those_who_may_read_of_them(db) {
        let fixture = Fixture::new(&db.store, 25).await;
        for (text, count) in [("owner 25", 1), ("OWNER 2", 7), ("13800008", 16), ("%", 0)] {
            assert_eq!(found(&fixture, text, true).await.len(), count, "{text}");
            assert!(found(&fixture, text, false).await.is_empty(), "{text}");
        }
        let mut changes = EstateChanges::default();
        changes.vehicles.insert.push(Vehicle {
            id: VehicleId::generate(),
            party_id: fixture.changes.parties.insert[4].id,
            unit_id: None,
            plate_no: "沪A12345".into(),
            brand: None,
            kind_code: None,
            colour: None,
        });
        fixture.store.apply_estate(&fixture.stamp, fixture.project.id, &changes, "car.xlsx").await.unwrap();
        assert_eq!(found(&fixture, "a1234", false).await, ["1-1-5"], "a plate is read off the street");
    }

    async fn a_place_is_found_as_lists_show_it(db) {
        let fixture = Fixture::new(&db.store, 25).await;
        let mut changes = EstateChanges::default();
        let building = Building { id: BuildingId::generate(), building_no: "11".into(), kind: None };
        let entrance = Entrance { id: EntranceId::generate(), building_id: building.id, ..fixture.changes.entrances.insert[0].clone() };
        let garage = ParkingArea { id: ParkingAreaId::generate(), area_no: "B1".into(), kind: "地下".into() };
        let mut space = home(entrance.id, 7);
        (space.entrance_id, space.parking_area_id, space.kind) = (None, Some(garage.id), UnitKind::ParkingSpace);
        changes.units.insert.extend([home(entrance.id, 25), space]);
        changes.buildings.insert.push(building);
        changes.entrances.insert.push(entrance);
        changes.parking_areas.insert.push(garage);
        fixture.store.apply_estate(&fixture.stamp, fixture.project.id, &changes, "more.xlsx").await.unwrap();
        let cases: [(&str, &[&str]); 10] = [
            ("1-1-25", &["1-1-25"]),
            (" 1－1－25 ", &["1-1-25"]),
            ("1-25", &["1-1-25", "11-1-25"]),
            ("11-1", &["11-1-25"]),
            ("1-1-2", &["1-1-2", "1-1-20", "1-1-21", "1-1-22", "1-1-23", "1-1-24", "1-1-25"]),
            ("b1-7", &["B1-7"]),
            ("1-7", &["1-1-7"]),
            ("25", &["1-1-25", "11-1-25"]),
            ("1-1-%", &[]),
            ("1-1-26", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(found(&fixture, text, false).await, expected, "{text}");
        }
        assert_eq!(found(&fixture, "1-1-", false).await.len(), 25);
    }

    async fn a_renamed_building_moves_its_units(db) {
        let fixture = Fixture::new(&db.store, 2).await;
        let mut changes = EstateChanges::default();
        let building = Building { building_no: "10".into(), ..fixture.changes.buildings.insert[0].clone() };
        let second = Building { id: BuildingId::generate(), building_no: "2".into(), kind: None };
        let entrance = Entrance { id: EntranceId::generate(), building_id: second.id, ..fixture.changes.entrances.insert[0].clone() };
        changes.units.insert.push(home(entrance.id, 1));
        changes.buildings.update.push(building);
        changes.buildings.insert.push(second);
        changes.entrances.insert.push(entrance);
        fixture.store.apply_estate(&fixture.stamp, fixture.project.id, &changes, "renamed").await.unwrap();
        let page = fixture.store.units(fixture.project.id, &UnitSearch::default(), None, 10).await.unwrap();
        assert_eq!(page.items.iter().map(|row| row.place.to_string()).collect::<Vec<_>>(), ["2-1-1", "10-1-1", "10-1-2"]);
    }

    async fn a_unit_is_edited_and_sold(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let mut unit = fixture.changes.units.insert[0].clone();
        unit.occupancy = OccupancyStatus::Unsold;
        fixture.store.update_unit(&fixture.stamp, &unit, 1).await.unwrap();
        let buyer = party("Buyer", PartyKind::Owner);
        fixture.hand_over(unit.id, &buyer, day("2025-03-11")).await.unwrap();
        let row = fixture.store.unit(unit.id).await.unwrap();
        assert_eq!((row.unit.occupancy, row.owners), (OccupancyStatus::Vacant, vec!["Buyer".to_owned()]));
        let units = fixture.charged_units().await;
        let holders: Vec<_> = units[0].holders.iter().map(|holder| (holder.party_id, holder.starts_on, holder.ends_on)).collect();
        let seller = fixture.changes.parties.insert[0].id;
        assert_eq!(holders, [(seller, None, Some(day("2025-03-11"))), (buyer.id, Some(day("2025-03-11")), None)]);
        let again = fixture.hand_over(unit.id, &party("Late", PartyKind::Owner), day("2025-03-01")).await;
        assert!(matches!(again, Err(Error::Conflict(_))));
        let audit = fixture.store.audit(None, 10).await.unwrap();
        assert_eq!(audit[0].action, "ownership.transfer");
        assert_eq!((&audit[1].before["occupancy"], &audit[1].after["occupancy"]), (&"occupied".into(), &"unsold".into()));
    }

    /// Of two edits from the same state the second is refused, and so is one from a state before a sale.
    async fn an_edit_of_an_older_state_changes_nothing(db) {
        let fixture = Fixture::new(&db.store, 2).await;
        let unit = fixture.changes.units.insert[0].clone();
        let read = fixture.store.unit(unit.id).await.unwrap();
        assert_eq!((read.version, &read.unit), (1, &unit));
        let edits = [Unit { storey: Some(7), ..unit.clone() }, Unit { unit_no: "1A".into(), ..unit.clone() }];
        let (left, right) = tokio::join!(
            fixture.store.update_unit(&fixture.stamp, &edits[0], read.version),
            fixture.store.update_unit(&fixture.stamp, &edits[1], read.version),
        );
        let (won, lost) = if left.is_ok() { (0, right) } else { (1, left) };
        assert!(matches!(&lost, Err(Error::Refused { code: STALE, .. })), "{lost:?}");
        let read = fixture.store.unit(unit.id).await.unwrap();
        assert_eq!((read.version, &read.unit), (2, &edits[won]));
        fixture.hand_over(unit.id, &party("Buyer", PartyKind::Owner), day("2025-03-11")).await.unwrap();
        let late = fixture.store.update_unit(&fixture.stamp, &unit, 2).await;
        assert!(matches!(&late, Err(Error::Refused { code: STALE, .. })), "{late:?}");
        let number_of_the_other = Unit { unit_no: "2".into(), ..unit.clone() };
        let taken = fixture.store.update_unit(&fixture.stamp, &number_of_the_other, 3).await;
        assert!(matches!(&taken, Err(Error::Conflict(sentence)) if sentence.contains("unit of this number")), "{taken:?}");
        assert_eq!(fixture.store.update_unit(&fixture.stamp, &edits[1], 3).await.unwrap(), 4);
        assert_eq!(fixture.store.unit(unit.id).await.unwrap().place.to_string(), "1-1-1A");
        let gone = fixture.store.update_unit(&fixture.stamp, &Unit { id: UnitId::generate(), ..unit }, 1).await;
        assert!(matches!(&gone, Err(Error::NotFound { .. })), "{gone:?}");
        let edits = fixture.store.audit(None, 20).await.unwrap().into_iter().filter(|row| row.action == "unit.update").count();
        assert_eq!(edits, 2, "what was refused left no trace");
        fixture.assert_consistent().await;
    }

    async fn what_hangs_on_a_unit_is_read_with_its_names(db) {
        let fixture = Fixture::new(&db.store, 2).await;
        let (unit, fee_item_id) = (fixture.units()[0], fixture.fee_item().id);
        let seller = fixture.changes.parties.insert[0].clone();
        let buyer = party("Buyer", PartyKind::Owner);
        fixture.hand_over(unit, &buyer, day("2025-03-11")).await.unwrap();
        let meter = Meter { id: MeterId::generate(), unit_id: unit, fee_item_id, multiplier_milli: 1_000 };
        let unread = Meter { id: MeterId::generate(), unit_id: fixture.units()[1], ..meter.clone() };
        let reading = |day_text: &str, reading_milli| MeterReading { id: MeterReadingId::generate(), meter_id: meter.id, read_on: day(day_text), reading_milli, restart_milli: None };
        let readings = [reading("2025-03-31", 30), reading("2025-02-28", 10)];
        fixture.store.add_meters(&fixture.stamp, &[meter.clone(), unread], &readings).await.unwrap();
        let car = |owner: &Party, plate: &str| Vehicle {
            id: VehicleId::generate(),
            party_id: owner.id,
            unit_id: None,
            plate_no: plate.into(),
            brand: None,
            kind_code: None,
            colour: None,
        };
        let mut changes = EstateChanges::default();
        changes.vehicles.insert.extend([car(&seller, "沪A00001"), car(&buyer, "沪A00002")]);
        fixture.store.apply_estate(&fixture.stamp, fixture.project.id, &changes, "cars.xlsx").await.unwrap();

        let records = fixture.store.unit_records(unit).await.unwrap();
        let tenures: Vec<_> = records.tenures.iter().map(|row| (row.party.as_str(), row.tenure.starts_on, row.tenure.ends_on)).collect();
        let sold = Some(day("2025-03-11"));
        assert_eq!(tenures, [("Buyer", sold, None), (seller.name.as_str(), None, sold)]);
        assert_eq!(records.tenures[1].phone, seller.phone);
        let plates: Vec<_> = records.vehicles.iter().map(|row| (row.vehicle.plate_no.as_str(), row.party.as_str())).collect();
        assert_eq!(plates, [("沪A00002", "Buyer")], "whoever sold drives elsewhere");
        let meters: Vec<_> = records.meters.iter().map(|row| (&row.meter, row.last)).collect();
        assert_eq!(meters, [(&meter, Some((day("2025-03-31"), 30)))]);
        let assigned: Vec<_> = records.fee_assignments.iter().map(|row| (&row.assignment, row.fee_item.as_str())).collect();
        assert_eq!(assigned, [(&fixture.changes.fee_assignments.insert[0], fixture.fee_item().name.as_str())]);
        let other = fixture.store.unit_records(fixture.units()[1]).await.unwrap();
        assert_eq!((other.tenures.len(), other.vehicles.len(), other.meters[0].last), (1, 0, None));
        let foreign = Fixture::named(&db.store, "other", 1).await;
        assert!(matches!(foreign.store.unit_records(unit).await, Err(Error::NotFound { .. })));
    }

    async fn meters_and_pools_are_kept(db) {
        let fixture = Fixture::new(&db.store, 2).await;
        let (unit, fee_item_id) = (fixture.units()[0], fixture.fee_item().id);
        let meter = Meter { id: MeterId::generate(), unit_id: unit, fee_item_id, multiplier_milli: 1_000 };
        let reading = |day_text: &str, reading_milli| MeterReading { id: MeterReadingId::generate(), meter_id: meter.id, read_on: day(day_text), reading_milli, restart_milli: None };
        let readings = [reading("2025-01-31", 1), reading("2025-02-28", 10), reading("2025-03-20", 20), reading("2025-03-31", 30), reading("2025-04-01", 40)];
        fixture.store.add_meters(&fixture.stamp, std::slice::from_ref(&meter), &readings).await.unwrap();
        assert!(fixture.store.add_meters(&fixture.stamp, &[], &[reading("2025-03-31", 31)]).await.is_err(), "read twice a day");
        let stray = Meter { id: MeterId::generate(), unit_id: UnitId::generate(), ..meter.clone() };
        assert!(fixture.store.add_meters(&fixture.stamp, &[stray], &[]).await.is_err());
        let units = fixture.charged_units().await;
        let facts = units[0].assigned[0].meter.unwrap();
        assert_eq!((facts.previous_milli, facts.current_milli, facts.multiplier_milli), (Some(10), Some(30), 1_000));
        assert_eq!(units[1].assigned[0].meter, None);
        let pool = CostPool { fee_item_id, period_start: march().start, total_fen: 100 };
        fixture.store.set_cost_pool(&fixture.stamp, &pool).await.unwrap();
        fixture.store.set_cost_pool(&fixture.stamp, &CostPool { total_fen: 200, ..pool.clone() }).await.unwrap();
        assert_eq!(fixture.store.cost_pool(fee_item_id, march().start).await.unwrap().unwrap().total_fen, 200);
        assert_eq!(fixture.store.cost_pool(fee_item_id, march().end).await.unwrap(), None);
    }

    /// 10 before March; in March the counter is read as 20, taken away at 25 and goes on from 3; it ends the month at 8:
    /// 15 + 5 are used.
    async fn a_replaced_counter_is_counted_on(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let (unit_id, fee_item_id) = (fixture.units()[0], fixture.fee_item().id);
        let meter = Meter { id: MeterId::generate(), unit_id, fee_item_id, multiplier_milli: 1_000 };
        fixture.store.add_meters(&fixture.stamp, std::slice::from_ref(&meter), &[]).await.unwrap();
        let reading = |day_text: &str, reading_milli, restart_milli| MeterReading { id: MeterReadingId::generate(), meter_id: meter.id, read_on: day(day_text), reading_milli, restart_milli };
        let enter = async |reading: &MeterReading| fixture.store.add_reading(&fixture.stamp, reading).await;
        let change = reading("2025-03-20", 25, Some(3));
        for good in [&reading("2025-02-28", 10, None), &reading("2025-03-10", 20, None), &change] {
            enter(good).await.unwrap();
        }
        let facts = async || fixture.charged_units().await[0].assigned[0].meter.unwrap();
        let ending = facts().await;
        assert_eq!((ending.previous_milli, ending.current_milli, ending.change_milli), (Some(10), Some(25), 0), "what comes after it is April's");
        enter(&reading("2025-03-31", 8, None)).await.unwrap();
        let march = facts().await;
        assert_eq!((march.previous_milli, march.current_milli, march.change_milli), (Some(10), Some(8), 22));

        let refused = async |reading: &MeterReading| match enter(reading).await {
            Err(Error::Refused { code, .. }) => code,
            Err(Error::Conflict(_)) => "conflict",
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(&reading("2025-04-30", 7, None)).await, "reading-below-previous");
        assert_eq!(refused(&reading("2025-03-25", 9, None)).await, "reading-above-next");
        assert_eq!(refused(&reading("2025-03-31", 8, None)).await, "conflict", "a day is read once");

        let seen = fixture.store.reading(change.id).await.unwrap();
        assert_eq!((seen.reading.clone(), seen.version, seen.charged), (change.clone(), 1, false));
        let corrected = MeterReading { reading_milli: 26, ..change.clone() };
        fixture.store.correct_reading(&fixture.stamp, &corrected, 1).await.unwrap();
        let stale = fixture.store.correct_reading(&fixture.stamp, &MeterReading { reading_milli: 27, ..change.clone() }, 1).await;
        assert!(matches!(stale, Err(Error::Refused { code: STALE, .. })));
        let plain = fixture.store.correct_reading(&fixture.stamp, &MeterReading { restart_milli: None, ..corrected.clone() }, 2).await;
        assert!(matches!(plain, Err(Error::Refused { code: "reading-above-next", .. })), "26 is more than the 8 of the new counter");
        assert_eq!(facts().await.change_milli, 23);
        let listed = fixture.store.readings(meter.id, None, 10).await.unwrap();
        assert_eq!(listed.iter().map(|row| row.reading.reading_milli).collect::<Vec<_>>(), [8, 26, 20, 10]);
        let earlier = fixture.store.readings(meter.id, Some(day("2025-03-20")), 1).await.unwrap();
        assert_eq!(earlier[0].reading.reading_milli, 20);
        assert_eq!(fixture.store.meter(meter.id).await.unwrap().meter, meter);
        let foreign = Fixture::named(&db.store, "other", 1).await;
        assert!(matches!(foreign.store.meter(meter.id).await, Err(Error::NotFound { .. })));
        assert!(matches!(foreign.store.readings(meter.id, None, 10).await, Err(Error::NotFound { .. })));
        assert!(matches!(foreign.store.add_reading(&foreign.stamp, &reading("2025-04-30", 9, None)).await, Err(Error::NotFound { .. })));
        assert!(matches!(foreign.store.correct_reading(&foreign.stamp, &corrected, 2).await, Err(Error::NotFound { .. })));
        fixture.assert_consistent().await;
    }

    async fn a_shared_cost_is_changed_over_what_was_seen(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let (fee_item, from, to) = (fixture.fee_item().id, march().start, march().end);
        let change = async |seen, total| fixture.store.change_cost_pool(&fixture.stamp, fee_item, from, seen, total).await;
        let stored = async || fixture.store.cost_pools(fixture.project.id, from, to).await.unwrap().first().map(|pool| pool.total_fen);
        change(None, Some(100)).await.unwrap();
        assert!(matches!(change(None, Some(200)).await, Err(Error::Refused { code: STALE, .. })));
        assert_eq!(stored().await, Some(100));
        change(Some(100), Some(0)).await.unwrap();
        assert_eq!(stored().await, Some(0), "nothing is a total, too");
        change(Some(0), None).await.unwrap();
        assert_eq!(stored().await, None);
        let foreign = Fixture::named(&db.store, "other", 1).await;
        assert!(foreign.store.change_cost_pool(&foreign.stamp, fee_item, from, None, Some(1)).await.is_err());
        assert_eq!(foreign.store.cost_pools(fixture.project.id, from, to).await.unwrap(), []);
        fixture.assert_consistent().await;
    }
}
