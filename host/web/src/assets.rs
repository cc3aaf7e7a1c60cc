//! Styles, scripts and icons, embedded in the binary. Their URLs carry a hash of their content, so that browsers may keep
//! them for ever.

use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::fault::{Answer, Fault};

#[derive(RustEmbed)]
#[folder = "assets"]
struct Assets;

/// Enough of a SHA-256 to tell two versions of a file apart.
const VERSION_BYTES: usize = 6;
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const ASK_AGAIN: &str = "no-cache";

/// Version of an asset as it stands in its URL; `0` for one that does not exist.
pub(crate) fn version(name: &str) -> String {
    Assets::get(name).map_or_else(|| "0".to_owned(), |file| version_of(&file))
}

fn version_of(file: &EmbeddedFile) -> String {
    hex::encode(&file.metadata.sha256_hash()[..VERSION_BYTES])
}

/// One asset.
pub(crate) async fn asset(Path((asked, name)): Path<(String, String)>) -> Answer<Response> {
    let missing = || Fault::new(StatusCode::NOT_FOUND, "not-found", "there is nothing at this address");
    let file = Assets::get(&name).ok_or_else(missing)?;
    let cache = if asked == version_of(&file) { FOR_EVER } else { ASK_AGAIN };
    let headers =
        [(header::CONTENT_TYPE, file.metadata.mimetype().to_owned()), (header::CACHE_CONTROL, cache.to_owned())];
    Ok((headers, file.data).into_response())
}
