//! Why a file cannot be read, in words for the person who brought it.

use guanjia_domain::plugin::Language;
use std::fmt;

/// A file that is no table, or too much of one. [`ReadError::told`] says it in a language; `Display` in English.
#[derive(Debug)]
pub enum ReadError {
    Empty {
        name: String,
    },
    /// Encrypted, or written by a spreadsheet of the last century.
    Compound {
        name: String,
    },
    Foreign {
        name: String,
    },
    NotCsv {
        name: String,
    },
    NoTables {
        name: String,
    },
    Encrypted {
        name: String,
    },
    /// The reason is the reader's own, in English, for whoever looks into the file.
    Damaged {
        name: String,
        reason: String,
    },
    Encoding {
        name: String,
    },
    /// One of the crate's limits.
    TooLarge {
        name: String,
        what: Size,
        max: usize,
    },
    TooManyColumns {
        sheet: String,
        row: u32,
        max: usize,
    },
}

/// What is measured of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    Bytes,
    Sheets,
    Rows,
    TextBytes,
    SharedTexts,
    /// Files in an archive.
    Files,
    /// Bytes of an archive's files.
    ContentBytes,
}

impl Size {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 7] =
        [Self::Bytes, Self::Sheets, Self::Rows, Self::TextBytes, Self::SharedTexts, Self::Files, Self::ContentBytes];

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Size::Bytes => ("文件的字节数", "its bytes"),
            Size::Sheets => ("工作表的张数", "its sheets"),
            Size::Rows => ("行数", "its rows"),
            Size::TextBytes => ("文字的字节数", "the bytes of its texts"),
            Size::SharedTexts => ("共享文字的条数", "its shared texts"),
            Size::Files => ("压缩包里的文件数", "the files in it"),
            Size::ContentBytes => ("解压后的字节数", "the bytes in it"),
        }
    }
}

impl ReadError {
    /// What is wrong and what to do about it, in a language.
    #[must_use]
    pub fn told(&self, language: Language) -> String {
        let (zh, en) = match self {
            Self::Empty { name } => (format!("文件“{name}”是空的"), format!("{name:?} is empty")),
            Self::Compound { name } => (
                format!("文件“{name}”有密码，或是旧的 .xls 格式，请另存为不带密码的 .xlsx"),
                format!("{name:?} is encrypted or an old .xls file: save it as an .xlsx workbook without a password"),
            ),
            Self::Foreign { name } => (
                format!("文件“{name}”既不是 .xlsx 表格，也不是 .csv 表格"),
                format!("{name:?} is neither an .xlsx workbook nor a .csv table"),
            ),
            Self::NotCsv { name } => (
                format!("文件“{name}”不是 .csv 表格：请选一个表格文件，或选齐各表的 .csv 文件"),
                format!("{name:?} is no .csv table: bring one workbook, or the .csv files of all tables"),
            ),
            Self::NoTables { name } => (
                format!("文件“{name}”里既没有 .xlsx 表格，也没有 .csv 表格"),
                format!("{name:?} holds neither a workbook nor .csv tables"),
            ),
            Self::Encrypted { name } => (
                format!("文件“{name}”有密码，请另存为不带密码的文件"),
                format!("{name:?} is protected by a password: save it without one"),
            ),
            Self::Damaged { name, reason } => (
                format!("文件“{name}”已损坏，打不开：请重新导出或另存一份再试"),
                format!("{name:?} is damaged: {reason}"),
            ),
            Self::Encoding { name } => (
                format!("文件“{name}”的文字编码不是 UTF-8，也不是 GBK"),
                format!("{name:?} is neither UTF-8 nor GBK text"),
            ),
            Self::TooLarge { name, what, max } => {
                let (zh, en) = what.words();
                (
                    format!("文件“{name}”太大：{zh}超过了 {max}"),
                    format!("{name:?} is too large: {en} are more than {max}"),
                )
            }
            Self::TooManyColumns { sheet, row, max } => (
                format!("表“{sheet}”第 {row} 行在第 {max} 列之后还有内容"),
                format!("sheet {sheet:?} has something in row {row} beyond its first {max} columns"),
            ),
        };
        match language {
            Language::Zh => zh,
            Language::En => en,
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told(Language::En))
    }
}

impl std::error::Error for ReadError {}

/// A workbook that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("a sheet cannot be written")]
pub struct WriteError(#[from] pub(crate) rust_xlsxwriter::XlsxError);
