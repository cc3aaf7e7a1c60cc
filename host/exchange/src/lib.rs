//! Files of tables: bytes to [`Workbook`] and back.
//!
//! Reads xlsx, csv (UTF-8 with or without a mark, UTF-16 with one, GBK) and zip archives of csv files; writes xlsx. It is
//! *not* the place where tables get a meaning, that is `guanjia_domain::import`, and it opens no files: callers bring the
//! bytes. No floating-point number leaves it: numbers become the shortest decimal text that means them.
//!
//! Files come from strangers. Everything that a reader could be made to allocate is measured before it is believed, see
//! [`limits`].
//!
//! ```
//! let files = [("费用设置.csv".to_owned(), "费用编号,收费项目\n1,住宅物业费\n".as_bytes().to_vec())];
//! let workbook = guanjia_exchange::read_files(&files)?;
//! assert_eq!(workbook.sheets[0].name, "费用设置");
//! # Ok::<(), guanjia_exchange::ReadError>(())
//! ```

mod csv;
mod error;
pub mod limits;
mod number;
mod sheet;
#[cfg(test)]
mod tests;
mod write;
mod xlsx;
mod zip;

pub use error::{ReadError, Size, WriteError};
pub use write::write_workbook;

use guanjia_domain::{
    Error, Result,
    estate::Estate,
    import::{Workbook, microcommunity},
};

/// Reads one file: an xlsx workbook, one csv table (its sheet is named by the file), or a zip archive of csv tables. What
/// it is shows in its bytes; `name` only names things.
///
/// # Errors
/// [`ReadError`] for what cannot be read, with what to do about it.
pub fn read_workbook(name: &str, bytes: &[u8]) -> Result<Workbook, ReadError> {
    limits::check_file_size(name, bytes.len())?;
    match Kind::of(bytes) {
        Kind::Nothing => Err(ReadError::Empty { name: name.to_owned() }),
        Kind::Zip => zip::read(name, bytes),
        Kind::Compound => Err(ReadError::Compound { name: name.to_owned() }),
        Kind::Foreign => Err(ReadError::Foreign { name: name.to_owned() }),
        Kind::Text => {
            let mut budget = limits::Budget::default();
            Ok(Workbook { sheets: vec![csv::read(name, bytes, &mut budget)?] })
        }
    }
}

/// Reads one file as [`read_workbook`] does, or several csv files, each of which is one sheet.
///
/// # Errors
/// See [`read_workbook`]; also when one of several files is not csv.
pub fn read_files(files: &[(String, Vec<u8>)]) -> Result<Workbook, ReadError> {
    if let [(name, bytes)] = files {
        return read_workbook(name, bytes);
    }
    let mut budget = limits::Budget::default();
    let mut workbook = Workbook::default();
    let mut size = 0_usize;
    for (name, bytes) in files {
        size = size.saturating_add(bytes.len());
        limits::check_file_size(name, size)?;
        limits::check_sheet_count(name, workbook.sheets.len() + 1)?;
        match Kind::of(bytes) {
            Kind::Text => workbook.sheets.push(csv::read(name, bytes, &mut budget)?),
            Kind::Nothing => return Err(ReadError::Empty { name: name.clone() }),
            Kind::Zip | Kind::Compound | Kind::Foreign => return Err(ReadError::NotCsv { name: name.clone() }),
        }
    }
    if workbook.sheets.is_empty() {
        return Err(ReadError::Empty { name: String::new() });
    }
    Ok(workbook)
}

/// An estate as the bytes of a MicroCommunity workbook (xlsx), with what did not fit into it.
///
/// # Errors
/// [`Error::Unavailable`] when the workbook cannot be written, such as for more rows than a sheet has.
pub fn export_microcommunity(estate: &Estate) -> Result<(Vec<u8>, Vec<microcommunity::LeftOut>)> {
    let exported = microcommunity::export(estate);
    let bytes =
        write_workbook(&exported.workbook).map_err(|error| Error::unavailable("writing the workbook", error))?;
    Ok((bytes, exported.left_out))
}

/// What a file is, by its first bytes.
enum Kind {
    Nothing,
    /// A zip archive, which an xlsx workbook is.
    Zip,
    /// Microsoft's compound file: an encrypted xlsx or an old xls.
    Compound,
    /// Certainly no table.
    Foreign,
    Text,
}

impl Kind {
    fn of(bytes: &[u8]) -> Self {
        const FOREIGN: [&[u8]; 8] =
            [b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b", b"\x7fELF"];
        let starts = |magic: &[u8]| bytes.starts_with(magic);
        if bytes.iter().all(u8::is_ascii_whitespace) || bytes == b"\xef\xbb\xbf" {
            Kind::Nothing
        } else if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") {
            Kind::Zip
        } else if starts(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
            Kind::Compound
        } else if FOREIGN.iter().any(|magic| starts(magic)) {
            Kind::Foreign
        } else {
            Kind::Text
        }
    }
}
