//! One request after another to a registry that may not mean well.

use futures_util::StreamExt;
use http_auth::ChallengeRef;
use reqwest::{
    Client, RequestBuilder, Response, StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE},
    redirect::{Attempt, Policy},
};
use serde::Deserialize;

use crate::{Credentials, Limits, Reference, RegistryError, reference::is_loopback};

/// A token has a few kilobytes.
const TOKEN_BYTES_MAX: usize = 64 << 10;
/// What is shown of an error page.
const DETAIL_BYTES_MAX: usize = 2 << 10;
const DETAIL_CHARS_MAX: usize = 300;
/// From a registry to its storage is one step; proxies add some.
const REDIRECTS_MAX: usize = 5;

/// Makes the one choice of cryptography for this process, unless it is made.
pub(crate) fn choose_cryptography() {
    // An error says that it is made already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Requests about one reference.
pub(crate) struct Session<'a> {
    client: Client,
    reference: &'a Reference,
    credentials: &'a Credentials,
    /// What the registry wants to see, once it has asked.
    authorization: Option<HeaderValue>,
}

/// What came back, as far as it was allowed.
pub(crate) struct Answered {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(
        reference: &'a Reference,
        credentials: &'a Credentials,
        limits: Limits,
    ) -> Result<Self, RegistryError> {
        choose_cryptography();
        let loopback = reference.is_loopback();
        let mut builder = Client::builder()
            .connect_timeout(limits.connect)
            .read_timeout(limits.idle)
            .timeout(limits.whole)
            .user_agent(concat!("guanjia/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::custom(move |attempt| follow(attempt, loopback)));
        if loopback {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| RegistryError::of_request(reference.registry(), error))?;
        Ok(Self { client, reference, credentials, authorization: None })
    }

    /// Asks for something below the repository. When the registry wants to know who asks, it is told, once.
    ///
    /// `of` says in an error what was too large.
    pub(crate) async fn get(
        &mut self,
        path: &str,
        accept: &'static str,
        of: &'static str,
        max: usize,
    ) -> Result<Answered, RegistryError> {
        let (registry, repository) = (self.reference.0.resolve_registry(), self.reference.repository());
        let url = format!("{}://{registry}/v2/{repository}/{path}", scheme(self.reference.is_loopback()));
        let mut response = self.ask(&url, accept).await?;
        if response.status() == StatusCode::UNAUTHORIZED && self.authorization.is_none() {
            self.authorization = Some(self.authorize(response.headers()).await?);
            response = self.ask(&url, accept).await?;
        }
        let response = self.expect_success(response).await?;
        let headers = response.headers().clone();
        Ok(Answered { headers, body: self.body(response, of, max).await? })
    }

    async fn ask(&self, url: &str, accept: &'static str) -> Result<Response, RegistryError> {
        let mut request = self.client.get(url).header(ACCEPT, accept);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        self.send(request).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, RegistryError> {
        request.send().await.map_err(|error| RegistryError::of_request(self.reference.registry(), error))
    }

    async fn expect_success(&self, response: Response) -> Result<Response, RegistryError> {
        let registry = self.reference.registry().to_owned();
        match response.status() {
            status if status.is_success() => Ok(response),
            StatusCode::NOT_FOUND => Err(RegistryError::NotFound { reference: self.reference.to_string() }),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(RegistryError::Denied { registry }),
            status => {
                let page = start_of(response, DETAIL_BYTES_MAX).await;
                let detail = readable(&String::from_utf8_lossy(&page)).chars().take(DETAIL_CHARS_MAX).collect();
                Err(RegistryError::Answer { registry, status: status.as_u16(), detail })
            }
        }
    }

    /// Reads a body, and stops where it becomes too large.
    async fn body(&self, response: Response, of: &'static str, max: usize) -> Result<Vec<u8>, RegistryError> {
        let too_large = || RegistryError::TooLarge { reference: self.reference.to_string(), of, max };
        let announced = response.content_length();
        if announced.is_some_and(|length| length > max as u64) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        let mut pieces = response.bytes_stream();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| RegistryError::of_request(self.reference.registry(), error))?;
            if piece.len() > max - body.len() {
                return Err(too_large());
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    /// What the registry wants to see: name and password, or a token that somebody else gives for them.
    async fn authorize(&self, headers: &HeaderMap) -> Result<HeaderValue, RegistryError> {
        let denied = || RegistryError::Denied { registry: self.reference.registry().to_owned() };
        let challenges: Vec<&str> =
            headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()).collect();
        let challenges: Vec<ChallengeRef<'_>> =
            challenges.iter().flat_map(|text| http_auth::ChallengeParser::new(text).flatten()).collect();
        let of_scheme =
            |scheme: &str| challenges.iter().find(|challenge| challenge.scheme.eq_ignore_ascii_case(scheme));
        if let Some(challenge) = of_scheme("bearer") {
            return self.token(challenge).await;
        }
        match (of_scheme("basic"), self.credentials) {
            (Some(_), Credentials::Password { username, password }) => {
                use base64::{Engine, engine::general_purpose::STANDARD};
                let text = format!("Basic {}", STANDARD.encode(format!("{username}:{password}")));
                HeaderValue::from_str(&text).map(sensitive).map_err(|_| denied())
            }
            _ => Err(denied()),
        }
    }

    async fn token(&self, challenge: &ChallengeRef<'_>) -> Result<HeaderValue, RegistryError> {
        let denied = || RegistryError::Denied { registry: self.reference.registry().to_owned() };
        let parameter = |name: &str| {
            let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_unescaped())
        };
        let realm: Url = parameter("realm").and_then(|realm| realm.parse().ok()).ok_or_else(denied)?;
        if !may_ask(&realm, self.reference.is_loopback()) {
            let reason = format!("it gives tokens at {realm}, which is not asked without TLS");
            return Err(RegistryError::Redirect { registry: self.reference.registry().to_owned(), reason });
        }
        let scope = format!("repository:{}:pull", self.reference.repository());
        let mut request = self.client.get(realm).query(&[("scope", scope)]);
        if let Some(service) = parameter("service") {
            request = request.query(&[("service", service)]);
        }
        if let Credentials::Password { username, password } = self.credentials {
            request = request.basic_auth(username, Some(password));
        }
        let response = self.send(request).await?;
        if response.status().is_client_error() {
            return Err(denied());
        }
        let response = self.expect_success(response).await?;
        let body = self.body(response, " of a token", TOKEN_BYTES_MAX).await?;
        let token: Token = serde_json::from_slice(&body).map_err(|_| denied())?;
        let token = token.token.or(token.access_token).ok_or_else(denied)?;
        HeaderValue::from_str(&format!("Bearer {token}")).map(sensitive).map_err(|_| denied())
    }
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    /// The other name of the same thing.
    access_token: Option<String>,
}

fn sensitive(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

fn scheme(loopback: bool) -> &'static str {
    if loopback { "http" } else { "https" }
}

/// TLS everywhere; without it only this machine, and only when it was asked for.
fn may_ask(url: &Url, from_loopback: bool) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => from_loopback && url.host_str().is_some_and(is_loopback),
        _ => false,
    }
}

fn follow(attempt: Attempt<'_>, from_loopback: bool) -> reqwest::redirect::Action {
    if attempt.previous().len() > REDIRECTS_MAX {
        return attempt.error("too many redirects");
    }
    if !may_ask(attempt.url(), from_loopback) {
        let host = attempt.url().host_str().unwrap_or_default().to_owned();
        return attempt.error(format!("{host} is not asked without TLS"));
    }
    attempt.follow()
}

/// The beginning of a body; whatever fails ends it.
async fn start_of(response: Response, max: usize) -> Vec<u8> {
    let mut body = Vec::new();
    let mut pieces = response.bytes_stream();
    while let Some(Ok(piece)) = pieces.next().await {
        body.extend_from_slice(&piece[..piece.len().min(max - body.len())]);
        if body.len() == max {
            break;
        }
    }
    body
}

/// An error page as part of a sentence, without anything that a terminal would obey.
pub(crate) fn readable(page: &str) -> &str {
    let page = page.trim();
    let end = page.find(|c: char| c.is_control()).unwrap_or(page.len());
    if end == 0 { "it gives no reason" } else { &page[..end] }
}
