//! Attachments (附件): files that people add to any record.
//!
//! A file is kept once for each company, by the SHA-256 of its bytes, in the database itself: hosts of a fleet share a
//! database and no disk, what a transaction writes is there or not, and a backup of the database is a backup of
//! everything. Limits of size and number keep it a database of records and not of films.
//!
//! What a file is, its content tells and not its name: the name is data, shown and offered for saving, and never a path.
//! Removing is a mark: who removed what stays known, and so does the file, for whoever has to prove what was there.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr, sync::Arc};

use crate::{
    Error, Result,
    access::{Stamp, codes},
    entity::RecordRef,
    ids::AttachmentId,
    ports::CompanyStore,
};

/// Largest file. Photographs of phones have 3 to 10 MiB, scanned contracts some more; a request holds a file in memory,
/// and a database reads and writes it in one piece.
pub const FILE_BYTES_MAX: usize = 16 << 20;
/// Files of one record that are not removed: a list that a person can look through.
pub const FILES_MAX: usize = 50;
/// What file systems take is about as long; the rest of a longer name says nothing.
pub const NAME_CHARS_MAX: usize = 200;
/// Why a file was removed: a sentence.
pub const REASON_CHARS_MAX: usize = 500;

codes! {
    /// What a file is. Nothing else is taken: no archives, no pages, no programs.
    MediaType {
        Jpeg = "image/jpeg",
        Png = "image/png",
        Webp = "image/webp",
        /// What phones of one make write.
        Heic = "image/heic",
        Pdf = "application/pdf",
        Docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        Xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        Pptx = "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        Doc = "application/msword",
        Xls = "application/vnd.ms-excel",
        Ppt = "application/vnd.ms-powerpoint",
        Text = "text/plain",
        Csv = "text/csv",
    }
}

impl MediaType {
    /// Endings of names that fit; the first one is added to a name that has none of them.
    #[must_use]
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Jpeg => &["jpg", "jpeg"],
            Self::Png => &["png"],
            Self::Webp => &["webp"],
            Self::Heic => &["heic", "heif"],
            Self::Pdf => &["pdf"],
            Self::Docx => &["docx"],
            Self::Xlsx => &["xlsx"],
            Self::Pptx => &["pptx"],
            Self::Doc => &["doc"],
            Self::Xls => &["xls"],
            Self::Ppt => &["ppt"],
            Self::Text => &["txt"],
            Self::Csv => &["csv"],
        }
    }

    /// What a file is by its content. Plain text shows nothing of itself, so that there the name's ending counts.
    #[must_use]
    pub fn of(name: &str, bytes: &[u8]) -> Option<Self> {
        let found = infer::get(bytes);
        let known = found.and_then(|found| match found.mime_type() {
            "image/heif" => Some(Self::Heic),
            mime => mime.parse().ok(),
        });
        if known.is_some() {
            return known;
        }
        // Pages and scripts are text, too. Of other findings in a text nothing is believed: two letters make a picture.
        if found.is_some_and(|found| found.matcher_type() == infer::MatcherType::Text) || !is_text(bytes) {
            return None;
        }
        let ending = extension(name);
        [Self::Text, Self::Csv].into_iter().find(|media| media.extensions().contains(&ending.as_str()))
    }
}

/// Whether bytes are text for people, in Unicode or as older Chinese systems write it.
fn is_text(bytes: &[u8]) -> bool {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => match encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(bytes) {
            Some(text) => text,
            None => return false,
        },
    };
    !text.trim().is_empty() && !text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\r' | '\n'))
}

/// The ending of a name, in small letters.
fn extension(name: &str) -> String {
    name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase()
}

/// Characters that show a name otherwise than it is: `photo\u{202e}gpj.exe` reads as a picture.
fn misleads(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A file's own name as it is kept and shown: without characters that cannot be seen, and cut to a readable length. It may
/// hold anything else, also what looks like a path or a page.
#[must_use]
pub fn kept_name(name: &str) -> String {
    let kept: String = name.chars().filter(|c| !misleads(*c)).collect();
    let kept = kept.trim();
    if kept.is_empty() {
        return "file".to_owned();
    }
    let length = kept.chars().count();
    if length <= NAME_CHARS_MAX {
        return kept.to_owned();
    }
    // The ending of a name says more than its middle.
    let ending: String = kept.chars().skip(length - ENDING_CHARS).collect();
    let beginning: String = kept.chars().take(NAME_CHARS_MAX - ENDING_CHARS - 1).collect();
    format!("{beginning}…{ending}")
}

/// What is kept of the end of a name that is too long.
const ENDING_CHARS: usize = 20;

/// The name under which a file is offered for saving: one part of a path, with an ending that its content has.
#[must_use]
pub fn saved_name(name: &str, media: MediaType) -> String {
    let replace = |c: char| if matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|') { '_' } else { c };
    let kept: String = kept_name(name).chars().map(replace).collect();
    let kept = kept.trim_start_matches('.').trim_end_matches(['.', ' ']);
    let kept = if kept.is_empty() { "file" } else { kept };
    if media.extensions().contains(&extension(kept).as_str()) {
        kept.to_owned()
    } else {
        format!("{kept}.{}", media.extensions()[0])
    }
}

/// A file on a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    pub id: AttachmentId,
    pub record: RecordRef,
    /// As whoever added it called it: [`kept_name`].
    pub name: String,
    pub media: MediaType,
    pub size_bytes: i64,
    /// SHA-256 of the file, in hex.
    pub digest: String,
    pub added_by: String,
    pub added_at: DateTime<Utc>,
    pub removed: Option<Removal>,
}

/// Who took a file away, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    pub by: String,
    pub at: DateTime<Utc>,
    pub reason: String,
}

/// Code of the refusal of a file that is too large.
pub const TOO_LARGE: &str = "attachment-too-large";
/// Code of the refusal of a kind of file that is not on the list.
pub const TYPE_REFUSED: &str = "attachment-type";
/// Code of the refusal of one file more.
pub const TOO_MANY: &str = "attachments-many";

/// What somebody wants to do with the files of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

/// Attachments of one company.
#[derive(Clone)]
pub struct Attachments {
    store: Arc<dyn CompanyStore>,
}

impl fmt::Debug for Attachments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachments").field("company_id", &self.store.company_id()).finish_non_exhaustive()
    }
}

impl Attachments {
    #[must_use]
    pub fn new(store: Arc<dyn CompanyStore>) -> Self {
        Self { store }
    }

    /// Whether somebody may see or change the files of a record: whoever may see or change the record. Records that ask for
    /// more than a permission, such as a ticket that is one's own, have their place here.
    ///
    /// # Errors
    /// `Refused` with `permission`.
    pub async fn require(&self, stamp: &Stamp, record: RecordRef, access: Access) -> Result<()> {
        stamp.actor.require(match access {
            Access::Read => record.entity.read_permission(),
            Access::Write => record.entity.write_permission(),
        })
    }

    /// Adds a file to a record.
    ///
    /// # Errors
    /// `NotFound` for a record that is not there; `Refused` without the record's permission, or with [`TOO_LARGE`],
    /// [`TYPE_REFUSED`] or [`TOO_MANY`]; `Invalid` for an empty file.
    pub async fn add(&self, stamp: &Stamp, record: RecordRef, name: &str, bytes: Vec<u8>) -> Result<Attachment> {
        self.require(stamp, record, Access::Write).await?;
        let attachment = describe(stamp, record, name, &bytes)?;
        self.store.add_attachment(stamp, &attachment, bytes).await?;
        Ok(attachment)
    }

    /// The files of a record that are not removed, newest first.
    ///
    /// # Errors
    /// `NotFound` for a record that is not there; `Refused` without the record's permission.
    pub async fn list(&self, stamp: &Stamp, record: RecordRef) -> Result<Vec<Attachment>> {
        self.require(stamp, record, Access::Read).await?;
        self.store.attachments(record).await
    }

    /// What is known of a file, also of one that was removed.
    ///
    /// # Errors
    /// `NotFound`; `Refused` without the permission that its record asks for.
    pub async fn read(&self, stamp: &Stamp, id: AttachmentId) -> Result<Attachment> {
        let attachment = self.store.attachment(id).await?;
        self.require(stamp, attachment.record, Access::Read).await?;
        Ok(attachment)
    }

    /// A file with its bytes.
    ///
    /// # Errors
    /// As [`Attachments::read`]; `NotFound` for one that was removed.
    pub async fn content(&self, stamp: &Stamp, id: AttachmentId) -> Result<(Attachment, Vec<u8>)> {
        let attachment = self.read(stamp, id).await?;
        let bytes = self.store.attachment_bytes(id).await?;
        Ok((attachment, bytes))
    }

    /// Marks a file as removed.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when it was removed before; `Refused` without the permission that its record asks for.
    pub async fn remove(&self, stamp: &Stamp, id: AttachmentId, reason: &str) -> Result<Attachment> {
        let attachment = self.store.attachment(id).await?;
        self.require(stamp, attachment.record, Access::Write).await?;
        let reason = reason.trim();
        if reason.chars().count() > REASON_CHARS_MAX {
            return Err(Error::invalid(format!("a reason has at most {REASON_CHARS_MAX} characters")));
        }
        self.store.remove_attachment(stamp, id, reason).await
    }
}

fn describe(stamp: &Stamp, record: RecordRef, name: &str, bytes: &[u8]) -> Result<Attachment> {
    if bytes.is_empty() {
        return Err(Error::invalid("the file is empty"));
    }
    if bytes.len() > FILE_BYTES_MAX {
        let most = FILE_BYTES_MAX >> 20;
        return Err(Error::refused(TOO_LARGE, format!("a file has at most {most} MiB: make the picture smaller")));
    }
    let media = MediaType::of(name, bytes).ok_or_else(|| {
        Error::refused(
            TYPE_REFUSED,
            "this kind of file is not taken: send pictures (jpeg, png, webp, heic), PDF, Word, Excel, PowerPoint, txt or csv",
        )
    })?;
    Ok(Attachment {
        id: AttachmentId::generate(),
        record,
        name: kept_name(name),
        media,
        size_bytes: i64::try_from(bytes.len()).map_err(|_| Error::Overflow("measuring a file"))?,
        digest: hex::encode(Sha256::digest(bytes)),
        added_by: stamp.actor.name.clone(),
        added_at: stamp.at,
        removed: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0";
    const WEBP: &[u8] = b"RIFF\x24\0\0\0WEBPVP8 ";
    const HEIC: &[u8] = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";
    const EXE: &[u8] = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff";
    const ELF: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0";
    const ZIP: &[u8] = b"PK\x03\x04\x14\0\0\0\0\0evil.sh";
    const GIF: &[u8] = b"GIF89a\x01\0\x01\0";

    #[rstest]
    #[case::photo("IMG_1.JPG", JPEG, "image/jpeg")]
    #[case::screenshot("a.png", PNG, "image/png")]
    #[case::web("a.webp", WEBP, "image/webp")]
    #[case::phone("a.heic", HEIC, "image/heic")]
    #[case::contract("合同.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "application/pdf")]
    #[case::renamed_picture("notes.txt", PNG, "image/png")]
    #[case::note("说明.txt", "您好".as_bytes(), "text/plain")]
    #[case::old_encoding("名单.csv", b"\xd0\xd5\xc3\xfb,\xb7\xbf\xba\xc5\r\n", "text/csv")]
    #[case::two_letters_of_a_picture("a.csv", b"BM,1\n", "text/csv")]
    #[case::program("a.jpg", EXE, "")]
    #[case::other_program("a.pdf", ELF, "")]
    #[case::program_as_text("a.txt", EXE, "")]
    #[case::archive("a.docx", ZIP, "")]
    #[case::moving_picture("a.png", GIF, "")]
    #[case::page("a.txt", b"<!DOCTYPE html><script>alert(1)</script>", "")]
    #[case::drawing("a.svg", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "")]
    #[case::drawing_as_text("a.txt", b"<?xml version=\"1.0\"?><svg/>", "")]
    #[case::script("a.txt", b"#!/bin/sh\nrm -rf /\n", "")]
    #[case::text_of_another_name("a.html", b"hello", "")]
    #[case::no_name("", b"hello", "")]
    #[case::zeros("a.txt", b"a\0b", "")]
    #[case::blank("a.txt", b"  \n", "")]
    fn a_file_is_what_its_content_says(#[case] name: &str, #[case] bytes: &[u8], #[case] expected: &str) {
        assert_eq!(MediaType::of(name, bytes).map_or("", MediaType::code), expected);
    }

    #[rstest]
    #[case::usual("合同 2025.pdf", "合同 2025.pdf", "合同 2025.pdf")]
    #[case::climbing("../../etc/passwd", "../../etc/passwd", "_.._etc_passwd.pdf")]
    #[case::other_climbing("..\\..\\boot.ini", "..\\..\\boot.ini", "_.._boot.ini.pdf")]
    #[case::hidden(".htaccess", ".htaccess", "htaccess.pdf")]
    #[case::program("bill.exe", "bill.exe", "bill.exe.pdf")]
    #[case::stream("a.pdf:x", "a.pdf:x", "a.pdf_x.pdf")]
    #[case::markup(
        "<img src=x onerror=alert(1)>.pdf",
        "<img src=x onerror=alert(1)>.pdf",
        "_img src=x onerror=alert(1)_.pdf"
    )]
    #[case::header("a\r\nSet-Cookie: b.pdf", "aSet-Cookie: b.pdf", "aSet-Cookie_ b.pdf")]
    #[case::turned_round("bill\u{202e}fdp.exe", "billfdp.exe", "billfdp.exe.pdf")]
    #[case::nothing("\u{0}\u{200b} ", "file", "file.pdf")]
    #[case::points("...", "...", "file.pdf")]
    fn names_are_data(#[case] name: &str, #[case] kept: &str, #[case] saved: &str) {
        assert_eq!(kept_name(name), kept);
        assert_eq!(saved_name(name, MediaType::Pdf), saved);
    }

    #[test]
    fn long_names_keep_their_ending() {
        let kept = kept_name(&format!("{}.pdf", "长".repeat(500)));
        assert_eq!(kept.chars().count(), NAME_CHARS_MAX);
        assert!(kept.ends_with("长.pdf"), "{kept}");
    }
}
