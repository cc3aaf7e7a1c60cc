use guanjia_domain::{
    Error,
    ids::BindingId,
    plugin::{Binding, Cause},
};

use super::{fixture::*, on_both};

on_both! {
    async fn a_version_is_installed_once(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let installed = plugin("1.0.0", "aa");
        fixture.store.install_plugin(&fixture.stamp, &installed, b"component").await.unwrap();
        let other = fixture.store.install_plugin(&fixture.stamp, &plugin("1.0.0", "bb"), b"other").await;
        assert!(matches!(other, Err(Error::Conflict(_))));
        fixture.store.install_plugin(&fixture.stamp, &plugin("1.1.0", "bb"), b"other").await.unwrap();
        assert_eq!(fixture.store.plugins().await.unwrap().len(), 2);
        assert_eq!(fixture.store.plugin_by_digest("aa").await.unwrap(), Some(installed));
        assert_eq!(fixture.store.plugin("guanjia.area-fee", "2.0.0").await.unwrap(), None);
        assert_eq!(fixture.store.component("bb").await.unwrap(), b"other");
        assert!(matches!(fixture.store.component("cc").await, Err(Error::NotFound { .. })));
    }

    async fn one_active_binding_holds_on_a_day(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let next = Binding { settings: r#"{"price":"3.00"}"#.into(), ..binding(fixture.project.id, fixture.fee_item().id, "2025-06-01") };
        fixture.store.add_bindings(&fixture.stamp, std::slice::from_ref(&next), Cause::Bound).await.unwrap();
        let bindings = fixture.store.bindings(fixture.project.id).await.unwrap();
        assert_eq!(bindings[0].effective_to, Some(day("2025-06-01")));
        assert_eq!(fixture.store.binding(next.id).await.unwrap(), next);
        let before = Binding { id: BindingId::generate(), ..binding(fixture.project.id, fixture.fee_item().id, "2025-03-01") };
        let refused = fixture.store.add_bindings(&fixture.stamp, &[before], Cause::Bound).await.unwrap_err();
        assert!(refused.to_string().contains("bound there already"), "it would run into the next one: {refused}");
    }

    async fn a_past_stretch_gets_a_rule_of_its_own(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let from = |first: &str, price: &str| Binding {
            id: BindingId::generate(),
            settings: format!(r#"{{"price":"{price}"}}"#),
            ..binding(fixture.project.id, fixture.fee_item().id, first)
        };
        let april = from("2025-04-01", "3.00");
        fixture.store.add_bindings(&fixture.stamp, std::slice::from_ref(&april), Cause::Bound).await.unwrap();
        let corrected = Binding { effective_to: Some(day("2025-03-01")), ..from("2025-02-01", "2.90") };
        fixture.store.add_bindings(&fixture.stamp, std::slice::from_ref(&corrected), Cause::Bound).await.unwrap();
        let bindings = fixture.store.bindings(fixture.project.id).await.unwrap();
        let first = &bindings[0];
        let holds: Vec<_> = ["2025-01-31", "2025-02-01", "2025-02-28", "2025-03-01", "2025-03-31", "2025-04-01"]
            .map(|on| bindings.iter().filter(|binding| binding.holds_on(day(on))).map(|binding| binding.settings.as_str()).collect::<Vec<_>>().join("+"))
            .into();
        let (old, new, next) = (first.settings.as_str(), corrected.settings.as_str(), april.settings.as_str());
        assert_eq!(holds, [old, new, new, old, old, next]);
        let rest = bindings.iter().find(|binding| binding.effective_from == day("2025-03-01")).unwrap();
        assert!(rest.id != first.id && rest.digest == first.digest && rest.effective_to == Some(day("2025-04-01")));
        let again = Binding { effective_to: Some(day("2025-05-01")), ..from("2025-03-15", "2.70") };
        let refused = fixture.store.add_bindings(&fixture.stamp, &[again], Cause::Bound).await.unwrap_err();
        assert!(refused.to_string().contains("bound there already from 2025-04-01"), "{refused}");
        assert_eq!(fixture.store.bindings(fixture.project.id).await.unwrap(), bindings);
    }
}
