//! Custom fields: declared once, typed for good, and another company's business.

use guanjia_domain::{
    Error,
    custom_field::{CODE_USED, CustomField, FieldCode, FieldKind, FieldValue, RETYPED},
    entity::{Entity, RecordRef},
    estate::STALE,
    facts::{CustomFact, FactKind},
    ids::CustomFieldId,
    plugin::Text,
};

use super::{fixture::*, on_both};

fn field(key: &str, kind: FieldKind) -> CustomField {
    CustomField {
        id: CustomFieldId::generate(),
        entity: Entity::Unit,
        key: key.into(),
        title: Text { zh: "朝向".into(), en: "Aspect".into() },
        kind,
        required: false,
        retired: false,
        version: 1,
    }
}

fn list(codes: &[&str]) -> FieldKind {
    let code =
        |code: &&str| FieldCode { code: (*code).to_owned(), title: Text { zh: "朝".into(), en: (*code).to_owned() } };
    FieldKind::Code { codes: codes.iter().map(code).collect() }
}

fn code<T: std::fmt::Debug>(outcome: Result<T, Error>) -> &'static str {
    match outcome {
        Err(Error::Refused { code, .. }) => code,
        other => panic!("{other:?} is no refusal"),
    }
}

on_both! {
    async fn a_field_is_declared_changed_and_retired(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let unit: RecordRef = fixture.changes.units.insert[0].id.into();
        let aspect = field("aspect", list(&["north", "south"]));
        fixture.store.add_custom_field(&fixture.stamp, &aspect).await.unwrap();
        let twice = fixture.store.add_custom_field(&fixture.stamp, &field("aspect", FieldKind::Date)).await;
        assert!(matches!(twice, Err(Error::Conflict(_))), "{twice:?}");
        let of_parties = CustomField { entity: Entity::Party, ..field("aspect", FieldKind::Date) };
        fixture.store.add_custom_field(&fixture.stamp, &of_parties).await.unwrap();
        // Another kind, while there are no values.
        let dated = CustomField { kind: FieldKind::Date, ..aspect.clone() };
        let changed = fixture.store.change_custom_field(&fixture.stamp, &dated, 1).await.unwrap();
        assert_eq!((changed.version, &changed.kind), (2, &FieldKind::Date));
        assert_eq!(code(fixture.store.change_custom_field(&fixture.stamp, &aspect, 1).await), STALE);
        let aspect = fixture.store.change_custom_field(&fixture.stamp, &aspect, 2).await.unwrap();
        let south = [(aspect.id, FieldValue::Code("south".into()))];
        fixture.store.set_record_values(&fixture.stamp, unit, 0, std::slice::from_ref(&aspect), &south).await.unwrap();
        assert_eq!(code(fixture.store.change_custom_field(&fixture.stamp, &CustomField { id: aspect.id, ..dated }, 3).await), RETYPED);
        let shorter = CustomField { kind: list(&["north"]), ..aspect.clone() };
        assert_eq!(code(fixture.store.change_custom_field(&fixture.stamp, &shorter, 3).await), CODE_USED);
        let retired = CustomField { retired: true, kind: list(&["south", "west"]), ..aspect.clone() };
        let retired = fixture.store.change_custom_field(&fixture.stamp, &retired, 3).await.unwrap();
        assert_eq!(fixture.store.record_values(unit).await.unwrap().of(&retired), Some(&south[0].1), "what was entered stays");
        assert_eq!(fixture.store.audit(None, 1).await.unwrap()[0].action, "custom-field.change");
        fixture.assert_consistent().await;
    }

    async fn values_are_written_over_what_was_seen(db) {
        let fixture = Fixture::new(&db.store, 2).await;
        let unit: RecordRef = fixture.changes.units.insert[0].id.into();
        let fields = [field("heated-area", FieldKind::Number { scale: 2 }), field("lift-stop", FieldKind::Flag)];
        for field in &fields {
            fixture.store.add_custom_field(&fixture.stamp, field).await.unwrap();
        }
        let area = |text: &str| (fields[0].id, fields[0].kind.read(text).unwrap());
        let stop = (fields[1].id, FieldValue::Flag(true));
        let set = async |version, values: &[_]| fixture.store.set_record_values(&fixture.stamp, unit, version, &fields, values).await;
        set(0, &[area("80.5"), stop.clone()]).await.unwrap();
        assert_eq!(code(set(0, &[]).await), STALE);
        set(1, &[area("81")]).await.unwrap();
        assert_eq!(code(set(1, &[]).await), STALE);
        let known = fixture.store.record_values(unit).await.unwrap();
        assert_eq!((known.version, known.of(&fields[0]).map(ToString::to_string), known.of(&fields[1])), (2, Some("81.00".into()), None));
        let row = fixture.store.audit(None, 1).await.unwrap().remove(0);
        assert_eq!((row.action.as_str(), row.before["heated-area"].as_str(), row.before["lift-stop"].as_str()), ("custom-values.set", Some("80.50"), Some("true")));
        assert_eq!(row.after, serde_json::json!({ "heated-area": "81.00" }));
        // Declared otherwise between reading and writing.
        let required = CustomField { required: true, ..fields[1].clone() };
        fixture.store.change_custom_field(&fixture.stamp, &required, 1).await.unwrap();
        assert_eq!(code(set(2, &[area("82")]).await), STALE);
        // A page of a run reads what it asks for, and only that.
        let other = fixture.changes.units.insert[1].id;
        let facts = [CustomFact { entity: Entity::Unit, field_id: fields[0].id, kind: FactKind::Number { scale: 2 } }];
        let page = fixture.store.custom_values(&facts, &[unit.id, other.0]).await.unwrap();
        assert_eq!(page.of(fields[0].id, unit.id), Some(&area("81").1));
        assert_eq!((page.of(fields[0].id, other.0), page.of(fields[1].id, unit.id)), (None, None));
        let nothing = RecordRef { entity: Entity::Ticket, id: unit.id };
        assert!(matches!(fixture.store.record_values(nothing).await, Err(Error::NotFound { .. })));
        fixture.assert_consistent().await;
    }

    async fn what_stands_in_a_persons_fields_is_not_in_the_trail(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let party: RecordRef = fixture.changes.parties.insert[0].id.into();
        let employer = CustomField { entity: Entity::Party, ..field("employer", FieldKind::Text) };
        fixture.store.add_custom_field(&fixture.stamp, &employer).await.unwrap();
        let values = [(employer.id, FieldValue::Text("第一中学".into()))];
        fixture.store.set_record_values(&fixture.stamp, party, 0, std::slice::from_ref(&employer), &values).await.unwrap();
        let row = fixture.store.audit(None, 1).await.unwrap().remove(0);
        assert_eq!(row.after, serde_json::json!({ "employer": "set" }));
    }

    async fn another_company_has_other_fields(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let other = Fixture::named(&db.store, "other", 1).await;
        let unit: RecordRef = fixture.changes.units.insert[0].id.into();
        let aspect = field("aspect", FieldKind::Flag);
        fixture.store.add_custom_field(&fixture.stamp, &aspect).await.unwrap();
        let values = [(aspect.id, FieldValue::Flag(true))];
        fixture.store.set_record_values(&fixture.stamp, unit, 0, std::slice::from_ref(&aspect), &values).await.unwrap();
        assert_eq!(other.store.custom_fields().await.unwrap(), []);
        assert!(matches!(other.store.custom_field(aspect.id).await, Err(Error::NotFound { .. })));
        assert!(matches!(other.store.change_custom_field(&other.stamp, &aspect, 1).await, Err(Error::NotFound { .. })));
        assert!(matches!(other.store.record_values(unit).await, Err(Error::NotFound { .. })));
        let written = other.store.set_record_values(&other.stamp, unit, 1, &[], &[]).await;
        assert!(matches!(written, Err(Error::NotFound { .. })));
        let facts = [CustomFact { entity: Entity::Unit, field_id: aspect.id, kind: FactKind::Flag }];
        assert_eq!(other.store.custom_values(&facts, &[unit.id]).await.unwrap().of(aspect.id, unit.id), None);
        other.store.add_custom_field(&other.stamp, &field("aspect", FieldKind::Flag)).await.unwrap();
    }
}
