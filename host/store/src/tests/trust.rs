use guanjia_domain::{
    Error,
    ids::PublisherId,
    plugin::{InstalledPlugin, PluginSignature, PublicKey, TrustRule, TrustedPublisher},
    ports::NewPlugin,
};

use super::{fixture::*, on_both};

fn key(digit: char) -> PublicKey {
    digit.to_string().repeat(64).parse().unwrap()
}

fn publisher(name: &str, digit: char) -> TrustedPublisher {
    TrustedPublisher { id: PublisherId::generate(), name: name.into(), key: key(digit) }
}

fn signed(version: &str, digest: &str, keys: &str) -> InstalledPlugin {
    let signature = |digit: char| PluginSignature { key: key(digit), publisher: format!("says {digit}") };
    InstalledPlugin { signatures: keys.chars().map(signature).collect(), ..plugin(version, digest) }
}

/// Action and subject of the newest audit row, and the kind of the newest event.
async fn newest(fixture: &Fixture) -> (String, serde_json::Value, String) {
    let row = fixture.store.audit(None, 1).await.unwrap().remove(0);
    let event = fixture.store.events(None, 1_000).await.unwrap().pop().unwrap();
    (row.action, row.after, event.kind)
}

on_both! {
    async fn publishers_come_and_go_with_a_trace(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let (author, reviewer) = (publisher("作者", 'a'), publisher("Reviewer", 'b'));
        fixture.store.add_trusted_publisher(&fixture.stamp, &author).await.unwrap();
        assert_eq!(newest(&fixture).await.0, "publisher.trust");
        fixture.store.add_trusted_publisher(&fixture.stamp, &reviewer).await.unwrap();
        let again = fixture.store.add_trusted_publisher(&fixture.stamp, &publisher("Somebody else", 'a')).await;
        assert!(matches!(again, Err(Error::Conflict(_))), "one key is one publisher's");
        assert_eq!(fixture.store.trusted_publishers().await.unwrap(), [reviewer.clone(), author.clone()]);
        let other = Fixture::named(&db.store, "other", 1).await;
        assert_eq!(other.store.trusted_publishers().await.unwrap(), []);
        let foreign = other.store.remove_trusted_publisher(&other.stamp, author.id).await;
        assert!(matches!(foreign, Err(Error::NotFound { .. })));
        other.store.add_trusted_publisher(&other.stamp, &publisher("作者", 'a')).await.unwrap();
        assert_eq!(fixture.store.remove_trusted_publisher(&fixture.stamp, author.id).await.unwrap(), author);
        let (action, after, kind) = newest(&fixture).await;
        assert_eq!((action.as_str(), after, kind.as_str()), ("publisher.distrust", serde_json::Value::Null, "publisher.distrusted"));
        let gone = fixture.store.remove_trusted_publisher(&fixture.stamp, author.id).await;
        assert!(matches!(gone, Err(Error::NotFound { .. })));
        assert_eq!(fixture.store.trusted_publishers().await.unwrap(), [reviewer]);
        fixture.assert_consistent().await;
    }

    async fn the_rule_of_a_company_is_its_own(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let other = Fixture::named(&db.store, "other", 1).await;
        let strict = TrustRule { require_trusted: true };
        assert_eq!(fixture.store.trust_rule().await.unwrap(), TrustRule::default());
        fixture.store.set_trust_rule(&fixture.stamp, strict).await.unwrap();
        assert_eq!(newest(&fixture).await.0, "trust-rule.change");
        let rows = fixture.store.audit(None, 500).await.unwrap().len();
        fixture.store.set_trust_rule(&fixture.stamp, strict).await.unwrap();
        assert_eq!(fixture.store.audit(None, 500).await.unwrap().len(), rows, "the same rule is no change");
        assert_eq!(fixture.store.trust_rule().await.unwrap(), strict);
        assert_eq!(other.store.trust_rule().await.unwrap(), TrustRule::default());
        fixture.store.set_trust_rule(&fixture.stamp, TrustRule::default()).await.unwrap();
        assert_eq!(fixture.store.trust_rule().await.unwrap(), TrustRule::default());
    }

    async fn signatures_are_kept_and_may_become_more(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        fixture.store.add_trusted_publisher(&fixture.stamp, &publisher("作者", 'a')).await.unwrap();
        let unsigned = signed("3.0.0", "dd", "");
        fixture.store.install_plugin(&fixture.stamp, &unsigned, b"component").await.unwrap();
        assert_eq!(newest(&fixture).await.1["signature"], "unsigned");
        let by_author = signed("3.0.0", "dd", "a");
        fixture.store.install_plugin(&fixture.stamp, &by_author, b"component").await.unwrap();
        assert_eq!(newest(&fixture).await.0, "plugin.sign");
        assert_eq!(fixture.store.plugin_by_digest("dd").await.unwrap(), Some(by_author.clone()));
        let rows = fixture.store.audit(None, 500).await.unwrap().len();
        for known in [&by_author, &unsigned] {
            fixture.store.install_plugin(&fixture.stamp, known, b"component").await.unwrap();
        }
        assert_eq!(fixture.store.audit(None, 500).await.unwrap().len(), rows, "what is known already changes nothing");
        let by_both = signed("3.0.0", "dd", "ab");
        fixture.store.install_plugin(&fixture.stamp, &by_both, b"component").await.unwrap();
        fixture.store.install_plugin(&fixture.stamp, &signed("3.1.0", "ee", "b"), b"other").await.unwrap();
        assert_eq!(newest(&fixture).await.1["signature"], "unknown-key");
        let installed = fixture.store.plugins().await.unwrap();
        let counts: Vec<usize> = installed.iter().map(|plugin| plugin.signatures.len()).collect();
        assert_eq!(counts.into_iter().filter(|count| *count > 0).collect::<Vec<_>>(), [2, 1], "the plug-in of the fixture has none");
        assert_eq!(fixture.store.plugin("guanjia.area-fee", "3.0.0").await.unwrap().unwrap().signatures.len(), 2);
        fixture.assert_consistent().await;
    }

    async fn several_are_installed_all_or_none(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        fixture.store.install_plugin(&fixture.stamp, &plugin("1.0.0", "aa"), b"component").await.unwrap();
        let rows = fixture.store.audit(None, 500).await.unwrap().len();
        let (new, clash) = (signed("2.0.0", "cc", "a"), plugin("1.0.0", "bb"));
        let pair = |last| [NewPlugin { plugin: &new, component: b"new", origin: "" }, NewPlugin { plugin: last, component: b"last", origin: "" }];
        let refused = fixture.store.install_plugins(&fixture.stamp, &pair(&clash)).await;
        assert!(matches!(refused, Err(Error::Conflict(_))));
        assert_eq!(fixture.store.plugins().await.unwrap().len(), 1);
        assert!(matches!(fixture.store.component("cc").await, Err(Error::NotFound { .. })));
        assert_eq!(fixture.store.audit(None, 500).await.unwrap().len(), rows);
        let fits = plugin("1.1.0", "bb");
        fixture.store.install_plugins(&fixture.stamp, &pair(&fits)).await.unwrap();
        assert_eq!(fixture.store.plugins().await.unwrap().len(), 3);
        fixture.assert_consistent().await;
    }
}
