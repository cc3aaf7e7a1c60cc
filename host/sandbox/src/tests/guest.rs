//! Components written by hand; they are made where all tests can have them.

pub use guanjia_hostile::guest::{Guest, MANIFEST, manifest};
