#![allow(clippy::unwrap_used)]

use std::{
    io::{Cursor, Write},
    sync::LazyLock,
};

use ::zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};
use guanjia_domain::{
    estate::{Estate, OccupancyStatus, TenureKind, UnitKind},
    ids::ProjectId,
    import::{
        Cell, ImportPlan, Row, Sheet, Workbook, apply,
        microcommunity::{self, Desired, FormulaPlugins, PluginChoice},
    },
    plugin::{Binding, Language},
};
use proptest::prelude::*;
use rstest::rstest;
use rust_xlsxwriter::{ExcelDateTime, Format, Formula};

use crate::*;

/// The workbook of an estate with 432 homes, as another system exported it.
fn fixture() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/hc-import.xlsx")).unwrap()
}

fn real() -> Workbook {
    read_workbook("hc-import.xlsx", &fixture()).unwrap()
}

fn desired() -> Desired {
    microcommunity::parse(&real()).unwrap()
}

fn plugins() -> FormulaPlugins {
    let choice = |id: &str| PluginChoice { id: id.into(), version: "1.0.0".into(), digest: "0".repeat(64) };
    FormulaPlugins { area_fee: choice("area-fee"), fixed_fee: choice("fixed-fee") }
}

const PROJECT: ProjectId = ProjectId(uuid::Uuid::from_u128(1));

/// From the bytes of a file to what its import would change.
fn planned(name: &str, bytes: &[u8], estate: &Estate, bindings: &[Binding]) -> ImportPlan {
    let desired = microcommunity::parse(&read_workbook(name, bytes).unwrap()).unwrap();
    microcommunity::plan(&desired, estate, bindings, PROJECT, &plugins())
}

fn imported() -> (Estate, Vec<Binding>) {
    let (mut estate, mut bindings) = (Estate::default(), Vec::new());
    let plan = planned("hc-import.xlsx", &fixture(), &estate, &bindings);
    apply(&plan.changes, &mut estate, &mut bindings);
    (estate, bindings)
}

#[test]
fn the_real_workbook_is_imported() {
    let counts = desired().counts();
    assert_eq!((counts.buildings, counts.entrances, counts.units, counts.unsold), (3, 6, 432, 19));
    assert_eq!((counts.owners, counts.members, counts.parking_spaces, counts.vehicles), (390, 96, 216, 142));
    assert_eq!((counts.fee_items, counts.fee_assignments), (3, 852));
    let (estate, bindings) = imported();
    let homes: Vec<_> = estate.units.iter().filter(|unit| unit.kind != UnitKind::ParkingSpace).collect();
    assert_eq!((homes.len(), estate.units.len()), (432, 648));
    assert_eq!(homes.iter().filter(|unit| unit.occupancy == OccupancyStatus::Unsold).count(), 19);
    assert_eq!((estate.parties.len(), estate.vehicles.len(), bindings.len()), (486, 142, 3));
    let owned = homes.iter().filter(|unit| {
        estate.tenures.iter().any(|tenure| tenure.unit_id == unit.id && tenure.kind == TenureKind::Owner)
    });
    assert_eq!(owned.count(), 413);
}

/// The figure that a month of this workbook comes to, computed here in fen from what was read: area × price + fixed
/// amount of 1001, the fixed amount of 2002, rounded half up at each line.
#[test]
fn a_month_of_the_real_workbook_is_139_986_yuan_72() {
    let desired = desired();
    let mut total = 0_i128;
    for unit in &desired.units {
        for (fee_no, _) in &unit.fees {
            let item = desired.fee_items.iter().find(|item| item.fee_no == *fee_no).unwrap();
            let fixed = i128::from(item.fixed_amount.unwrap().rescale(2).unwrap().mantissa);
            let price = i128::from(item.unit_price.unwrap().rescale(2).unwrap().mantissa);
            let by_area = match item.formula {
                microcommunity::Formula::AreaPrice => i128::from(unit.gross_floor_area_cm2) * price,
                microcommunity::Formula::FixedAmount => 0,
            };
            total += (by_area + 5_000).div_euclid(10_000) + fixed;
        }
    }
    assert_eq!(total, 13_998_672);
}

#[test]
fn importing_the_same_file_again_changes_nothing() {
    let (estate, bindings) = imported();
    let plan = planned("again.xlsx", &fixture(), &estate, &bindings);
    assert!(plan.changes.is_empty());
    assert_eq!(plan.differences, []);
}

/// The tables of a workbook without what stands beside them and without empty cells at the end of rows.
fn tables(workbook: &Workbook, widths: [usize; 5]) -> Vec<Sheet> {
    let table = |(sheet, width): (&Sheet, usize)| {
        let row = |row: &Row| {
            let mut cells = row.cells.clone();
            cells.truncate(width);
            while cells.last().is_some_and(Cell::is_empty) {
                cells.pop();
            }
            Row { number: row.number, cells }
        };
        Sheet {
            name: sheet.name.clone(),
            rows: sheet.rows.iter().map(row).filter(|row| !row.cells.is_empty()).collect(),
        }
    };
    workbook.sheets.iter().zip(widths).map(table).collect()
}

const WIDTHS: [usize; 5] = [4, 8, 12, 12, 12];

#[test]
fn an_export_has_the_same_tables_cell_for_cell() {
    let (estate, bindings) = imported();
    let (bytes, left_out) = export_microcommunity(&estate).unwrap();
    assert_eq!(left_out, []);
    let exported = read_workbook("export.xlsx", &bytes).unwrap();
    for (found, expected) in tables(&exported, WIDTHS).iter().zip(tables(&real(), WIDTHS)) {
        assert_eq!((found.name.as_str(), found.rows.len()), (expected.name.as_str(), expected.rows.len()));
        for (found, expected) in found.rows.iter().zip(&expected.rows) {
            assert_eq!(found, expected);
        }
    }
    let plan = planned("export.xlsx", &bytes, &estate, &bindings);
    assert!(plan.changes.is_empty());
}

/// The sheets as csv files.
fn csv_files(workbook: &Workbook, encoding: &'static encoding_rs::Encoding, prefix: &str) -> Vec<(String, Vec<u8>)> {
    let quoted = |cell: &Cell| match cell {
        Cell::Text(text) => format!("\"{}\"", text.replace('"', "\"\"")),
        Cell::Number(text) => text.clone(),
        _ => String::new(),
    };
    let line = |row: &Row| row.cells.iter().map(quoted).collect::<Vec<_>>().join(",");
    let text = |sheet: &Sheet| sheet.rows.iter().map(line).collect::<Vec<_>>().join("\r\n");
    let bytes = |sheet: &Sheet| encoding.encode(&text(sheet)).0.into_owned();
    workbook.sheets.iter().map(|sheet| (format!("{prefix}{}.csv", sheet.name), bytes(sheet))).collect()
}

#[rstest]
#[case::utf_8(encoding_rs::UTF_8, "", false)]
#[case::utf_8_with_a_mark(encoding_rs::UTF_8, "tables/", true)]
#[case::gbk(encoding_rs::GBK, "hc-import-", false)]
fn csv_tables_say_the_same(
    #[case] encoding: &'static encoding_rs::Encoding,
    #[case] prefix: &str,
    #[case] marked: bool,
) {
    let mut files = csv_files(&real(), encoding, prefix);
    if marked {
        files.iter_mut().for_each(|(_, bytes)| *bytes = [b"\xef\xbb\xbf", bytes.as_slice()].concat());
    }
    assert_eq!(microcommunity::parse(&read_files(&files).unwrap()).unwrap(), desired());
    let archive = archive(&files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect::<Vec<_>>());
    assert_eq!(microcommunity::parse(&read_workbook("tables.zip", &archive).unwrap()).unwrap(), desired());
}

#[test]
fn a_bad_cell_of_the_real_workbook_is_named() {
    let mut workbook = real();
    workbook.sheets[3].rows[1].cells[5] = Cell::Text("八十九".into());
    let bytes = write_workbook(&workbook).unwrap();
    let problems = microcommunity::parse(&read_workbook("x.xlsx", &bytes).unwrap()).unwrap_err();
    let places = problems.iter().map(|problem| (problem.sheet.as_str(), problem.row, problem.column.as_str()));
    assert_eq!(places.collect::<Vec<_>>(), [("房屋信息", 2, "建筑面积")]);
}

// --- cells

/// A workbook with one sheet, written by `fill`.
fn written(fill: impl FnOnce(&mut rust_xlsxwriter::Worksheet)) -> Vec<u8> {
    let mut writer = rust_xlsxwriter::Workbook::new();
    fill(writer.add_worksheet().set_name("表").unwrap());
    writer.save_to_buffer().unwrap()
}

#[test]
fn cells_are_taken_as_they_are_and_formulas_are_not_believed() {
    let bytes = written(|sheet| {
        sheet.write_string(0, 0, "=1+1").unwrap();
        sheet.write_formula(0, 1, Formula::new("=2*44.75").set_result("89.5")).unwrap();
        sheet.write_number(0, 2, 19_071_924_865.0).unwrap();
        let day = ExcelDateTime::from_ymd(2025, 2, 28).unwrap();
        sheet.write_datetime_with_format(0, 3, day, &Format::new().set_num_format("yyyy-mm-dd")).unwrap();
        sheet.write_boolean(0, 4, true).unwrap();
        sheet.write_blank(0, 5, &Format::new().set_bold()).unwrap();
        sheet.write_string(2, 0, " 有 ").unwrap();
    });
    let workbook = read_workbook("x.xlsx", &bytes).unwrap();
    let text = |text: &str| Cell::Text(text.into());
    let first = vec![
        text("=1+1"),
        Cell::Formula("=2*44.75".into()),
        Cell::Number("19071924865".into()),
        text("2025-02-28"),
        text("TRUE"),
    ];
    let rows = vec![Row { number: 1, cells: first }, Row { number: 3, cells: vec![text(" 有 ")] }];
    assert_eq!(workbook.sheets, [Sheet { name: "表".into(), rows }]);
}

#[test]
fn what_begins_like_a_formula_is_written_as_text() {
    let cells: Vec<Cell> = ["=1+1", "+1", "-1+1", "@SUM(A1)", "平常"].map(|text| Cell::Text(text.into())).into();
    let sheet = Sheet { name: "表".into(), rows: vec![Row { number: 1, cells }] };
    let workbook = Workbook { sheets: vec![sheet] };
    let bytes = write_workbook(&workbook).unwrap();
    assert_eq!(read_workbook("x.xlsx", &bytes).unwrap(), workbook);
    let styles = entry(&bytes, "xl/styles.xml");
    assert!(styles.contains("quotePrefix=\"1\""), "{styles}");
    assert!(!entry(&bytes, "xl/worksheets/sheet1.xml").contains("<f>"));
}

#[test]
fn two_distant_cells_take_no_room_between_them() {
    let bytes = written(|sheet| {
        sheet.write_string(0, 0, "a").unwrap();
        sheet.write_string(1_048_575, 0, "b").unwrap();
    });
    let numbers: Vec<u32> =
        read_workbook("x.xlsx", &bytes).unwrap().sheets[0].rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, [1, 1_048_576]);
    let wide = written(|sheet| {
        sheet.write_string(4, 16_383, "b").unwrap();
    });
    assert!(matches!(read_workbook("x.xlsx", &wide), Err(ReadError::TooManyColumns { row: 5, .. })));
}

#[test]
fn long_texts_are_cut_just_above_what_is_allowed() {
    let bytes = written(|sheet| {
        sheet.write_string(0, 0, "长".repeat(30_000)).unwrap();
    });
    let workbook = read_workbook("x.xlsx", &bytes).unwrap();
    let Cell::Text(text) = &workbook.sheets[0].rows[0].cells[0] else { panic!("{workbook:?}") };
    assert_eq!(text.chars().count(), guanjia_domain::import::CELL_CHARS_MAX + 1);
}

// --- files that are no tables

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        // Deflating is slow in tests; what is not about sizes is only stored.
        let method = if name.ends_with(".csv") { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn entry(bytes: &[u8], name: &str) -> String {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    std::io::read_to_string(archive.by_name(name).unwrap()).unwrap()
}

/// The parts of a workbook.
fn parts(bytes: &[u8]) -> Vec<(String, String)> {
    let mut parts = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let names: Vec<String> = parts.file_names().map(|name| name.unwrap().into_owned()).collect();
    let text = |name: String| {
        let text = std::io::read_to_string(parts.by_name(&name).unwrap()).unwrap();
        (name, text)
    };
    names.into_iter().map(text).collect()
}

/// The workbook with one of its parts replaced.
fn with_part(parts: &[(String, String)], part: &str, change: impl Fn(&str) -> String) -> Vec<u8> {
    assert!(parts.iter().any(|(name, _)| name == part), "{part}");
    let changed: Vec<(&str, String)> = parts
        .iter()
        .map(|(name, text)| (name.as_str(), if name == part { change(text) } else { text.clone() }))
        .collect();
    archive(&changed.iter().map(|(name, text)| (*name, text.as_bytes())).collect::<Vec<_>>())
}

#[rstest]
#[case::nothing(b"", "is empty")]
#[case::blank(b" \r\n \n", "is empty")]
#[case::mark_only(b"\xef\xbb\xbf", "is empty")]
#[case::old_or_encrypted(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and so on", "without a password")]
#[case::pdf(b"%PDF-1.7", "neither an .xlsx")]
#[case::picture(b"\x89PNG\r\n\x1a\n", "neither an .xlsx")]
#[case::broken_archive(b"PK\x03\x04 and nothing more", "is damaged")]
#[case::no_known_text(b"a,\xff\xff\xff\n", "neither UTF-8 nor GBK")]
fn a_foreign_file_is_refused_with_advice(#[case] bytes: &[u8], #[case] reason: &str) {
    let message = read_workbook("file", bytes).unwrap_err().to_string();
    assert!(message.contains(reason), "{message}");
}

/// A clerk reads Chinese where the page is Chinese, with the file and the limit named.
#[test]
fn every_refusal_is_told_in_both_languages() {
    let name = || "a.xlsx".to_owned();
    let mut refusals = vec![
        ReadError::Empty { name: name() },
        ReadError::Compound { name: name() },
        ReadError::Foreign { name: name() },
        ReadError::NotCsv { name: name() },
        ReadError::NoTables { name: name() },
        ReadError::Encrypted { name: name() },
        ReadError::Damaged { name: name(), reason: "torn".to_owned() },
        ReadError::Encoding { name: name() },
    ];
    refusals.extend(Size::ALL.map(|what| ReadError::TooLarge { name: name(), what, max: 4711 }));
    refusals.push(ReadError::TooManyColumns { sheet: name(), row: 9, max: 4711 });
    let chinese = |sign: char| ('\u{4e00}'..='\u{9fff}').contains(&sign);
    for refusal in refusals {
        let (zh, en) = (refusal.told(Language::Zh), refusal.told(Language::En));
        assert_eq!(en, refusal.to_string());
        assert!(zh.contains(chinese) && !en.contains(chinese), "{zh} | {en}");
        let limited = matches!(refusal, ReadError::TooLarge { .. } | ReadError::TooManyColumns { .. });
        for sentence in [zh, en] {
            assert!(sentence.contains("a.xlsx") && sentence.contains("4711") == limited, "{sentence}");
        }
    }
}

#[test]
fn an_archive_without_tables_is_refused() {
    let bytes = archive(&[("readme.txt", b"hello")]);
    assert!(matches!(read_workbook("x.zip", &bytes), Err(ReadError::NoTables { .. })));
    let files = [("a.csv".to_owned(), b"1".to_vec()), ("b.xlsx".to_owned(), fixture())];
    assert!(matches!(read_files(&files), Err(ReadError::NotCsv { name }) if name == "b.xlsx"));
}

#[test]
fn a_large_file_is_refused_unread() {
    let bytes = vec![b'a'; limits::FILE_BYTES_MAX + 1];
    assert!(matches!(read_workbook("x.csv", &bytes), Err(ReadError::TooLarge { .. })));
}

/// What an archive of two files of 1 MiB each is found to be where so many bytes are allowed.
fn measured(bytes: &[u8], bytes_max: usize) -> Result<Vec<String>, ReadError> {
    zip::measure("x.zip", &mut ZipArchive::new(Cursor::new(bytes)).unwrap(), bytes_max)
}

#[test]
fn what_unpacks_to_too_much_is_refused() {
    let zeros = vec![b'0'; 1 << 20];
    let bytes = archive(&[("a.csv", &zeros), ("b.csv", &zeros)]);
    assert!(bytes.len() < 1 << 14);
    assert_eq!(measured(&bytes, 2 << 20).unwrap(), ["a.csv", "b.csv"]);
    assert!(matches!(measured(&bytes, (2 << 20) - 1), Err(ReadError::TooLarge { what: Size::ContentBytes, .. })));
}

/// The sizes that an archive declares are changed to 10 bytes each, in the files' own headings and in the directory.
#[test]
fn an_archive_that_lies_about_its_size_is_refused() {
    let zeros = vec![b'0'; 1 << 20];
    let mut bytes = archive(&[("a.csv", &zeros), ("b.csv", &zeros)]);
    for (heading, size_at) in [(b"PK\x03\x04", 22), (b"PK\x01\x02", 24)] {
        let places: Vec<usize> =
            bytes.windows(4).enumerate().filter(|(_, four)| four == heading).map(|(at, _)| at).collect();
        assert_eq!(places.len(), 2);
        for place in places {
            bytes[place + size_at..place + size_at + 4].copy_from_slice(&10_u32.to_le_bytes());
        }
    }
    let error = measured(&bytes, 1 << 20).unwrap_err();
    assert!(matches!(error, ReadError::TooLarge { .. } | ReadError::Damaged { .. }), "{error}");
}

#[test]
fn too_many_rows_are_refused() {
    let text = "1\n".repeat(limits::ROWS_MAX + 1);
    assert!(matches!(read_workbook("x.csv", text.as_bytes()), Err(ReadError::TooLarge { what: Size::Rows, .. })));
}

#[rstest]
#[case::plain("uniqueCount=\"99999999999\"")]
#[case::spaced("uniqueCount = '18446744073709551615'")]
#[case::beyond_numbers("uniqueCount=\"99999999999999999999999999\"")]
fn a_claim_of_endless_texts_is_not_believed(#[case] claim: &str) {
    let bytes = with_part(&parts(&write_workbook(&real()).unwrap()), "xl/sharedStrings.xml", |text| {
        let (before, after) = text.split_once("uniqueCount=\"").unwrap();
        let (_, after) = after.split_once('"').unwrap();
        format!("{before}{claim}{after}")
    });
    assert!(matches!(read_workbook("x.xlsx", &bytes), Err(ReadError::TooLarge { what: Size::SharedTexts, .. })));
}

#[test]
fn a_reader_that_panics_is_a_damaged_file() {
    let bytes = with_part(&parts(&fixture()), "xl/worksheets/sheet1.xml", |text| {
        text.replace("<dimension ref=\"A1:H7\" />", "<dimension ref=\"H7:A1\" />")
    });
    // Builds without overflow checks read it all the same; neither may panic.
    if let Err(error) = read_workbook("x.xlsx", &bytes) {
        assert!(matches!(error, ReadError::Damaged { .. }), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_workbook("x", &bytes);
    }

    /// Damage anywhere in the tables of a real workbook is an answer, too.
    #[test]
    fn a_damaged_workbook_is_answered(part in 1..6_u8, at in 0..2_000_usize, junk in "[<>/\"a-z0-9 &;]{0,6}") {
        static PARTS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| parts(&fixture()));
        let bytes = with_part(&PARTS, &format!("xl/worksheets/sheet{part}.xml"), |text| {
            let at = (at..).find(|at| text.is_char_boundary(*at % text.len())).unwrap() % text.len();
            let end = (at + junk.len()..text.len()).find(|end| text.is_char_boundary(*end)).unwrap_or(text.len());
            format!("{}{junk}{}", &text[..at], &text[end..])
        });
        if let Ok(workbook) = read_workbook("x.xlsx", &bytes) {
            let _ = microcommunity::parse(&workbook);
        }
    }
}
