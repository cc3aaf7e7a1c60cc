//! The manifest: what a plug-in says about itself without being run.
//!
//! Its author writes `plugin.toml`; the build inlines the files it names and embeds the whole as JSON in the component's
//! custom section [`SECTION`].

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use guanjia_values::Decimal;
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;

mod check;
pub mod schema;
mod template;
mod text;

/// Name of the custom section that carries the manifest.
pub const SECTION: &str = "guanjia:manifest";
/// Name of the file that the author writes.
pub const FILE: &str = "plugin.toml";
/// A manifest is held in memory whole; schemas and cases of the standard plug-ins stay below a twentieth of this.
pub const SIZE_MAX: usize = 1024 * 1024;
/// Ids become folder names, log fields and parts of addresses.
pub const ID_LENGTH_MAX: usize = 64;
/// Titles, labels, sentences: what still fits a page.
pub const TEXT_LENGTH_MAX: usize = 1000;
/// Facts are columns of every batch; a rule that needs more than this is several rules.
pub const FACTS_MAX: usize = 256;
/// Steps, messages: `u16` indexes them, a reader has to know them.
pub const ENTRIES_MAX: usize = 256;
/// One byte counts the arguments of a step.
pub const ARGS_MAX: usize = 32;
/// Golden cases run at every installation.
pub const CASES_MAX: usize = 1000;
/// Subjects of all golden cases together: each is asked about twice, and they are examples that a person can check.
pub const CASE_SUBJECTS_MAX: usize = 10_000;

/// What a plug-in says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// Kebab-case; together with the version it names the plug-in.
    pub id: String,
    pub version: Version,
    pub publisher: String,
    /// SPDX expression.
    pub licence: String,
    pub title: Localized,
    pub summary: Localized,
    /// By extension point, such as `fee-policy`.
    pub exports: BTreeMap<String, Export>,
    /// JSON Schema of the settings.
    #[serde(default = "any_object")]
    pub settings_schema: Value,
    /// Settings that an earlier version called otherwise: old name → new name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings_renames: BTreeMap<String, String>,
    /// Custom fields that it asks for, by the names of their facts: `unit.custom.…` and `payer.custom.…`. Each company
    /// declares its own fields, so that the rule says what it expects.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub custom_facts: BTreeMap<String, CustomFact>,
    /// Explanation steps by their key.
    #[serde(default)]
    pub steps: BTreeMap<String, StepText>,
    /// Sentences of refusals and of missing things, by code.
    #[serde(default)]
    pub messages: BTreeMap<String, MessageText>,
    /// Golden cases; `guanjia_values::cases` reads them.
    #[serde(default)]
    pub cases: Vec<Value>,
}

/// One extension point that the component exports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Export {
    /// Version of the WIT package that it was built against.
    pub wit: Version,
    /// Facts that it reads, in the order of their columns.
    #[serde(default)]
    pub facts: Vec<String>,
}

/// A custom field that a rule asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomFact {
    /// `number` (of whatever scale), `code`, `date` or `flag`.
    pub kind: String,
    pub title: Localized,
}

/// A text in both languages of the product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Localized {
    pub zh: String,
    pub en: String,
}

impl Localized {
    /// The text for a language tag: Chinese for `zh…`, English for anything else.
    #[must_use]
    pub fn get(&self, language: &str) -> &str {
        if language.starts_with("zh") { &self.zh } else { &self.en }
    }
}

/// How an explanation step reads. `{value}` and each argument may stand in the text; `{since:date}` shows a day number
/// as its date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepText {
    /// Names of the step's arguments, in their order.
    #[serde(default)]
    pub args: Vec<String>,
    pub label: Localized,
    pub text: Localized,
}

impl StepText {
    /// The sentence with its numbers. A placeholder without a number stays as it is written.
    #[must_use]
    pub fn render(&self, language: &str, value: Decimal, args: &[Decimal]) -> String {
        template::render(self.text.get(language), &self.args, args, Some(value))
    }
}

/// How a refusal or a lack reads. Each argument may stand in the text, and `{about}` for what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageText {
    /// Names of the problem's arguments, in their order.
    #[serde(default)]
    pub args: Vec<String>,
    pub zh: String,
    pub en: String,
}

impl MessageText {
    /// The sentence with its numbers and what it is about.
    #[must_use]
    pub fn render(&self, language: &str, about: &str, args: &[Decimal]) -> String {
        let text = if language.starts_with("zh") { &self.zh } else { &self.en };
        template::render(text, &self.args, args, None).replace("{about}", about)
    }
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{place}: {reason}")]
    Syntax { place: String, reason: String },
    #[error("the manifest has {size} bytes; {SIZE_MAX} are allowed")]
    TooLarge { size: usize },
    /// All that is wrong, one sentence each.
    #[error("the manifest is not valid: {}", .0.join("; "))]
    Invalid(Vec<String>),
}

impl Manifest {
    /// Reads `plugin.toml` of a plug-in's folder with the files that it names, and checks it.
    ///
    /// `settings-schema` names a JSON file; `cases` lists JSON files, where `folder/*.json` stands for all of a folder,
    /// in the order of their names.
    pub fn from_directory(directory: &Path) -> Result<Self, ManifestError> {
        let path = directory.join(FILE);
        let text = read_text(&path)?;
        let mut value: Value = toml::from_str(&text).map_err(|error| syntax(&path, &error))?;
        if let Some(schema) = value.get_mut("settings-schema")
            && let Value::String(file) = schema
        {
            *schema = read_json(&directory.join(file))?;
        }
        if let Some(Value::Array(entries)) = value.get_mut("cases") {
            *entries = inline_cases(directory, entries)?;
        }
        let manifest = Self::deserialize(value).map_err(|error| syntax(&path, &error))?;
        manifest.checked()
    }

    /// Reads and checks an embedded manifest.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > SIZE_MAX {
            return Err(ManifestError::TooLarge { size: bytes.len() });
        }
        let read: Result<Self, _> = serde_json::from_slice(bytes);
        read.map_err(|error| ManifestError::Syntax { place: SECTION.to_owned(), reason: error.to_string() })?.checked()
    }

    /// The manifest as it is embedded.
    pub fn to_json(&self) -> Result<Vec<u8>, ManifestError> {
        let bytes = serde_json::to_vec(self)
            .map_err(|error| ManifestError::Syntax { place: SECTION.to_owned(), reason: error.to_string() })?;
        if bytes.len() > SIZE_MAX {
            return Err(ManifestError::TooLarge { size: bytes.len() });
        }
        Ok(bytes)
    }

    /// All that is wrong with it, one sentence each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        check::problems(self)
    }

    /// The sentence of a problem's code: the manifest's own, or the one of a code that the SDK raises by itself.
    #[must_use]
    pub fn message(&self, code: &str) -> Option<MessageText> {
        self.messages.get(code).cloned().or_else(|| standard_message(code))
    }

    fn checked(self) -> Result<Self, ManifestError> {
        let problems = self.problems();
        if problems.is_empty() { Ok(self) } else { Err(ManifestError::Invalid(problems)) }
    }
}

/// `id@version`, as the command line writes it.
impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.version)
    }
}

/// Codes that the SDK raises by itself, so that no plug-in has to translate them.
#[must_use]
pub fn standard_message(code: &str) -> Option<MessageText> {
    let (zh, en) = match code {
        "missing-fact" => ("缺少“{about}”的数据", "there is no value for {about}"),
        "no-line" => ("规则没有给出结果", "the rule gave no result"),
        "wrong-kind-of-amount" => ("规则给出了错误种类的金额", "the rule gave the wrong kind of amount"),
        "wrong-kind-of-fact" => ("“{about}”的数据类型不符", "the value of {about} has another kind than expected"),
        "out-of-range" => ("数值超出可计算的范围", "a number is too large to compute with"),
        "invalid-settings" => ("设置无效：{about}", "the settings are not valid: {about}"),
        _ => return None,
    };
    Some(MessageText { args: Vec::new(), zh: zh.to_owned(), en: en.to_owned() })
}

fn any_object() -> Value {
    serde_json::json!({ "type": "object", "additionalProperties": false })
}

fn syntax(path: &Path, error: &dyn fmt::Display) -> ManifestError {
    ManifestError::Syntax { place: path.display().to_string(), reason: error.to_string() }
}

fn read_text(path: &Path) -> Result<String, ManifestError> {
    std::fs::read_to_string(path).map_err(|source| ManifestError::Read { path: path.to_owned(), source })
}

fn read_json(path: &Path) -> Result<Value, ManifestError> {
    serde_json::from_str(&read_text(path)?).map_err(|error| syntax(path, &error))
}

/// The cases of the listed files. An entry that is no text is a case already.
fn inline_cases(directory: &Path, entries: &[Value]) -> Result<Vec<Value>, ManifestError> {
    let mut cases = Vec::new();
    for entry in entries {
        let Value::String(pattern) = entry else {
            cases.push(entry.clone());
            continue;
        };
        for path in case_files(directory, pattern)? {
            match read_json(&path)? {
                Value::Array(several) => cases.extend(several),
                one => cases.push(one),
            }
        }
    }
    Ok(cases)
}

fn case_files(directory: &Path, pattern: &str) -> Result<Vec<PathBuf>, ManifestError> {
    let Some(folder) = pattern.strip_suffix("/*.json") else {
        return Ok(vec![directory.join(pattern)]);
    };
    let folder = directory.join(folder);
    let list =
        || -> std::io::Result<Vec<PathBuf>> { std::fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect() };
    let mut files = list().map_err(|source| ManifestError::Read { path: folder.clone(), source })?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    Ok(files)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rstest::rstest;

    const PLUGIN: &str = r#"
id = "area-fee"
version = "1.2.3"
publisher = "Guanjia"
licence = "Apache-2.0"
settings-schema = "settings.schema.json"
cases = ["cases/*.json"]

[title]
zh = "面积计费"
en = "Area fee"

[summary]
zh = "面积乘单价"
en = "Area times price"

[exports.fee-policy]
wit = "1.0.0"
facts = ["unit.area", "fee.price"]

[steps.product]
args = ["area", "since"]
label = { zh = "面积", en = "Area" }
text = { zh = "{area}，自 {since:date} 起，共 {value}", en = "{area} since {since:date} is {value}" }

[messages.too-small]
args = ["area"]
zh = "面积 {area} 太小（{about}）"
en = "{area} is too small ({about})"
"#;

    fn directory(plugin: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(FILE), plugin).unwrap();
        std::fs::write(directory.path().join("settings.schema.json"), r#"{"type": "object"}"#).unwrap();
        std::fs::create_dir(directory.path().join("cases")).unwrap();
        let case = r#"{"name": "NAME", "period": "2025-03", "subjects": [], "expect": []}"#;
        std::fs::write(directory.path().join("cases/b.json"), case.replace("NAME", "second")).unwrap();
        std::fs::write(directory.path().join("cases/a.json"), format!("[{}]", case.replace("NAME", "first"))).unwrap();
        directory
    }

    fn read(plugin: &str) -> Result<Manifest, ManifestError> {
        Manifest::from_directory(directory(plugin).path())
    }

    #[test]
    fn files_are_inlined_and_the_whole_survives_embedding() {
        let manifest = read(PLUGIN).unwrap();
        assert_eq!(manifest.settings_schema["type"], "object");
        assert_eq!((&manifest.cases[0]["name"], &manifest.cases[1]["name"]), (&"first".into(), &"second".into()));
        assert_eq!(Manifest::from_json(&manifest.to_json().unwrap()).unwrap(), manifest);
        assert_eq!(manifest.to_string(), "area-fee@1.2.3");
    }

    #[test]
    fn sentences_are_rendered_with_their_numbers() {
        let manifest = read(PLUGIN).unwrap();
        let args = [Decimal::new(8950, 2), Decimal::integer(20_148)];
        let step = &manifest.steps["product"];
        assert_eq!(step.render("zh-CN", Decimal::new(25_060, 2), &args), "89.50，自 2025-03-01 起，共 250.60");
        assert_eq!(step.render("en", Decimal::new(25_060, 2), &args), "89.50 since 2025-03-01 is 250.60");
        let message = manifest.message("too-small").unwrap();
        assert_eq!(message.render("en", "unit.area", &args[..1]), "89.50 is too small (unit.area)");
        assert!(manifest.message("missing-fact").unwrap().render("zh", "unit.area", &[]).contains("unit.area"));
        assert_eq!(manifest.message("unheard-of"), None);
    }

    #[rstest]
    #[case::id(r#"id = "area-fee""#, r#"id = "Area Fee""#, "id")]
    #[case::version(r#"version = "1.2.3""#, r#"version = "1.2""#, "version")]
    #[case::unknown_key(r#"publisher = "#, "publishr = ", "publishr")]
    #[case::no_language("zh = \"面积计费\"\n", "", "zh")]
    #[case::empty_language("en = \"Area fee\"", "en = \" \"", "title")]
    #[case::unknown_point("fee-policy", "fee-polcy", "fee-polcy")]
    #[case::bad_fact("\"unit.area\"", "\"area\"", "area")]
    #[case::fact_twice("\"fee.price\"", "\"unit.area\"", "twice")]
    #[case::unknown_placeholder("共 {value}", "共 {total}", "{total}")]
    #[case::value_in_message("太小", "{value}", "{value}")]
    #[case::unknown_format("自 {since:date}", "自 {since:time}", "{since:time}")]
    #[case::open_brace("共 {value}", "共 {value", "brace")]
    #[case::arg_called_value("\"area\", \"since\"", "\"value\", \"since\"", "value")]
    #[case::missing_file("settings.schema.json", "nothing.json", "nothing.json")]
    fn bad_manifests_name_what_is_wrong(#[case] from: &str, #[case] to: &str, #[case] word: &str) {
        assert!(PLUGIN.contains(from), "{from}");
        let error = read(&PLUGIN.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }

    #[test]
    fn bad_cases_name_the_case() {
        let directory = directory(PLUGIN);
        std::fs::write(directory.path().join("cases/c.json"), r#"{"name": "third"}"#).unwrap();
        let error = Manifest::from_directory(directory.path()).unwrap_err().to_string();
        assert!(error.contains("third"), "{error}");
    }

    #[test]
    fn cases_are_those_of_their_extension_points() {
        let both = PLUGIN
            .replace("[exports.fee-policy]", "[exports.late-fee-policy]\nwit = \"1.0.0\"\n\n[exports.fee-policy]");
        let directory = directory(&both);
        let late = |expect: &str| {
            let case = format!(r#"{{"name": "late", "as_of": "2025-04-10", "charges": [], "expect": {expect}}}"#);
            std::fs::write(directory.path().join("cases/late.json"), case).unwrap();
            Manifest::from_directory(directory.path())
        };
        assert_eq!(late("[]").unwrap().cases.len(), 3);
        let error = late("7").unwrap_err().to_string();
        assert!(error.contains("case 0 (late)"), "{error}");
    }

    #[test]
    fn a_large_manifest_is_refused_unread() {
        assert!(matches!(Manifest::from_json(&vec![b' '; SIZE_MAX + 1]), Err(ManifestError::TooLarge { .. })));
    }
}
