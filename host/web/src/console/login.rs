//! Coming in, going out, choosing a language, one's own page.

use askama::Template;
use axum::{
    Extension, Form,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{Html, IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use guanjia_domain::{access::Stamp, ports::TokenPurpose};
use serde::Deserialize;

use super::{Page, Section, show};
use crate::{
    AppState,
    access::{SESSION_COOKIE, Signed, secret, session_cookie, session_end},
    door::RequestId,
    fault::Answer,
    urls,
    words::{LANGUAGE_COOKIE, Words},
};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    words: Words,
    company: &'a str,
    name: &'a str,
    next: &'a str,
    here: String,
    failed: bool,
}

impl LoginPage<'_> {
    fn t(&self, key: &str) -> String {
        self.words.t(key)
    }

    fn other_language(&self) -> &'static str {
        self.words.other()
    }
}

#[derive(Deserialize)]
pub(crate) struct LoginQuery {
    #[serde(default)]
    next: String,
}

pub(crate) async fn form(
    State(app): State<AppState>,
    headers: HeaderMap,
    Query(query): Query<LoginQuery>,
) -> Answer<Response> {
    let next = urls::local(&query.next);
    show(&LoginPage {
        words: Words::of(&headers),
        company: &app.company,
        name: "",
        next,
        here: urls::login(next),
        failed: false,
    })
}

#[derive(Deserialize)]
pub(crate) struct LoginForm {
    company: String,
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

pub(crate) async fn log_in(
    State(app): State<AppState>,
    Extension(request): Extension<RequestId>,
    headers: HeaderMap,
    jar: CookieJar,
    Form(form): Form<LoginForm>,
) -> Answer<Response> {
    let now = app.clock.now();
    let next = urls::local(&form.next);
    let Some(actor) = app.directory.log_in(form.company.trim(), form.name.trim(), &form.password, now).await? else {
        tracing::warn!("a login was refused");
        let words = Words::of(&headers);
        let page =
            LoginPage { words, company: &form.company, name: &form.name, next, here: urls::login(next), failed: true };
        return Ok((StatusCode::UNAUTHORIZED, Html(page.render()?)).into_response());
    };
    let store = app.directory.company(actor.company_id);
    let user = actor.user_id;
    let stamp = Stamp { actor, at: now, origin: format!("console {request}") };
    let secret = store.issue_token(&stamp, user, TokenPurpose::Session, Some(session_end(now))).await?;
    Ok((jar.add(session_cookie(secret, &app)), Redirect::to(next)).into_response())
}

pub(crate) async fn log_out(access: Signed, headers: HeaderMap, jar: CookieJar) -> Answer<Response> {
    if let Some(secret) = secret(&headers) {
        access.store.revoke_token(&access.stamp(), &secret).await?;
    }
    let gone = Cookie::build((SESSION_COOKIE, "")).path("/");
    Ok((jar.remove(gone), Redirect::to(urls::LOGIN)).into_response())
}

#[derive(Deserialize)]
pub(crate) struct LanguageForm {
    language: String,
    #[serde(default)]
    back: String,
}

pub(crate) async fn choose_language(
    State(app): State<AppState>,
    jar: CookieJar,
    Form(form): Form<LanguageForm>,
) -> Answer<Response> {
    let language: guanjia_domain::plugin::Language = form.language.parse()?;
    let cookie = Cookie::build((LANGUAGE_COOKIE, language.code()))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(app.secure_cookies)
        .permanent();
    Ok((jar.add(cookie.build()), Redirect::to(urls::local(&form.back))).into_response())
}

#[derive(Template)]
#[template(path = "me.html")]
struct MePage {
    page: Page,
}

pub(crate) async fn me(access: Signed) -> Answer<Response> {
    show(&MePage { page: Page::new(&access, Section::Me, None) })
}
