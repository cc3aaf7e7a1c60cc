use guanjia_domain::{Error, Result, estate::*, ids::*, ports::Directory, service_area::*, staff::Span};

use super::{fixture::*, on_both, staff::person};

fn area(project: ProjectId, name: &str) -> ServiceArea {
    ServiceArea {
        id: ServiceAreaId::generate(),
        project_id: project,
        name: name.into(),
        phone: Some("021-5555 0101".into()),
        closed_on: None,
    }
}

fn places(texts: &[&str]) -> Vec<UnitSelection> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    match result {
        Err(Error::Refused { code, .. }) => code,
        Err(Error::Conflict(_)) => "conflict",
        Err(Error::NotFound { .. }) => "not-found",
        other => panic!("{other:?}"),
    }
}

/// Beside building 1 with its homes: two villas without an entrance number of their own, and a garage with one space.
async fn grown(fixture: &Fixture) {
    let mut changes = EstateChanges::default();
    let building = Building { id: BuildingId::generate(), building_no: "V".into(), kind: Some("villa".into()) };
    let entrance = Entrance {
        id: EntranceId::generate(),
        building_id: building.id,
        ..fixture.changes.entrances.insert[0].clone()
    };
    let garage = ParkingArea { id: ParkingAreaId::generate(), area_no: "B1".into(), kind: "地下".into() };
    let mut space = home(entrance.id, 7);
    (space.entrance_id, space.parking_area_id, space.kind) = (None, Some(garage.id), UnitKind::ParkingSpace);
    space.gross_floor_area_cm2 = 130_000;
    changes.units.insert.extend([home(entrance.id, 1), home(entrance.id, 2), space]);
    changes.buildings.insert.push(building);
    changes.entrances.insert.push(entrance);
    changes.parking_areas.insert.push(garage);
    fixture.store.apply_estate(&fixture.stamp, fixture.project.id, &changes, "villas.xlsx").await.unwrap();
}

on_both! {
    async fn an_area_is_counted_in_homes_and_square_metres(db) {
        let fixture = Fixture::new(&db.store, 4).await;
        grown(&fixture).await;
        let (store, stamp, project) = (&fixture.store, &fixture.stamp, fixture.project.id);
        let east = area(project, "东片区");
        store.add_service_area(stamp, &east).await.unwrap();
        assert_eq!(refused(store.add_service_area(stamp, &area(project, "东片区")).await), "conflict");
        let from = day("2025-03-01");
        let placed = store.place_units(stamp, east.id, &places(&["1-1-2", "V", "B1-7"]), from, Taken::Refuse).await.unwrap();
        assert_eq!(placed, Placed { placed: 4, moved: 0 });
        let again = store.place_units(stamp, east.id, &places(&["V-1"]), day("2025-04-01"), Taken::Refuse).await.unwrap();
        assert_eq!(again.placed, 0, "they are there already");
        let row = store.service_area(east.id, from).await.unwrap();
        let figures = &row.figures;
        assert_eq!((figures.units, figures.homes), (4, 3));
        assert_eq!((figures.gross_floor_area_cm2, figures.homes_area_cm2), (3 * 895_000 + 130_000, 3 * 895_000));
        let kinds: Vec<_> = figures.by_building_kind.iter().map(|part| (part.building_kind.as_deref(), part.homes)).collect();
        assert!(kinds.len() == 3 && kinds.contains(&(Some("villa"), 2)) && kinds.contains(&(None, 0)), "{kinds:?}");
        assert_eq!(store.service_areas(project, from).await.unwrap(), [row]);
        assert_eq!(store.service_area(east.id, day("2025-02-28")).await.unwrap().figures, AreaFigures::default());
        assert_eq!(store.unserved(project, from).await.unwrap().homes, 3);
        assert_eq!(store.unserved(project, day("2025-02-28")).await.unwrap().units, 7);
        let first = store.area_units(east.id, from, None, 3).await.unwrap();
        let rest = store.area_units(east.id, from, first.next.as_deref(), 3).await.unwrap();
        let shown: Vec<_> = first.items.iter().chain(&rest.items).map(|unit| unit.place.to_string()).collect();
        assert_eq!((shown, rest.next), (vec!["1-1-2".into(), "V-1-1".into(), "V-1-2".into(), "B1-7".to_owned()], None));
        fixture.assert_consistent().await;
    }

    async fn a_unit_is_in_one_area_on_a_day(db) {
        let fixture = Fixture::new(&db.store, 4).await;
        let (store, stamp, project) = (&fixture.store, &fixture.stamp, fixture.project.id);
        let (east, west) = (area(project, "东"), area(project, "西"));
        store.add_service_area(stamp, &east).await.unwrap();
        store.add_service_area(stamp, &west).await.unwrap();
        store.place_units(stamp, east.id, &places(&["1"]), day("2025-01-01"), Taken::Refuse).await.unwrap();
        let two = [UnitSelection::Unit(fixture.units()[0]), "1-1-2".parse().unwrap()];
        assert_eq!(refused(store.place_units(stamp, west.id, &two, day("2025-03-01"), Taken::Refuse).await), "unit-in-area");
        assert_eq!(refused(store.place_units(stamp, west.id, &places(&["9"]), day("2025-03-01"), Taken::Move).await), "not-found");
        assert_eq!(store.service_area(west.id, day("2025-03-01")).await.unwrap().figures.units, 0, "nothing was changed");
        let moved = store.place_units(stamp, west.id, &two, day("2025-03-01"), Taken::Move).await.unwrap();
        assert_eq!(moved, Placed { placed: 2, moved: 2 });
        let homes = async |area: &ServiceArea, on: &str| store.service_area(area.id, day(on)).await.unwrap().figures.homes;
        assert_eq!((homes(&east, "2025-02-28").await, homes(&west, "2025-02-28").await), (4, 0));
        assert_eq!((homes(&east, "2025-03-01").await, homes(&west, "2025-03-01").await), (2, 2));
        // A plan that lies before another one would put the units into two areas.
        assert_eq!(refused(store.place_units(stamp, east.id, &two, day("2025-02-01"), Taken::Move).await), "unit-planned");
        // Corrected on the same day, nothing is left of the slip.
        store.place_units(stamp, east.id, &two[..1], day("2025-03-01"), Taken::Move).await.unwrap();
        assert_eq!((homes(&east, "2025-03-01").await, homes(&west, "2025-03-01").await), (3, 1));
        assert_eq!(store.release_units(stamp, east.id, &places(&["1"]), day("2025-05-01")).await.unwrap(), 3);
        assert_eq!((homes(&east, "2025-04-30").await, homes(&east, "2025-05-01").await, homes(&west, "2025-05-01").await), (3, 0, 1));
        // Those that were to leave stay after all.
        store.place_units(stamp, east.id, &two[..1], day("2025-04-01"), Taken::Refuse).await.unwrap();
        assert_eq!(homes(&east, "2025-05-01").await, 1);
        assert_eq!(store.unit_service(fixture.units()[1], day("2025-04-01")).await.unwrap().unwrap().area.name, "西");
        assert!(store.unit_service(fixture.units()[3], day("2025-05-01")).await.unwrap().is_none());
        let history = store.area_history(west.id).await.unwrap();
        assert_eq!(history.units, [UnitsMoved { span: Span::new(day("2025-03-01"), None), units: 1 }]);
        assert!(store.area_history(east.id).await.unwrap().units.len() >= 3);
        fixture.assert_consistent().await;
    }

    async fn an_area_has_one_steward_at_a_time(db) {
        let fixture = Fixture::new(&db.store, 2).await;
        let (store, stamp, project) = (&fixture.store, &fixture.stamp, fixture.project.id);
        let east = area(project, "东");
        store.add_service_area(stamp, &east).await.unwrap();
        store.place_units(stamp, east.id, &places(&["1"]), day("2025-01-01"), Taken::Refuse).await.unwrap();
        let (li, wang) = (person("1", "李"), person("2", "王"));
        store.add_staff(stamp, &[li.clone(), wang.clone()]).await.unwrap();
        store.set_steward(stamp, east.id, Some(li.id), day("2025-01-01")).await.unwrap();
        store.set_steward(stamp, east.id, Some(wang.id), day("2025-03-01")).await.unwrap();
        let steward = async |on: &str| store.service_area(east.id, day(on)).await.unwrap().steward.map(|steward| steward.staff);
        assert_eq!((steward("2024-12-31").await, steward("2025-02-28").await.as_deref(), steward("2025-03-01").await.as_deref()), (None, Some("李"), Some("王")));
        let served = store.unit_service(fixture.units()[0], day("2025-03-01")).await.unwrap().unwrap();
        assert_eq!(served.steward.unwrap().staff_id, wang.id);
        assert_eq!(refused(store.set_steward(stamp, east.id, Some(li.id), day("2019-01-01")).await), "not-employed");
        assert_eq!(refused(store.set_steward(stamp, east.id, Some(StaffId::generate()), day("2025-04-01")).await), "not-found");
        store.end_employment(stamp, wang.id, day("2025-04-01"), 1).await.unwrap();
        assert_eq!(steward("2025-04-01").await, None, "who left serves nobody");
        store.set_steward(stamp, east.id, None, day("2025-03-15")).await.unwrap();
        assert_eq!(steward("2025-03-15").await, None);
        let names: Vec<_> = store.area_history(east.id).await.unwrap().stewards.into_iter().map(|steward| steward.staff).collect();
        assert_eq!(names, ["王", "李"]);
        assert_eq!(store.stewardships(li.id).await.unwrap(), [(east.clone(), Span::new(day("2025-01-01"), Some(day("2025-03-01"))))]);
        let candidates = store.work_candidates(project, day("2025-02-01"), now()).await.unwrap();
        assert_eq!((candidates.len(), candidates[0].service_area_ids.as_slice()), (1, &[east.id][..]));
        fixture.assert_consistent().await;
    }

    async fn a_closed_area_serves_nobody(db) {
        let fixture = Fixture::new(&db.store, 2).await;
        let (store, stamp, project) = (&fixture.store, &fixture.stamp, fixture.project.id);
        let east = area(project, "东");
        let li = person("1", "李");
        store.add_staff(stamp, std::slice::from_ref(&li)).await.unwrap();
        store.add_service_area(stamp, &east).await.unwrap();
        store.place_units(stamp, east.id, &places(&["1"]), day("2025-01-01"), Taken::Refuse).await.unwrap();
        store.set_steward(stamp, east.id, Some(li.id), day("2025-01-01")).await.unwrap();
        let closed = ServiceArea { closed_on: Some(day("2025-03-01")), ..east.clone() };
        assert_eq!(store.change_service_area(stamp, &closed, 1).await.unwrap(), 2);
        assert_eq!(refused(store.change_service_area(stamp, &east, 1).await), STALE);
        assert!(store.service_areas(project, day("2025-03-01")).await.unwrap().is_empty());
        let before = store.service_areas(project, day("2025-02-28")).await.unwrap();
        assert_eq!((before[0].figures.homes, before[0].steward.is_some()), (2, true), "its history is kept");
        assert_eq!(store.unserved(project, day("2025-03-01")).await.unwrap().homes, 2);
        assert_eq!(refused(store.place_units(stamp, east.id, &places(&["1"]), day("2025-04-01"), Taken::Move).await), "area-closed");
        assert_eq!(refused(store.set_steward(stamp, east.id, Some(li.id), day("2025-04-01")).await), "area-closed");
        fixture.assert_consistent().await;
    }

    async fn a_unit_that_never_was_leaves_its_area(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        grown(&fixture).await;
        let (store, stamp, project) = (&fixture.store, &fixture.stamp, fixture.project.id);
        let east = area(project, "东");
        store.add_service_area(stamp, &east).await.unwrap();
        store.place_units(stamp, east.id, &places(&["V"]), day("2025-01-01"), Taken::Refuse).await.unwrap();
        let villa = store.area_units(east.id, day("2025-01-01"), None, 1).await.unwrap().items[0].unit_id;
        let mut changes = EstateChanges::default();
        changes.units.delete.push(villa);
        store.apply_estate(stamp, project, &changes, "again.xlsx").await.unwrap();
        assert_eq!(store.service_area(east.id, day("2025-01-01")).await.unwrap().figures.homes, 1);
    }

    async fn another_company_sees_nothing_of_areas(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let east = area(fixture.project.id, "东");
        fixture.store.add_service_area(&fixture.stamp, &east).await.unwrap();
        let company = db.store.ensure_company("other", now()).await.unwrap();
        let (store, stamp, on) = (db.store.company(company), &fixture.stamp, day("2025-01-01"));
        for outcome in [
            store.service_areas(fixture.project.id, on).await.map(|_| ()),
            store.service_area(east.id, on).await.map(|_| ()),
            store.unserved(fixture.project.id, on).await.map(|_| ()),
            store.add_service_area(stamp, &area(fixture.project.id, "西")).await,
            store.change_service_area(stamp, &east, 1).await.map(|_| ()),
            store.place_units(stamp, east.id, &places(&["1"]), on, Taken::Move).await.map(|_| ()),
            store.release_units(stamp, east.id, &places(&["1"]), on).await.map(|_| ()),
            store.set_steward(stamp, east.id, None, on).await,
            store.area_units(east.id, on, None, 9).await.map(|_| ()),
            store.area_history(east.id).await.map(|_| ()),
            store.unit_service(fixture.units()[0], on).await.map(|_| ()),
        ] {
            assert_eq!(refused(outcome), "not-found");
        }
    }
}
