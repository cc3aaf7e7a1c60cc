//! `guanjia plugin trust`: whose signatures the company accepts.

use clap::{Subcommand, ValueEnum};
use guanjia_domain::{
    Result,
    plugin::{Trust as Trusted, TrustRule, TrustedPublisher},
};
use serde_json::json;

use super::{
    super::{Done, Global, output},
    keys,
};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Trust {
    /// Accept the signatures of a key from now on. Compare it with its owner's first.
    Add {
        /// The company's own name for whoever holds the key.
        name: String,
        /// The public key, or the file that it stands in.
        key: String,
    },
    /// Whose signatures count, and whether they are asked for.
    List,
    /// Accept them no longer. What is installed stays installed.
    Remove {
        /// Name, key or short name of the key.
        publisher: String,
    },
    /// Whether only plug-ins with a trusted signature are installed.
    Require { when: Switch },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Switch {
    On,
    Off,
}

impl Trust {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        let office = global.office().await?;
        let stamp = office.stamp(global.acting.as_deref(), "cli").await?;
        let trust = Trusted::new(office.store.clone());
        match self {
            Trust::Add { name, key } => print(&trust.add(&stamp, name, keys::public_key(key)?).await?, global.json),
            Trust::List => {
                for publisher in office.store.trusted_publishers().await? {
                    print(&publisher, global.json);
                }
                if office.store.trust_rule().await?.require_trusted && !global.json {
                    output::say("only plug-ins with a trusted signature are installed");
                }
            }
            Trust::Remove { publisher } => {
                let found = trust.find(publisher).await?;
                print(&trust.remove(&stamp, found.id).await?, global.json);
            }
            Trust::Require { when } => {
                let rule = TrustRule { require_trusted: *when == Switch::On };
                trust.set_rule(&stamp, rule).await?;
                if global.json {
                    output::line(&json!(rule));
                }
            }
        }
        Ok(Done::Well)
    }
}

fn print(publisher: &TrustedPublisher, json: bool) {
    if json {
        output::line(&json!({
            "id": publisher.id, "name": publisher.name, "key": publisher.key, "key_id": publisher.key.id(),
        }));
    } else {
        output::text(&format!("{}  {}  {}", publisher.name, publisher.key.id(), publisher.key));
    }
}
