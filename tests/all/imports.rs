//! A workbook comes in whole or not at all, again without a change, and out again with the same tables.

use crate::host::{Host, PROJECT, Ran, workbook, workbook_with_cell};
use guanjia_domain::import::Cell;
use guanjia_harness::Kind;
use rstest::rstest;
use serde_json::{Value, json};

async fn office(kind: Kind) -> Host {
    let host = Host::fresh(kind).await;
    host.run(&["plugin", "install", "standard"]).expect(0);
    host
}

fn import(host: &Host, file: &str, more: &[&str]) -> Ran {
    host.run(&[&["import", "microcommunity", file, "--project", PROJECT, "--json"], more].concat())
}

#[rstest]
#[tokio::test]
async fn importing_again_changes_nothing(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = office(kind).await;
    let file = workbook();
    let first = import(&host, file.to_str().unwrap(), &[]).expect(0).json();
    let expected = json!({
        "buildings": 3, "entrances": 6, "units": 432, "unsold": 19, "parking_spaces": 216, "owners": 390, "members": 96,
        "vehicles": 142, "fee_items": 3, "fee_assignments": 852,
    });
    assert_eq!(first["counts"], expected);
    let again = import(&host, file.to_str().unwrap(), &[]).expect(0).json();
    assert_eq!(again["changes"], json!({"inserted": 0, "updated": 0, "deleted": 0}));
    assert_eq!(again["differences"], json!([]));
}

#[rstest]
#[tokio::test]
async fn a_changed_file_shows_the_difference_before_it_is_written(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = office(kind).await;
    import(&host, workbook().to_str().unwrap(), &[]).expect(0);
    let changed = host.file("changed.xlsx", workbook_with_cell("房屋信息", "建筑面积", 4, Cell::Number("120".into())));
    for _ in 0..2 {
        let rehearsal = import(&host, &changed, &["--dry-run"]).expect(0).json();
        assert_eq!(rehearsal["changes"], json!({"inserted": 0, "updated": 1, "deleted": 0}), "{rehearsal}");
        assert!(rehearsal["differences"][0]["what"].as_str().unwrap().contains("6-1-103"), "{rehearsal}");
    }
    import(&host, &changed, &[]).expect(0);
    assert_eq!(import(&host, &changed, &["--dry-run"]).expect(0).json()["changes"]["updated"], 0);
}

#[rstest]
#[case::text_for_an_area("房屋信息", "建筑面积", 4, Cell::Text("很大".into()))]
#[case::negative_area("房屋信息", "建筑面积", 4, Cell::Number("-118.27".into()))]
#[case::absurd_area("房屋信息", "建筑面积", 4, Cell::Number("1000000000000".into()))]
#[case::unknown_owner("房屋信息", "业主编号", 4, Cell::Number("9999".into()))]
#[case::unknown_fee("房屋信息", "房屋费用", 4, Cell::Text("1#7".into()))]
#[case::impossible_date("房屋信息", "费用开始时间", 4, Cell::Text("2025-02-30#2025-01-01".into()))]
#[case::doubled_unit("房屋信息", "房屋编号", 4, Cell::Number("102".into()))]
#[case::formula("业主信息", "业主名称", 3, Cell::Text("=HYPERLINK(\"http://x\")".into()))]
#[case::unknown_formula_code("费用设置", "计算公式", 3, Cell::Number("7007".into()))]
#[tokio::test]
async fn a_bad_cell_is_named_and_nothing_is_written(
    #[case] sheet: &str,
    #[case] column: &str,
    #[case] row: u32,
    #[case] value: Cell,
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let host = office(kind).await;
    let bad = host.file("bad.xlsx", workbook_with_cell(sheet, column, row, value));
    let refused = import(&host, &bad, &[]).expect(3).json();
    let problems = refused["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "{refused}");
    let Value::Object(problem) = &problems[0] else { panic!("{refused}") };
    assert_eq!(problem["sheet"], sheet);
    assert_eq!(problem["row"], row);
    assert_eq!(problem["column"], column);
    assert!(!problem["reason"].as_str().unwrap().is_empty());
    // Not even the project was made.
    host.run(&["bill", "runs", "--project", PROJECT]).expect(1);
    import(&host, workbook().to_str().unwrap(), &[]).expect(0);
}

/// Codes are for scripts, sentences for whoever asked.
#[tokio::test]
async fn problems_and_differences_are_told_in_the_language_that_is_asked_for() {
    let host = office(Kind::Sqlite).await;
    let bad = host.file("bad.xlsx", workbook_with_cell("房屋信息", "建筑面积", 4, Cell::Number("-118.27".into())));
    let chinese = |value: &Value| value.as_str().unwrap().contains(|sign| ('\u{4e00}'..='\u{9fff}').contains(&sign));
    for (more, in_chinese) in [(&[][..], false), (&["--lang", "en"], false), (&["--lang", "zh-CN"], true)] {
        let refused = import(&host, &bad, more).expect(3).json();
        let problem = &refused["problems"][0];
        assert_eq!(problem["code"], "negative", "{refused}");
        assert_eq!((chinese(&problem["reason"]), chinese(&refused["error"])), (in_chinese, in_chinese), "{refused}");
    }
    let told = |more: &[&str]| {
        let args = ["import", "microcommunity", &bad, "--project", PROJECT];
        host.run(&[&args[..], more].concat()).expect(3).stderr
    };
    assert!(
        told(&["--lang", "zh"]).contains("表“房屋信息”第 4 行“建筑面积”列，内容“-118.27”"),
        "{}",
        told(&["--lang", "zh"])
    );
    assert!(told(&["--lang", "en"]).contains("房屋信息 row 4, 建筑面积 \"-118.27\""), "{}", told(&["--lang", "en"]));
    import(&host, workbook().to_str().unwrap(), &[]).expect(0);
    let changed = host.file("changed.xlsx", workbook_with_cell("房屋信息", "建筑面积", 4, Cell::Number("120".into())));
    let rehearsal = import(&host, &changed, &["--dry-run", "--lang", "zh"]).expect(0).json();
    let difference = &rehearsal["differences"][0];
    assert_eq!((&difference["kind"], &difference["what"]), (&json!("changed"), &json!("房屋 6-1-103")), "{rehearsal}");
    assert_eq!(difference["detail"], "建筑面积 118.27 → 120", "{rehearsal}");
}

#[rstest]
#[case::empty(b"".to_vec())]
#[case::not_a_table(b"%PDF-1.7 something".to_vec())]
#[case::torn(std::fs::read(workbook()).unwrap()[..20_000].to_vec())]
#[case::noise((0..4_096_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect())]
#[tokio::test]
async fn a_file_that_is_no_workbook_is_refused(#[case] content: Vec<u8>) {
    let host = office(Kind::Sqlite).await;
    let file = host.file("bad.xlsx", content);
    import(&host, &file, &[]).expect(3);
}

#[rstest]
#[tokio::test]
async fn an_export_is_the_same_estate(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = office(kind).await;
    import(&host, workbook().to_str().unwrap(), &[]).expect(0);
    let out = host.folder().join("export.xlsx");
    host.run(&["export", "--project", PROJECT, "--out", out.to_str().unwrap()]).expect(0);
    let again = import(&host, out.to_str().unwrap(), &[]).expect(0).json();
    assert_eq!(again["changes"], json!({"inserted": 0, "updated": 0, "deleted": 0}), "{again}");
    let elsewhere = ["import", "microcommunity", out.to_str().unwrap(), "--project", "另一个项目", "--json"];
    host.run(&elsewhere).expect(0);
    let run = host.json(&["bill", "preview", "--project", "另一个项目", "--period", "2025-01"]);
    assert_eq!(run["total_fen"], 13_998_672);
}
