//! Looking at a file before anything of it is kept: what it is, and what installing it would come to.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

use crate::{
    Error, Result,
    access::{Permission, Stamp, codes},
};

use super::{
    ExtensionPoint, InstalledPlugin, Judgement, PluginFile, Plugins, Tier,
    difference::{Difference, PluginOutline, since_last},
    signature::judge,
};

/// One of a plug-in's own examples, which it has to answer as its manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoldenCase {
    pub name: String,
    pub point: ExtensionPoint,
    /// How many subjects are asked about in it.
    pub subjects: u32,
}

codes! {
    /// What came of a golden case.
    CaseOutcome {
        Passed = "passed",
        Failed = "failed",
        /// Something else was in the way, or it is run when the plug-in is installed.
        NotRun = "not-run",
    }
}

/// What one call of a plug-in may use on this host. A plug-in cannot raise it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CallLimits {
    pub memory_bytes: i64,
    /// Fuel of a call before its first subject.
    pub fuel_base: i64,
    pub fuel_per_subject: i64,
    /// By the clock, in milliseconds: a backstop, far above what the fuel lasts.
    pub deadline_ms: i64,
}

/// What installing a file would come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every check of an installation was done and passed.
    Accepted,
    /// The cheap checks passed; it takes long to compile, which is done when it is installed.
    Later,
    /// It would be refused, for this reason and with this advice.
    Refused(String),
}

impl Verdict {
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Later => "later",
            Self::Refused(_) => "refused",
        }
    }

    /// Why it would be refused; empty where it would not.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Refused(reason) => reason,
            Self::Accepted | Self::Later => "",
        }
    }
}

/// What a component file is, seen by the engine that would run it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// As it would be installed. Where it was not accepted, its exports are what its manifest says and not what it says when
    /// it is asked.
    pub plugin: InstalledPlugin,
    /// Whether it is free of floating point; unknown where it was not compiled.
    pub float_free: Option<bool>,
    /// Of each of the plug-in's cases, in their order.
    pub outcomes: Vec<CaseOutcome>,
    pub verdict: Verdict,
}

impl Inspection {
    /// The golden cases with what came of them.
    pub fn cases(&self) -> impl Iterator<Item = (&GoldenCase, CaseOutcome)> {
        self.plugin.cases.iter().zip(self.outcomes.iter().copied())
    }

    /// For a comparison, in which an unknown arithmetic is no difference.
    fn outline(&self) -> PluginOutline {
        let outline = PluginOutline::from(&self.plugin);
        PluginOutline { float_free: self.float_free.unwrap_or(true), ..outline }
    }
}

/// A component of a bundle, which holds what its index says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedFile {
    /// `ID@VERSION`
    pub name: String,
    /// With its signatures.
    pub bytes: Vec<u8>,
}

/// A component file as somebody sees it who has to decide whether it is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    pub inspection: Inspection,
    /// What its signatures are worth to the company.
    pub judgement: Judgement,
    /// The newest installed version that is older, and what is different since.
    pub since: Option<(String, Difference)>,
    /// Whether the very same component is installed.
    pub installed: bool,
}

/// A file that was looked at: one component, or all of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectedFile {
    /// SHA-256 of the whole file, in hexadecimal: what a confirmation names.
    pub sha256: String,
    pub is_bundle: bool,
    pub plugins: Vec<Inspected>,
}

impl InspectedFile {
    /// Why the file would not be installed, with the name of the plug-in where it has several; a bundle is installed whole or
    /// not at all.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        let mut all = self.plugins.iter().map(|plugin| &plugin.inspection);
        let refused = all.find(|seen| matches!(seen.verdict, Verdict::Refused(_)))?;
        let reason = refused.verdict.reason();
        Some(if self.is_bundle {
            format!("{}@{}: {reason}", refused.plugin.id, refused.plugin.version)
        } else {
            reason.to_owned()
        })
    }

    /// Whether a job would check it, because that takes long.
    #[must_use]
    pub fn takes_long(&self) -> bool {
        self.plugins.iter().any(|plugin| plugin.inspection.verdict == Verdict::Later)
    }
}

impl Plugins {
    /// Looks at a component file or a bundle with every check of an installation, and keeps nothing of it. What would be
    /// refused is said in the answer; only what cannot be told apart from rubbish is an error.
    ///
    /// # Errors
    /// `Refused` without the permission; `Invalid` with what to do for a file that is no plug-in and no bundle.
    pub async fn inspect(&self, stamp: &Stamp, file: &[u8]) -> Result<InspectedFile> {
        stamp.actor.require(Permission::ManagePlugins)?;
        let sha256 = hex::encode(Sha256::digest(file));
        let packed = self.engine.unpack(file.to_vec()).await?;
        let is_bundle = packed.is_some();
        let files = packed.unwrap_or_else(|| vec![PackedFile { name: "the plug-in".into(), bytes: file.to_vec() }]);
        let installed = self.store.plugins().await?;
        let trusted = self.store.trusted_publishers().await?;
        let mut plugins = Vec::with_capacity(files.len());
        for packed in files {
            let inspection = self.inspect_one(&packed).await?;
            plugins.push(Inspected {
                judgement: judge(&inspection.plugin.signatures, &trusted),
                since: since_last(&inspection.outline(), &installed),
                installed: installed.iter().any(|other| other.digest == inspection.plugin.digest),
                inspection,
            });
        }
        Ok(InspectedFile { sha256, is_bundle, plugins })
    }

    /// What the company does not admit is neither compiled nor run here, either.
    async fn inspect_one(&self, packed: &PackedFile) -> Result<Inspection> {
        let seen = self.engine.examine(packed.bytes.clone()).await?;
        let file = PluginFile { bytes: &packed.bytes, name: &packed.name, origin: "" };
        if let Err(refused @ (Error::Refused { .. } | Error::Invalid { .. })) = self.admit(&[file]).await {
            return Ok(Inspection { verdict: Verdict::Refused(refused.to_string()), ..seen });
        }
        let other = self.store.plugin(&seen.plugin.id, &seen.plugin.version).await?;
        if let Some(other) = other.filter(|other| other.digest != seen.plugin.digest) {
            let reason = format!(
                "{}@{} is installed with another component ({}). Give the new one a version of its own",
                other.id, other.version, other.digest
            );
            return Ok(Inspection { verdict: Verdict::Refused(reason), ..seen });
        }
        if seen.plugin.tier == Tier::Pure { self.engine.inspect(packed.bytes.clone()).await } else { Ok(seen) }
    }

    /// The component files of a bundle.
    ///
    /// # Errors
    /// `Invalid` for a file that is no bundle, is broken, or says of a component what that does not say itself.
    pub async fn unpack(&self, bundle: Vec<u8>) -> Result<Vec<PackedFile>> {
        let packed = self.engine.unpack(bundle).await?;
        packed.ok_or_else(|| Error::invalid("this is no bundle. Pack one with `guanjia plugin pack`"))
    }

    /// Installs all plug-ins of a bundle or, where one is refused, none. Each is checked like a file of its own.
    ///
    /// # Errors
    /// As [`Plugins::install_all`]; `Invalid` for a file that is no bundle, and `Refused` with the code
    /// [`BUNDLE_TAKES_LONG`] where one of them brings the runtime of its language.
    pub async fn install_bundle(&self, stamp: &Stamp, file: &[u8]) -> Result<Vec<InstalledPlugin>> {
        stamp.actor.require(Permission::ManagePlugins)?;
        let packed = self.unpack(file.to_vec()).await?;
        let origin = bundle_origin(file);
        let files: Vec<PluginFile<'_>> = packed
            .iter()
            .map(|packed| PluginFile { bytes: &packed.bytes, name: &packed.name, origin: &origin })
            .collect();
        self.admit(&files).await?;
        for file in &files {
            if self.engine.examine(file.bytes.to_vec()).await?.plugin.tier == Tier::WithRuntime {
                return Err(Error::refused(
                    BUNDLE_TAKES_LONG,
                    format!(
                        "{} brings the runtime of its language and takes long to compile. Install the bundle with \
                         `guanjia plugin install`, or each of its files by itself",
                        file.name
                    ),
                ));
            }
        }
        self.install_all(stamp, &files).await
    }
}

/// Code of the refusal of a bundle whose plug-ins nobody waits for in a request.
pub const BUNDLE_TAKES_LONG: &str = "bundle-takes-long";

/// How the audit trail names a bundle that a plug-in came in.
#[must_use]
pub fn bundle_origin(bundle: &[u8]) -> String {
    format!("bundle {}", hex::encode(Sha256::digest(bundle)))
}
