//! Why a file cannot be read, in words for the person who brought it.

/// A file that is no table, or too much of one.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{name:?} is empty")]
    Empty { name: String },
    #[error("{name:?} is encrypted or an old .xls file: save it as an .xlsx workbook without a password")]
    Compound { name: String },
    #[error("{name:?} is neither an .xlsx workbook nor a .csv table")]
    Foreign { name: String },
    #[error("{name:?} is no .csv table: bring one workbook, or the .csv files of all tables")]
    NotCsv { name: String },
    #[error("{name:?} holds neither a workbook nor .csv tables")]
    NoTables { name: String },
    #[error("{name:?} is protected by a password: save it without one")]
    Encrypted { name: String },
    #[error("{name:?} is damaged: {reason}")]
    Damaged { name: String, reason: String },
    #[error("{name:?} is neither UTF-8 nor GBK text")]
    Encoding { name: String },
    /// One of the crate's limits.
    #[error("{name:?} is too large: {what} are more than {max}")]
    TooLarge { name: String, what: &'static str, max: usize },
    #[error("sheet {sheet:?} has something in row {row} beyond its first {max} columns")]
    TooManyColumns { sheet: String, row: u32, max: usize },
}

/// A workbook that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("a sheet cannot be written")]
pub struct WriteError(#[from] pub(crate) rust_xlsxwriter::XlsxError);
