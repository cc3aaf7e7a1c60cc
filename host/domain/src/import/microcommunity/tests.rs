#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use rstest::rstest;
use uuid::Uuid;

use super::*;
use crate::{
    error::InputProblem,
    estate::{Estate, OccupancyStatus, Party, Tenure, Unit},
    ids::{PartyId, ProjectId, TenureId},
    import::{Cell, ChangeCount, DifferenceKind, ImportPlan, Reason, Row, Sheet, Workbook, apply},
    plugin::{Binding, BindingMode, Language, check_settings},
};

/// A workbook in which every kind of row occurs once. Cells are written as in csv; `|` stands between them.
const TABLES: [(&str, &str); 5] = [
    ("楼栋单元", "楼栋号|单元编号|总层数|是否有电梯\n6|1|18|有\n6|2|6|无\n7|1|18|有"),
    (
        "业主信息",
        "编号|业主名称|性别|年龄|手机号|身份证号|业主类型|业主编号||||说明\n\
         1|罗浩敏|男|74|19071924865|111111111111111111|1001|1\n\
         2|韦娜|女|49|19056126116|320102197001011234|1001|2||||业主编号必须唯一\n\
         3|钟宇|男|12||111111111111111111|1002|1\n\
         4|江玉敏|||||1003|1\n\
         5|林丽凯|||||1004|2",
    ),
    (
        "费用设置",
        "费用编号|费用类型|收费项目|费用标识|付费类型|缴费周期|出账类型|计费起始时间|计费结束时间|计算公式|计费单价|固定费用\n\
         1|物业费|住宅物业费|周期性费用|预付费|3|每月1日|2025-1-1|2037-1-1|1001|2.8|0\n\
         2|物业费|垃圾清运费|周期性费用|预付费|3|每月1日|2025-1-1|2037-1-1|2002|0|8\n\
         3|物业费|商业物业费|周期性费用|预付费|1|每月1日|2025-1-1||1001|4.35|20",
    ),
    (
        "房屋信息",
        "房屋编号|楼栋编号|单元编号|房屋楼层|房屋户型|建筑面积|业主编号|房屋费用|费用开始时间|房屋类型|室内面积|租金\n\
         101|6|1|1|10102|89.5|1|1#2|2025-01-01#2025-02-15|110|69.81|0\n\
         102|6|1|1||94.56|1|1|2025-01-01|110||\n\
         101|6|2|6|10102|118.27||3|2025-01-01|120|92.25|1200.5\n\
         101|7|1|18|10102|143.02|2|||110|111.56|0",
    ),
    (
        "车位信息",
        "停车场编号|车位编码|停车场类型|面积|业主编号|车牌号|车品牌|车类型（9901 家用小汽车 9902 客车 9903 货车）|颜色|出租还是出售（H出租S出售）|开始时间|结束时间\n\
         1|B0001|地下停车位|13.5|1|苏K39386||9901||S|2025-01-01|2037-1-1\n\
         1|B0002|地下停车位|13.5|2|苏K50444|五菱|9903|白|H|2025-01-01|2037-1-1\n\
         1|B0003|地下停车位|13.5||||||||",
    ),
];

fn workbook() -> Workbook {
    let sheet = |(name, text): &(&str, &str)| Sheet {
        name: (*name).to_owned(),
        rows: text
            .lines()
            .zip(1..)
            .map(|(line, number)| Row { number, cells: line.split('|').map(|cell| Cell::text(cell.trim())).collect() })
            .collect(),
    };
    Workbook { sheets: TABLES.iter().map(sheet).collect() }
}

fn sheet_mut<'a>(workbook: &'a mut Workbook, name: &str) -> &'a mut Sheet {
    workbook.sheets.iter_mut().find(|sheet| sheet.name == name).unwrap()
}

/// Puts a cell at a row of the spreadsheet, below the title that starts with `title`.
fn put(workbook: &mut Workbook, sheet: &str, row: u32, title: &str, cell: Cell) {
    let sheet = sheet_mut(workbook, sheet);
    let starts = |cell: &Cell| matches!(cell, Cell::Text(text) if text.starts_with(title));
    let column = sheet.rows[0].cells.iter().position(starts).unwrap();
    let cells = &mut sheet.rows.iter_mut().find(|found| found.number == row).unwrap().cells;
    cells.resize(cells.len().max(column + 1), Cell::Empty);
    cells[column] = cell;
}

fn changed(sheet: &str, row: u32, title: &str, text: &str) -> Workbook {
    let mut workbook = workbook();
    put(&mut workbook, sheet, row, title, Cell::text(text));
    workbook
}

fn problems(workbook: &Workbook) -> Vec<InputProblem<Reason>> {
    parse(workbook).map(|_| ()).expect_err("the workbook has a problem")
}

/// Checks that there is one problem, and that it names the place and says the reason.
fn check(workbook: &Workbook, sheet: &str, row: u32, column: &str, reason: &str) {
    let problems = problems(workbook);
    let [problem] = problems.as_slice() else { panic!("not one problem: {problems:#?}") };
    assert_eq!((problem.sheet.as_str(), problem.row), (sheet, row), "{problem:?}");
    assert!(problem.column.starts_with(column), "{problem:?}");
    assert!(problem.reason.told(Language::En).sentence.contains(reason), "{problem:?}");
}

#[test]
fn the_small_workbook_is_understood() {
    let desired = parse(&workbook()).unwrap();
    let counts = desired.counts();
    assert_eq!((counts.buildings, counts.entrances, counts.units, counts.unsold), (2, 3, 4, 1));
    assert_eq!((counts.owners, counts.members, counts.parking_spaces, counts.vehicles), (2, 3, 3, 2));
    assert_eq!((counts.fee_items, counts.fee_assignments), (3, 4));
    assert_eq!(desired.units[0].gross_floor_area_cm2, 895_000);
    assert_eq!(desired.units[2].rent_fen, Some(120_050));
    assert_eq!(desired.units[0].fees[1], ("2".to_owned(), "2025-02-15".parse().unwrap()));
    assert_eq!(desired.parties[0].identity_no, None);
    assert_eq!(desired.parties[1].identity_no.as_deref(), Some("320102197001011234"));
    assert_eq!(desired.parties[2].source_no(), "@3");
}

#[rstest]
#[case::storeys_of_nothing("楼栋单元", 2, "总层数", "", "is empty")]
#[case::half_storeys("楼栋单元", 2, "总层数", "18.5", "whole number")]
#[case::no_storeys("楼栋单元", 2, "总层数", "0", "whole number from 1")]
#[case::lift_unknown("楼栋单元", 2, "是否有电梯", "坏", "known are 有, 无")]
#[case::name_missing("业主信息", 2, "业主名称", "", "is empty")]
#[case::name_too_long("业主信息", 2, "业主名称", &"长".repeat(1_001), "longer than 1000")]
#[case::formula_injection("业主信息", 2, "业主名称", "=HYPERLINK(\"http://x\")", "like a formula")]
#[case::formula_injection_at("业主信息", 2, "业主名称", "@SUM(A1:A9)", "like a formula")]
#[case::formula_injection_plus("业主信息", 2, "手机号", "+cmd|' /C calc'!A0", "like a formula")]
#[case::formula_injection_minus("业主信息", 2, "业主名称", "-1+1", "like a formula")]
#[case::control_character("业主信息", 2, "业主名称", "罗\u{0}浩", "control character")]
#[case::gender_unknown("业主信息", 2, "性别", "未知", "known are 男, 女")]
#[case::age_text("业主信息", 2, "年龄", "七十", "whole number from 0 to 150")]
#[case::age_impossible("业主信息", 2, "年龄", "-1", "whole number from 0 to 150")]
#[case::owner_type_unknown("业主信息", 4, "业主类型", "1009", "known are 1001, 1002, 1003, 1004")]
#[case::owner_type_missing("业主信息", 4, "业主类型", "", "is empty")]
#[case::owner_number_missing("业主信息", 4, "业主编号", "", "is empty")]
#[case::owner_number_reserved("业主信息", 6, "编号", "5@1", "the sign @")]
#[case::member_without_owner("业主信息", 4, "业主编号", "77", "no owner (1001)")]
#[case::member_of_a_member("业主信息", 4, "业主编号", "3", "no owner (1001)")]
#[case::doubled_row_number("业主信息", 6, "编号", "4", "row 5 already")]
#[case::doubled_fee_name("费用设置", 3, "收费项目", "住宅物业费", "row 2 already")]
#[case::fee_name_missing("费用设置", 2, "收费项目", "", "is empty")]
#[case::cycle_zero("费用设置", 2, "缴费周期", "0", "whole number from 1")]
#[case::cycle_negative("费用设置", 2, "缴费周期", "-3", "whole number from 1")]
#[case::cycle_half("费用设置", 2, "缴费周期", "1.5", "whole number from 1")]
#[case::fee_without_start("费用设置", 2, "计费起始时间", "", "is empty")]
#[case::fee_start_impossible("费用设置", 2, "计费起始时间", "2025-02-30", "no such day")]
#[case::fee_end_before_start("费用设置", 2, "计费结束时间", "2024-12-31", "after the start")]
#[case::fee_end_at_start("费用设置", 2, "计费结束时间", "2025-1-1", "after the start")]
#[case::formula_unknown("费用设置", 2, "计算公式", "3003", "formula code 3003 has no plug-in yet")]
#[case::formula_missing("费用设置", 2, "计算公式", "", "is empty")]
#[case::price_missing("费用设置", 2, "计费单价", "", "is empty")]
#[case::price_text("费用设置", 2, "计费单价", "两块八", "not a number")]
#[case::price_negative("费用设置", 2, "计费单价", "-2.8", "negative")]
#[case::price_too_fine("费用设置", 2, "计费单价", "2.80001", "more than 4 decimal")]
#[case::price_far_too_fine("费用设置", 2, "计费单价", "2.8000000001", "more than 4 decimal")]
#[case::amount_missing("费用设置", 3, "固定费用", "", "is empty")]
#[case::amount_below_a_fen("费用设置", 3, "固定费用", "8.005", "more than 2 decimal")]
#[case::area_text("房屋信息", 2, "建筑面积", "八十九", "not a number")]
#[case::area_grouped("房屋信息", 2, "建筑面积", "1,089.5", "not a number")]
#[case::area_exponent("房屋信息", 2, "建筑面积", "1e3", "not a number")]
#[case::area_missing("房屋信息", 2, "建筑面积", "", "is empty")]
#[case::area_negative("房屋信息", 2, "建筑面积", "-89.5", "negative")]
#[case::area_zero("房屋信息", 2, "建筑面积", "0", "greater than 0")]
#[case::area_a_little_large("房屋信息", 2, "建筑面积", "1000000.0001", "at most 1000000 m²")]
#[case::area_huge("房屋信息", 2, "建筑面积", "1000000000000", "at most 1000000 m²")]
#[case::area_beyond_numbers("房屋信息", 2, "建筑面积", "1000000000000000000000000", "at most 1000000 m²")]
#[case::area_too_fine("房屋信息", 2, "建筑面积", "89.50001", "more than 4 decimal")]
#[case::internal_area_negative("房屋信息", 2, "室内面积", "-1", "negative")]
#[case::rent_negative("房屋信息", 2, "租金", "-1", "negative")]
#[case::unknown_owner("房屋信息", 2, "业主编号", "999", "no owner (1001)")]
#[case::member_as_owner("房屋信息", 2, "业主编号", "3", "no owner (1001)")]
#[case::unknown_fee("房屋信息", 2, "房屋费用", "1#9", "no fee item has the number \"9\"")]
#[case::fee_twice("房屋信息", 2, "房屋费用", "1#1", "twice")]
#[case::empty_fee("房屋信息", 2, "房屋费用", "1#", "empty")]
#[case::fewer_dates("房屋信息", 2, "费用开始时间", "2025-01-01", "1 start date for 2 fee items")]
#[case::no_dates("房屋信息", 2, "费用开始时间", "", "0 start dates for 2 fee items")]
#[case::more_dates("房屋信息", 3, "费用开始时间", "2025-01-01#2025-01-01", "2 start dates for 1 fee item")]
#[case::fee_date_impossible(
    "房屋信息",
    2,
    "费用开始时间",
    "2025-01-01#2025-02-30",
    "\"2025-02-30\": there is no such day"
)]
#[case::unit_type_unknown("房屋信息", 2, "房屋类型", "130", "known are 110, 120")]
#[case::unknown_building("房屋信息", 2, "楼栋编号", "9", "no such building")]
#[case::unknown_entrance("房屋信息", 2, "单元编号", "3", "building 6 has no such entrance")]
#[case::doubled_unit("房屋信息", 3, "房屋编号", "101", "row 2 already")]
#[case::storey_above_the_roof("房屋信息", 4, "房屋楼层", "7", "the building has 6 storeys")]
#[case::storey_text("房屋信息", 2, "房屋楼层", "一", "whole number")]
#[case::doubled_space("车位信息", 4, "车位编码", "B0002", "row 3 already")]
#[case::space_area_text("车位信息", 2, "面积", "大", "not a number")]
#[case::space_owner_unknown("车位信息", 2, "业主编号", "999", "no owner (1001)")]
#[case::space_tenure_unknown("车位信息", 2, "出租还是出售", "X", "known are S, H")]
#[case::space_tenure_missing("车位信息", 2, "出租还是出售", "", "S is sold")]
#[case::space_holder_missing("车位信息", 2, "业主编号", "", "names a car")]
#[case::space_end_before_start("车位信息", 2, "结束时间", "2024-01-01", "after the start")]
#[case::space_date_impossible("车位信息", 2, "开始时间", "2025-13-01", "no such day")]
#[case::vehicle_kind_unknown("车位信息", 2, "车类型", "9909", "known are 9901, 9902, 9903")]
#[case::plate_missing("车位信息", 3, "车牌号", "", "describes a car")]
#[case::doubled_plate("车位信息", 3, "车牌号", "苏K39386", "row 2 already")]
#[case::parking_area_of_two_kinds("车位信息", 3, "停车场类型", "地上停车位", "earlier row")]
fn a_bad_cell_is_named(
    #[case] sheet: &str,
    #[case] row: u32,
    #[case] title: &str,
    #[case] text: &str,
    #[case] reason: &str,
) {
    check(&changed(sheet, row, title, text), sheet, row, title, reason);
}

#[rstest]
#[case::formula(Cell::Formula("=SUM(A1:A9)".into()), "holds a formula")]
#[case::error(Cell::Error("#REF!".into()), "an error of the spreadsheet")]
#[case::lost_digits(Cell::Number("320102197001011200".into()), "keep 15 digits")]
fn a_cell_that_is_no_value_is_named(#[case] cell: Cell, #[case] reason: &str) {
    let mut workbook = workbook();
    put(&mut workbook, "业主信息", 3, "身份证号", cell);
    check(&workbook, "业主信息", 3, "身份证号", reason);
}

#[test]
fn the_placeholder_of_identity_numbers_may_be_typed_as_a_number() {
    let mut workbook = workbook();
    put(&mut workbook, "业主信息", 3, "身份证号", Cell::Number("111111111111111000".into()));
    assert_eq!(parse(&workbook).unwrap().parties[1].identity_no, None);
}

#[rstest]
#[case::entrance("楼栋单元", "单元编号")]
#[case::owner("业主信息", "业主编号")]
#[case::fee_item("费用设置", "费用编号")]
#[case::unit("房屋信息", "房屋编号")]
#[case::space("车位信息", "车位编码")]
fn a_doubled_row_is_named_once(#[case] name: &str, #[case] title: &str) {
    let mut workbook = workbook();
    let sheet = sheet_mut(&mut workbook, name);
    let again = Row { number: 9, cells: sheet.rows[1].cells.clone() };
    sheet.rows.push(again);
    check(&workbook, name, 9, title, "row 2 already");
}

#[test]
fn a_missing_column_and_a_missing_sheet_are_named_without_their_consequences() {
    let mut workbook = workbook();
    workbook.sheets.retain(|sheet| sheet.name != "费用设置");
    put(&mut workbook, "业主信息", 1, "业主名称", Cell::text("姓名"));
    put(&mut workbook, "房屋信息", 2, "建筑面积", Cell::text("大"));
    let found: Vec<_> =
        problems(&workbook).into_iter().map(|problem| (problem.sheet, problem.row, problem.column)).collect();
    let expected = [("业主信息", 1, "业主名称"), ("费用设置", 1, ""), ("房屋信息", 2, "建筑面积")];
    assert_eq!(found, expected.map(|(sheet, row, column)| (sheet.to_owned(), row, column.to_owned())));
}

#[test]
fn all_problems_come_at_once_in_the_order_of_the_workbook() {
    let mut workbook = workbook();
    put(&mut workbook, "车位信息", 2, "面积", Cell::text("x"));
    put(&mut workbook, "房屋信息", 4, "建筑面积", Cell::text("-1"));
    put(&mut workbook, "房屋信息", 2, "租金", Cell::text("x"));
    put(&mut workbook, "房屋信息", 2, "建筑面积", Cell::text("x"));
    put(&mut workbook, "楼栋单元", 2, "总层数", Cell::text("x"));
    let found: Vec<_> = problems(&workbook).into_iter().map(|problem| (problem.row, problem.column)).collect();
    let expected = [(2, "总层数"), (2, "建筑面积"), (2, "租金"), (4, "建筑面积"), (2, "面积")];
    assert_eq!(found, expected.map(|(row, column)| (row, column.to_owned())));
}

#[test]
fn columns_are_found_by_title_and_side_cells_are_ignored() {
    let mut moved = workbook();
    for row in &mut sheet_mut(&mut moved, "房屋信息").rows {
        row.cells.insert(0, Cell::text("=说明"));
        row.cells.resize(13, Cell::Empty);
        row.cells.swap(1, 7);
    }
    // A row with nothing but an explanation is no row of the table.
    sheet_mut(&mut moved, "房屋信息").rows.push(Row { number: 9, cells: vec![Cell::text("说明")] });
    assert_eq!(parse(&moved), parse(&workbook()));
}

// --- plans

const PROJECT: ProjectId = ProjectId(Uuid::from_u128(1));

fn plugins() -> FormulaPlugins {
    let choice = |id: &str| PluginChoice { id: id.into(), version: "1.0.0".into(), digest: format!("digest of {id}") };
    FormulaPlugins { area_fee: choice("area-fee"), fixed_fee: choice("fixed-fee") }
}

#[derive(Debug, Default, Clone)]
struct World {
    estate: Estate,
    bindings: Vec<Binding>,
}

impl World {
    fn imported() -> Self {
        let mut world = Self::default();
        world.import(&workbook());
        world
    }

    fn plan(&self, workbook: &Workbook) -> ImportPlan {
        plan(&parse(workbook).unwrap(), &self.estate, &self.bindings, PROJECT, &plugins())
    }

    fn import(&mut self, workbook: &Workbook) -> ImportPlan {
        let plan = self.plan(workbook);
        apply(&plan.changes, &mut self.estate, &mut self.bindings);
        assert!(self.plan(workbook).changes.is_empty(), "a second import changes something");
        plan
    }

    fn unit(&self, unit_no: &str, owner: &str) -> &Unit {
        let owned = |unit: &&Unit| {
            unit.unit_no == unit_no
                && self.tenures(unit).iter().any(|(name, kind, ..)| *name == owner && *kind == TenureKind::Owner)
        };
        self.estate.units.iter().find(owned).unwrap()
    }

    fn tenures(&self, unit: &Unit) -> Vec<(&str, TenureKind, String, String)> {
        let name = |id: PartyId| self.estate.parties.iter().find(|party| party.id == id).unwrap().name.as_str();
        let day = |day: Option<Date>| day.map_or_else(String::new, |day| day.to_string());
        let of_unit = self.estate.tenures.iter().filter(|tenure| tenure.unit_id == unit.id);
        of_unit.map(|tenure| (name(tenure.party_id), tenure.kind, day(tenure.starts_on), day(tenure.ends_on))).collect()
    }
}

fn differences(plan: &ImportPlan) -> Vec<String> {
    plan.differences.iter().map(|difference| difference.line(Language::En)).collect()
}

#[test]
fn a_first_import_makes_everything() {
    let world = World::imported();
    let always = |name: &'static str, kind| (name, kind, String::new(), String::new());
    let home = world.unit("102", "罗浩敏");
    assert_eq!(home.occupancy, OccupancyStatus::Occupied);
    assert_eq!(
        world.tenures(home),
        [
            always("罗浩敏", TenureKind::Owner),
            always("钟宇", TenureKind::FamilyMember),
            always("江玉敏", TenureKind::Lessee)
        ]
    );
    let unsold: Vec<_> = world.estate.units.iter().filter(|unit| unit.occupancy == OccupancyStatus::Unsold).collect();
    assert_eq!(unsold.iter().map(|unit| unit.unit_no.as_str()).collect::<Vec<_>>(), ["101", "B0003"]);
    assert!(unsold.iter().all(|unit| world.tenures(unit).is_empty()));
    let let_space = world.estate.units.iter().find(|unit| unit.unit_no == "B0002").unwrap();
    assert_eq!(world.tenures(let_space), [("韦娜", TenureKind::Lessee, "2025-01-01".into(), "2037-01-01".into())]);
    assert_eq!((world.estate.vehicles.len(), world.estate.fee_assignments.len()), (2, 4));
}

#[test]
fn formula_codes_become_bindings_that_fit_their_plug_ins() {
    let world = World::imported();
    let rows: Vec<_> = world
        .bindings
        .iter()
        .map(|binding| {
            assert_eq!(
                (binding.mode, binding.effective_from.to_string().as_str()),
                (BindingMode::Active, "2025-01-01")
            );
            (binding.plugin_id.as_str(), binding.settings.as_str())
        })
        .collect();
    let area = r#"{"area":"built-up","price":"2.8","proration":"actual-days","surcharge":"0"}"#;
    let office = r#"{"area":"built-up","price":"4.35","proration":"actual-days","surcharge":"20"}"#;
    let fixed = r#"{"amount":"8","proration":"actual-days"}"#;
    assert_eq!(rows, [("area-fee", area), ("fixed-fee", fixed), ("area-fee", office)]);
    for (plugin, settings) in rows {
        let path = format!("{}/../../plugins/{plugin}/settings.schema.json", env!("CARGO_MANIFEST_DIR"));
        let schema = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        check_settings(&schema, settings).unwrap();
        assert_eq!(crate::plugin::canonical_settings(settings).unwrap(), settings);
    }
}

/// Each changed cell gives exactly the change and the line that it says.
#[rstest]
#[case::area("房屋信息", 2, "建筑面积", "90", (0, 1, 0), "changed: unit 6-1-101: gross floor area 89.5 -> 90")]
#[case::storeys("楼栋单元", 2, "总层数", "19", (0, 1, 0), "changed: entrance 6-1: storeys 18 -> 19")]
#[case::name("业主信息", 2, "业主名称", "罗敏", (0, 1, 0), "changed: owner 1: name")]
#[case::fee_name("费用设置", 3, "收费项目", "清运费", (0, 1, 0), "changed: fee item 清运费: name 垃圾清运费 -> 清运费")]
#[case::fee_number_of_a_name("费用设置", 4, "费用类型", "商业", (0, 1, 0), "changed: fee item 商业物业费: category 物业费 -> 商业")]
#[case::price("费用设置", 2, "计费单价", "3", (0, 2, 0), "changed: fee item 住宅物业费: unit price 2.8 -> 3")]
#[case::fee_start("费用设置", 4, "计费起始时间", "2025-3-1", (0, 2, 0), "changed: fee item 商业物业费: start 2025-01-01 -> 2025-03-01")]
#[case::assignment_gone("房屋信息", 3, "房屋费用", "2", (1, 0, 1), "changed: unit 6-1-102: fees [1 from 2025-01-01] -> [2 from 2025-01-01]")]
#[case::assignment_start("房屋信息", 3, "费用开始时间", "2025-05-01", (0, 1, 0), "changed: unit 6-1-102: fees [1 from 2025-01-01] -> [1 from 2025-05-01]")]
// The tenure of the owner, and the two people of the first household against the one of the second.
#[case::owner("房屋信息", 3, "业主编号", "2", (1, 1, 2), "changed: unit 6-1-102: owner 1 -> 2")]
#[case::sold("房屋信息", 4, "业主编号", "2", (2, 1, 0), "changed: unit 6-2-101: owner none -> 2; occupancy unsold -> occupied")]
#[case::given_back("房屋信息", 5, "业主编号", "", (0, 1, 2), "changed: unit 7-1-101: owner 2 -> none; occupancy occupied -> unsold")]
#[case::member_moves("业主信息", 5, "业主编号", "2", (1, 1, 2), "changed: lessee 4 of owner 2: household")]
#[case::member_kind("业主信息", 5, "业主类型", "1002", (2, 1, 2), "changed: family-member 4 of owner 1: kind")]
#[case::space_sold("车位信息", 3, "出租还是出售", "S", (0, 1, 0), "changed: parking space 1-B0002: tenure lessee -> owner")]
#[case::space_end("车位信息", 3, "结束时间", "2030-1-1", (0, 1, 0), "changed: parking space 1-B0002: end 2037-01-01 -> 2030-01-01")]
#[case::space_holder("车位信息", 3, "业主编号", "1", (0, 2, 0), "changed: parking space 1-B0002: holder 2 -> 1; car changed")]
#[case::plate("车位信息", 3, "车牌号", "苏K99999", (0, 1, 0), "changed: parking space 1-B0002: car changed")]
#[case::colour("车位信息", 3, "颜色", "黑", (0, 1, 0), "changed: parking space 1-B0002: car changed")]
fn a_changed_cell_is_a_change(
    #[case] sheet: &str,
    #[case] row: u32,
    #[case] title: &str,
    #[case] text: &str,
    #[case] expected: (usize, usize, usize),
    #[case] line: &str,
) {
    let mut world = World::imported();
    let plan = world.import(&changed(sheet, row, title, text));
    let count = plan.change_count();
    assert_eq!((count.inserted, count.updated, count.deleted), expected, "{:#?}", plan.changes);
    assert_eq!(differences(&plan), [line]);
}

#[test]
fn a_changed_price_changes_the_settings_of_its_binding() {
    let mut world = World::imported();
    let binding = world.bindings[0].clone();
    world.import(&changed("费用设置", 2, "计费单价", "3.1"));
    assert_eq!(world.bindings[0].settings, binding.settings.replace("2.8", "3.1"));
    assert_eq!(world.bindings[0].id, binding.id);
}

#[test]
fn a_rule_that_was_chosen_by_hand_stays_until_its_price_changes() {
    let mut world = World::imported();
    world.bindings[0].plugin_version = "2.0.0".into();
    world.bindings[0].settings = "{}".into();
    assert!(world.plan(&workbook()).changes.is_empty());
    assert!(world.plan(&changed("费用设置", 2, "收费项目", "物业费")).changes.bindings.is_empty());
    let plan = world.plan(&changed("费用设置", 2, "固定费用", "5"));
    assert_eq!(plan.changes.bindings.update.len(), 1);
}

/// The records allow one assignment of a fee item to a unit.
#[test]
fn an_ended_assignment_is_not_exported_and_goes_on_when_it_is_named_again() {
    let mut world = World::imported();
    let ended = world.estate.fee_assignments[0].id;
    world.estate.fee_assignments[0].ends_on = "2025-06-01".parse().ok();
    assert!(world.plan(&export(&world.estate).workbook).changes.is_empty());
    let plan = world.import(&workbook());
    assert_eq!(plan.changes.fee_assignments.update[0].id, ended);
    assert_eq!(plan.change_count(), ChangeCount { updated: 1, ..ChangeCount::default() });
}

/// A fee item that the office made itself is taken over by the row of its name, with its assignments.
#[test]
fn a_fee_item_of_the_same_name_is_the_same() {
    let mut world = World::imported();
    let item = &mut world.estate.fee_items[1];
    (item.source_no, item.formula_code) = (None, None);
    let id = item.id;
    let plan = world.import(&workbook());
    assert_eq!(plan.changes.fee_items.update[0].id, id);
    assert_eq!(plan.change_count(), ChangeCount { updated: 1, ..ChangeCount::default() });
}

#[test]
fn rows_that_are_gone_are_told_and_stay() {
    let mut world = World::imported();
    let mut less = workbook();
    for (sheet, row) in [("楼栋单元", 3), ("业主信息", 6), ("费用设置", 4), ("房屋信息", 4), ("车位信息", 4)]
    {
        sheet_mut(&mut less, sheet).rows.retain(|found| found.number != row);
    }
    let plan = world.import(&less);
    assert!(plan.changes.is_empty(), "{:#?}", plan.changes);
    assert!(plan.differences.iter().all(|line| line.kind == DifferenceKind::Missing));
    let what: Vec<String> = plan.differences.iter().map(|line| line.what.told(Language::En)).collect();
    assert_eq!(
        what,
        ["entrance 6-2", "temporary 5 of owner 2", "fee item 商业物业费", "unit 6-2-101", "parking space 1-B0003"]
    );
}

#[test]
fn a_car_that_is_gone_from_its_space_is_removed_and_one_that_moves_is_kept() {
    let mut world = World::imported();
    let moving = world.estate.vehicles[1].id;
    let mut swapped = workbook();
    for title in ["车牌号", "车品牌", "车类型", "颜色"] {
        put(&mut swapped, "车位信息", 3, title, Cell::Empty);
    }
    put(&mut swapped, "车位信息", 2, "车牌号", Cell::text("苏K50444"));
    let plan = world.import(&swapped);
    assert_eq!(plan.changes.vehicles.update[0].id, moving);
    assert_eq!((plan.changes.vehicles.delete.len(), world.estate.vehicles.len()), (1, 1));
}

#[test]
fn what_the_workbook_cannot_say_stays() {
    let mut world = World::imported();
    let vacant = world.unit("102", "罗浩敏").id;
    world.estate.units.iter_mut().find(|unit| unit.id == vacant).unwrap().occupancy = OccupancyStatus::Vacant;
    world.estate.fee_items[0].payer_rule = crate::fee_item::PayerRule::Occupant;
    world.estate.buildings[0].kind = Some("high-rise".into());
    assert!(world.plan(&workbook()).changes.is_empty());
    // A change of owner keeps it, too.
    let plan = world.plan(&changed("房屋信息", 3, "业主编号", "2"));
    assert!(plan.changes.units.is_empty(), "{:#?}", plan.changes.units);
}

/// A change of owner on a day, as the console makes it.
fn sold_on_a_day(world: &mut World) {
    let unit_id = world.unit("102", "罗浩敏").id;
    let buyer =
        Party { id: PartyId::generate(), name: "新业主".into(), source_no: None, ..world.estate.parties[0].clone() };
    let day = "2025-03-11".parse().ok();
    let tenures = &mut world.estate.tenures;
    tenures.iter_mut().find(|row| row.unit_id == unit_id && row.kind == TenureKind::Owner).unwrap().ends_on = day;
    let (id, party_id) = (TenureId::generate(), buyer.id);
    tenures.push(Tenure { id, unit_id, party_id, kind: TenureKind::Owner, starts_on: day, ends_on: None });
    world.estate.parties.push(buyer);
}

#[test]
fn an_export_leads_back_to_the_same_records() {
    let mut world = World::imported();
    sold_on_a_day(&mut world);
    let exported = export(&world.estate);
    assert_eq!(exported.left_out, []);
    assert!(world.plan(&exported.workbook).changes.is_empty());
    let mut elsewhere = World::default();
    elsewhere.import(&exported.workbook);
    assert_eq!(export(&elsewhere.estate), exported);
}

#[test]
fn an_export_names_what_has_no_row() {
    let mut world = World::imported();
    world.estate.units[0].kind = UnitKind::Shop;
    world.estate.fee_items[2].formula_code = None;
    world.estate.parties[3].household_of = None;
    let exported = export(&world.estate);
    let told = |language| exported.left_out.iter().map(|left_out| left_out.told(language)).collect::<Vec<_>>();
    let english = told(Language::En);
    assert_eq!(english.len(), 3);
    assert!(english[0].starts_with("lessee "), "{exported:?}");
    assert_eq!(english[1..], ["fee item 商业物业费, which no formula code computes", "unit of kind shop 101"]);
    let chinese = told(Language::Zh);
    assert!(chinese[0].starts_with("没有所属业主的租户 "), "{exported:?}");
    assert_eq!(chinese[1..], ["收费项目“商业物业费”，表格里没有对应的计算公式", "商铺 101，表格里没有这种房屋类型"]);
    assert!(world.plan(&exported.workbook).changes.is_empty());
}

#[test]
fn an_owner_is_known_by_the_owner_number_wherever_the_row_is() {
    let mut world = World::imported();
    let before = world.estate.parties.clone();
    let mut resorted = workbook();
    // The third row becomes the second, as when a family is kept together.
    for (row, number) in [(3, "3"), (4, "2")] {
        put(&mut resorted, "业主信息", row, "编号", Cell::text(number));
    }
    let plan = world.import(&resorted);
    let renumbered = plan.changes.parties.update.iter().map(|party| (party.id, party.source_no.as_deref()));
    assert_eq!(renumbered.collect::<Vec<_>>(), [(before[1].id, Some("2@3")), (before[2].id, Some("@2"))]);
    assert_eq!(plan.change_count(), ChangeCount { updated: 2, ..ChangeCount::default() });
    let exported = export(&world.estate);
    assert!(world.plan(&exported.workbook).changes.is_empty());
}

fn any_cell() -> impl Strategy<Value = Cell> {
    prop_oneof![
        Just(Cell::Empty),
        "\\PC{0,12}".prop_map(Cell::Text),
        "[-0-9#@=./ ]{0,12}".prop_map(Cell::Text),
        prop::sample::select(vec!["1", "2", "6", "1001", "1002", "110", "S", "有", "男", "2025-1-1", "1#2", "苏K1"])
            .prop_map(Cell::text),
        any::<i64>().prop_map(|number| Cell::Number(number.to_string())),
        "-?[0-9]{1,30}(\\.[0-9]{1,20})?".prop_map(Cell::Number),
        Just(Cell::Formula("=A1".into())),
        Just(Cell::Error("#N/A".into())),
    ]
}

/// Cells that may become one of several sensible values, and so lead from one good workbook to another.
const EDITS: [(&str, u32, &str, &[&str]); 22] = [
    ("业主信息", 3, "编号", &["2", "3", "12"]),
    ("业主信息", 4, "编号", &["3", "2", "13"]),
    ("业主信息", 5, "编号", &["4", "14"]),
    ("业主信息", 4, "业主名称", &["钟宇", "江玉敏", "新人"]),
    ("业主信息", 4, "业主编号", &["1", "2"]),
    ("业主信息", 4, "业主类型", &["1002", "1003", "1004"]),
    ("业主信息", 5, "业主编号", &["1", "2"]),
    ("费用设置", 2, "计费单价", &["2.8", "2.80", "3"]),
    ("费用设置", 2, "计算公式", &["1001", "2002"]),
    ("费用设置", 4, "计费起始时间", &["2025-1-1", "2025-07-01"]),
    ("房屋信息", 2, "房屋编号", &["101", "109"]),
    ("房屋信息", 2, "业主编号", &["", "1", "2"]),
    ("房屋信息", 3, "业主编号", &["", "1", "2"]),
    ("房屋信息", 5, "业主编号", &["", "1", "2"]),
    ("房屋信息", 2, "房屋费用", &["1#2", "2#1", "3#1"]),
    ("房屋信息", 3, "费用开始时间", &["2025-01-01", "2025-1-2"]),
    ("车位信息", 2, "业主编号", &["1", "2"]),
    ("车位信息", 2, "车牌号", &["苏K39386", "苏K50444", "苏K3"]),
    ("车位信息", 3, "车牌号", &["苏K50444", "苏K39386", "苏K4"]),
    ("车位信息", 3, "出租还是出售", &["H", "S"]),
    ("车位信息", 3, "开始时间", &["", "2025-01-01"]),
    ("车位信息", 3, "结束时间", &["", "2037-1-1"]),
];

/// Rows that nothing refers to, so that they may be missing.
const SPARE_ROWS: [(&str, u32); 5] =
    [("业主信息", 5), ("业主信息", 6), ("房屋信息", 3), ("房屋信息", 5), ("车位信息", 3)];

fn any_edition() -> impl Strategy<Value = Workbook> {
    let edits = prop::collection::vec((0..EDITS.len(), any::<prop::sample::Index>()), 0..8);
    let gone = prop::collection::vec(0..SPARE_ROWS.len(), 0..3);
    (edits, gone).prop_map(|(edits, gone)| {
        let mut workbook = workbook();
        for (edit, value) in edits {
            let (sheet, row, title, values) = EDITS[edit];
            put(&mut workbook, sheet, row, title, Cell::text(*value.get(values)));
        }
        for (sheet, number) in gone.into_iter().map(|row| SPARE_ROWS[row]) {
            sheet_mut(&mut workbook, sheet).rows.retain(|row| row.number != number);
        }
        workbook
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// From any edition of a workbook to any other: the second import of each changes nothing, no key is doubled, and an
    /// export leads back to the same records.
    #[test]
    fn one_edition_follows_another(editions in prop::collection::vec(any_edition(), 1..4)) {
        let mut world = World::default();
        for edition in editions.iter().filter(|edition| parse(edition).is_ok()) {
            world.import(edition);
            let mut numbers: Vec<_> = world.estate.parties.iter().filter_map(|party| party.source_no.as_ref()).collect();
            let count = numbers.len();
            numbers.sort();
            numbers.dedup();
            prop_assert_eq!(numbers.len(), count);
            let again = world.plan(&export(&world.estate).workbook);
            prop_assert!(again.changes.is_empty(), "{:#?}", again.changes);
        }
    }

    /// Whatever stands in the cells, there is an answer, and every problem names a place.
    #[test]
    fn any_cells_are_answered(
        cells in prop::collection::vec((0..5_usize, 0..5_usize, 0..13_usize, any_cell()), 0..40),
    ) {
        let mut workbook = workbook();
        for (sheet, row, column, cell) in cells {
            let rows = &mut workbook.sheets[sheet].rows;
            let row = row % rows.len();
            let cells = &mut rows[row].cells;
            cells.resize(cells.len().max(column + 1), Cell::Empty);
            cells[column] = cell;
        }
        match parse(&workbook) {
            Ok(desired) => {
                let world = World::imported();
                let first = plan(&desired, &world.estate, &world.bindings, PROJECT, &plugins());
                let World { mut estate, mut bindings } = world;
                apply(&first.changes, &mut estate, &mut bindings);
                let second = plan(&desired, &estate, &bindings, PROJECT, &plugins());
                prop_assert!(second.changes.is_empty(), "{:#?}", second.changes);
                let again = parse(&export(&estate).workbook).unwrap();
                prop_assert!(plan(&again, &estate, &bindings, PROJECT, &plugins()).changes.is_empty());
            }
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                prop_assert!(problems.iter().all(|problem| problem.row > 0 && !problem.reason.told(Language::Zh).sentence.is_empty()));
            }
        }
    }
}
