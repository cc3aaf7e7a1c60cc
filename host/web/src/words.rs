//! Labels and sentences: one catalogue per language under `locales/`, none in templates or handlers.

use axum::http::{HeaderMap, header};
use axum_extra::extract::cookie::CookieJar;
use fluent_templates::{LanguageIdentifier, Loader, fluent_bundle::FluentValue, static_loader};
use guanjia_domain::{access::Role, billing::RunState, plugin::Language};
use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

static_loader! {
    static CATALOGUE = {
        locales: "./locales",
        fallback_language: "zh-CN",
        // Marks that isolate writing directions would be copied along with amounts; no right-to-left language is here.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

static ZH: LazyLock<LanguageIdentifier> = LazyLock::new(|| "zh-CN".parse().expect("is a language tag"));
static EN: LazyLock<LanguageIdentifier> = LazyLock::new(|| "en".parse().expect("is a language tag"));

/// Name of the cookie that keeps the language that was chosen.
pub(crate) const LANGUAGE_COOKIE: &str = "guanjia_language";

/// The catalogue in the reader's language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words {
    pub language: Language,
}

/// A value in a sentence. Counts choose the plural; everything else is text as it is shown.
pub(crate) enum Arg {
    Count(i64),
    Text(String),
}

impl Words {
    pub(crate) fn new(language: Language) -> Self {
        Self { language }
    }

    /// The language that was chosen, else the one the browser asks for, else Chinese.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let chosen =
            CookieJar::from_headers(headers).get(LANGUAGE_COOKIE).and_then(|cookie| cookie.value().parse().ok());
        let asked = || headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok().and_then(accepted);
        Self::new(chosen.or_else(asked).unwrap_or(Language::Zh))
    }

    /// Value of `lang` in the page.
    pub(crate) fn tag(self) -> &'static str {
        match self.language {
            Language::Zh => "zh-CN",
            Language::En => "en",
        }
    }

    /// Code of the language that the switch offers.
    pub(crate) fn other(self) -> &'static str {
        match self.language {
            Language::Zh => Language::En.code(),
            Language::En => Language::Zh.code(),
        }
    }

    fn locale(self) -> &'static LanguageIdentifier {
        match self.language {
            Language::Zh => &ZH,
            Language::En => &EN,
        }
    }

    /// A label. A key that the catalogue lacks is shown as it is; a test finds it before anybody sees it.
    pub(crate) fn t(self, key: &str) -> String {
        CATALOGUE.try_lookup(self.locale(), key).unwrap_or_else(|| key.to_owned())
    }

    /// The label of a code such as `run-previewed`, or `None` where the catalogue has no word for it.
    pub(crate) fn find(self, key: &str) -> Option<String> {
        CATALOGUE.try_lookup(self.locale(), key)
    }

    /// A sentence with values in it.
    pub(crate) fn say(self, key: &str, args: &[(&'static str, Arg)]) -> String {
        let args: HashMap<Cow<'static, str>, FluentValue<'_>> = args
            .iter()
            .map(|(name, arg)| {
                let value = match arg {
                    Arg::Count(count) => FluentValue::from(*count),
                    Arg::Text(text) => FluentValue::from(text.as_str()),
                };
                (Cow::Borrowed(*name), value)
            })
            .collect();
        CATALOGUE.try_lookup_with_args(self.locale(), key, &args).unwrap_or_else(|| key.to_owned())
    }

    pub(crate) fn run_state(self, state: RunState) -> String {
        self.t(&format!("run-state-{state}"))
    }

    pub(crate) fn role(self, role: Role) -> String {
        self.t(&format!("role-{role}"))
    }

    /// A code's word under a prefix, or the code itself: registered codes are an open set.
    pub(crate) fn code(self, prefix: &str, code: &str) -> String {
        self.find(&format!("{prefix}-{code}")).unwrap_or_else(|| code.to_owned())
    }

    /// A month as `2025 年 3 月` or `2025-03`.
    pub(crate) fn month(self, period: guanjia_domain::Period) -> String {
        let Some((year, month)) = period.as_month() else { return period.to_string() };
        let month = match self.language {
            Language::Zh => month.to_string(),
            Language::En => format!("{month:02}"),
        };
        self.say("month", &[("year", text(year.to_string())), ("month", text(month))])
    }
}

pub(crate) fn text(value: impl Into<String>) -> Arg {
    Arg::Text(value.into())
}

/// The first language of an `Accept-Language` header that the catalogue has.
fn accepted(header: &str) -> Option<Language> {
    header.split(',').find_map(|part| match part.trim().get(..2)?.to_ascii_lowercase().as_str() {
        "zh" => Some(Language::Zh),
        "en" => Some(Language::En),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use rstest::rstest;

    #[rstest]
    #[case::nothing_said(None, None, Language::Zh)]
    #[case::browser_in_english(Some("de, en-GB;q=0.8, zh;q=0.5"), None, Language::En)]
    #[case::browser_in_neither(Some("fr"), None, Language::Zh)]
    #[case::chosen_wins(Some("en"), Some("guanjia_language=zh"), Language::Zh)]
    #[case::nonsense_chosen(Some("en"), Some("guanjia_language=xx"), Language::En)]
    fn the_language_is_chosen_asked_for_or_chinese(
        #[case] accept: Option<&'static str>,
        #[case] cookie: Option<&'static str>,
        #[case] expected: Language,
    ) {
        let mut headers = HeaderMap::new();
        if let Some(accept) = accept {
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(accept));
        }
        if let Some(cookie) = cookie {
            headers.insert(header::COOKIE, HeaderValue::from_static(cookie));
        }
        assert_eq!(Words::of(&headers).language, expected);
    }
}
