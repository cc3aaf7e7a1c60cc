//! Archives: measured first, then read as what they hold.

use std::io::{Cursor, Read};

use ::zip::ZipArchive;
use guanjia_domain::import::Workbook;

use crate::{
    ReadError, Size, csv,
    limits::{ARCHIVE_FILES_MAX, Budget, CONTENT_BYTES_MAX, SHARED_TEXTS_MAX, at_most, check_sheet_count},
    xlsx,
};

/// Reads a workbook or an archive of csv files.
pub(crate) fn read(name: &str, bytes: &[u8]) -> Result<Workbook, ReadError> {
    let damaged =
        |error: ::zip::result::ZipError| ReadError::Damaged { name: name.to_owned(), reason: error.to_string() };
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    let names = measure(name, &mut archive, CONTENT_BYTES_MAX)?;
    if names.iter().any(|entry| entry.eq_ignore_ascii_case("[Content_Types].xml")) {
        return xlsx::read(name, bytes);
    }
    let mut workbook = Workbook::default();
    let mut budget = Budget::default();
    for (index, entry) in names.iter().enumerate() {
        let hidden = entry.starts_with("__MACOSX/");
        if !entry.to_ascii_lowercase().ends_with(".csv") || hidden {
            continue;
        }
        check_sheet_count(name, workbook.sheets.len() + 1)?;
        let mut content = Vec::new();
        archive.by_index(index).map_err(damaged)?.read_to_end(&mut content).map_err(|error| damaged(error.into()))?;
        workbook.sheets.push(csv::read(entry, &content, &mut budget)?);
    }
    if workbook.sheets.is_empty() {
        return Err(ReadError::NoTables { name: name.to_owned() });
    }
    Ok(workbook)
}

/// Checks the sizes that the archive declares and the ones that it really has: a small file can claim to be smaller
/// than it unpacks to. Answers the names of its files.
pub(crate) fn measure(
    name: &str,
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    bytes_max: usize,
) -> Result<Vec<String>, ReadError> {
    let damaged = |reason: String| ReadError::Damaged { name: name.to_owned(), reason };
    at_most(name, Size::Files, archive.len(), ARCHIVE_FILES_MAX)?;
    let mut names = Vec::with_capacity(archive.len());
    let (mut declared, mut real) = (0_usize, 0_usize);
    for index in 0..archive.len() {
        let raw = archive.by_index_raw(index).map_err(|error| damaged(error.to_string()))?;
        if raw.encrypted() {
            return Err(ReadError::Encrypted { name: name.to_owned() });
        }
        declared = declared.saturating_add(usize::try_from(raw.size()).unwrap_or(usize::MAX));
        at_most(name, Size::ContentBytes, declared, bytes_max)?;
        // Archives of Chinese machines name files in GBK, which the standard does not know.
        let entry = csv::decode(name, raw.name_raw())?.into_owned();
        let standard = raw.name().map_err(|error| damaged(error.to_string()))?.into_owned();
        drop(raw);
        let file = archive.by_index(index).map_err(|error| damaged(error.to_string()))?;
        let left = bytes_max.saturating_sub(real);
        let mut content = file.take(u64::try_from(left).unwrap_or(u64::MAX).saturating_add(1));
        let shared = [&entry, &standard].iter().any(|entry| entry.to_ascii_lowercase().ends_with("sharedstrings.xml"));
        let length = if shared { check_shared_texts(name, &mut content) } else { count(name, &mut content) }?;
        real = real.saturating_add(length);
        at_most(name, Size::ContentBytes, real, bytes_max)?;
        names.push(entry);
    }
    Ok(names)
}

/// Unpacks without keeping anything.
fn count(name: &str, content: &mut impl Read) -> Result<usize, ReadError> {
    let length = std::io::copy(content, &mut std::io::sink())
        .map_err(|error| ReadError::Damaged { name: name.to_owned(), reason: error.to_string() })?;
    Ok(usize::try_from(length).unwrap_or(usize::MAX))
}

/// The reader reserves room for as many shared texts as the file claims to have, before it has seen one. A claim of
/// billions would end the process, so that every number which can be taken for it is looked at.
fn check_shared_texts(name: &str, content: &mut impl Read) -> Result<usize, ReadError> {
    const CLAIM: &[u8] = b"uniqueCount";
    let damaged = |reason: String| ReadError::Damaged { name: name.to_owned(), reason };
    let mut bytes = Vec::new();
    content.read_to_end(&mut bytes).map_err(|error| damaged(error.to_string()))?;
    // In an encoding that is no superset of ASCII the claim could not be found. Such text has one of these bytes.
    if bytes.iter().any(|byte| matches!(byte, 0 | 0x1b)) {
        return Err(damaged("its shared texts are not UTF-8".to_owned()));
    }
    let mut rest = bytes.as_slice();
    while let Some(at) = rest.windows(CLAIM.len()).position(|window| window == CLAIM) {
        rest = &rest[at + CLAIM.len()..];
        let not_digit = rest.iter().take_while(|byte| !byte.is_ascii_digit()).count();
        let digits: Vec<u8> = rest[not_digit..].iter().copied().take_while(u8::is_ascii_digit).collect();
        let claimed = std::str::from_utf8(&digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(usize::MAX);
        at_most(name, Size::SharedTexts, if digits.is_empty() { 0 } else { claimed }, SHARED_TEXTS_MAX)?;
    }
    Ok(bytes.len())
}
