//! A list of staff as offices keep it in a spreadsheet: taken on as a whole, or not at all with every bad cell named.

use std::collections::{BTreeMap, HashSet};

use super::{
    Code, Department, DepartmentAlias, Post, PostAssignment, Span, Staff, check_assignment, department_kind,
    find_departments, folded,
};
use crate::{
    Date, Error, Result,
    error::{InputProblem, Told},
    estate::Project,
    ids::{PostAssignmentId, ProjectId, StaffId},
    import::{Cell, PROBLEMS_MAX, Row, Sheet, Workbook},
    plugin::Language,
};

/// People of one list: more than any company of the trade has.
pub const STAFF_IMPORT_MAX: usize = 20_000;
/// What is shown of a cell that cannot be used.
const VALUE_CHARS_MAX: usize = 40;

/// What a list is read against.
#[derive(Debug, Clone, Default)]
pub struct StaffRecords {
    pub departments: Vec<Department>,
    pub aliases: Vec<DepartmentAlias>,
    pub posts: Vec<Post>,
    pub projects: Vec<Project>,
    /// Numbers that somebody has already.
    pub staff_nos: HashSet<String>,
}

/// People to take on, with the posts that they begin with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewStaff {
    pub staff: Vec<Staff>,
    pub assignments: Vec<PostAssignment>,
}

/// Columns of the list, each with the titles that it is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    StaffNo,
    Name,
    Phone,
    JoinedOn,
    Education,
    Department,
    Post,
    Project,
}

const COLUMNS: [(Column, bool, &[&str]); 8] = [
    (Column::StaffNo, true, &["工号", "员工编号", "staffno", "number", "no"]),
    (Column::Name, true, &["姓名", "name"]),
    (Column::Phone, false, &["电话", "手机", "手机号", "联系电话", "phone"]),
    (Column::JoinedOn, true, &["入职日期", "入职时间", "joined", "joinedon"]),
    (Column::Education, false, &["学历代码", "education"]),
    (Column::Department, false, &["部门", "department"]),
    (Column::Post, false, &["岗位", "职务", "post"]),
    (Column::Project, false, &["项目", "project"]),
];

/// Reads the first sheet. Departments are taken under any of their names; a post without a project is held for the whole company,
/// from the day of joining on.
///
/// # Errors
/// `Invalid` with every cell that cannot be used.
pub fn read_staff(workbook: &Workbook, records: &StaffRecords, language: Language) -> Result<NewStaff> {
    let sheet = workbook.sheets.first().ok_or_else(|| Error::invalid("the file has no table"))?;
    let mut reading = Reading { sheet, records, language, problems: Vec::new() };
    let mut rows = sheet.rows.iter().filter(|row| row.cells.iter().any(|cell| *cell != Cell::Empty));
    let Some(titles) = rows.next() else { return Err(Error::invalid("the table is empty")) };
    let columns = reading.columns(titles);
    let mut new = NewStaff::default();
    let mut seen = HashSet::new();
    for row in rows.take(STAFF_IMPORT_MAX.saturating_add(1)) {
        if reading.problems.len() >= PROBLEMS_MAX {
            break;
        }
        let Some((staff, assignment)) = reading.person(row, &columns, &mut seen) else { continue };
        new.staff.push(staff);
        new.assignments.extend(assignment);
    }
    if new.staff.len() > STAFF_IMPORT_MAX {
        return Err(Error::invalid(format!("a list has {STAFF_IMPORT_MAX} people at most")));
    }
    if reading.problems.is_empty() {
        return Ok(new);
    }
    let message = reading
        .say("这份名单有不能用的单元格；什么都没有写入", "the list has cells that cannot be used; nothing was written");
    Err(Error::Invalid { message, problems: reading.problems })
}

struct Reading<'a> {
    sheet: &'a Sheet,
    records: &'a StaffRecords,
    language: Language,
    problems: Vec<InputProblem>,
}

impl Reading<'_> {
    fn say(&self, zh: &str, en: &str) -> String {
        match self.language {
            Language::Zh => zh.to_owned(),
            Language::En => en.to_owned(),
        }
    }

    fn refuse(&mut self, row: u32, column: &str, value: &str, code: &'static str, zh: &str, en: &str) {
        let sentence = self.say(zh, en);
        self.problems.push(InputProblem {
            sheet: self.sheet.name.clone(),
            row,
            column: column.to_owned(),
            value: value.chars().take(VALUE_CHARS_MAX).collect(),
            reason: Told { code, sentence },
        });
    }

    fn columns(&mut self, titles: &Row) -> BTreeMap<Column, (usize, String)> {
        let mut found = BTreeMap::new();
        for (index, cell) in titles.cells.iter().enumerate() {
            let Some(title) = shown(cell) else { continue };
            let wanted = folded(&title);
            let column = COLUMNS.iter().find(|(.., names)| names.iter().any(|name| folded(name) == wanted));
            if let Some((column, ..)) = column {
                found.entry(*column).or_insert((index, title));
            }
        }
        for (column, required, names) in COLUMNS {
            let title = names[0];
            if required && !found.contains_key(&column) {
                self.refuse(titles.number, title, "", "missing-column", "缺少这一列", "this column is missing");
            }
        }
        found
    }

    /// Somebody with the post that they begin with, where nothing about them cannot be used.
    fn person(
        &mut self,
        row: &Row,
        columns: &BTreeMap<Column, (usize, String)>,
        seen: &mut HashSet<String>,
    ) -> Option<(Staff, Option<PostAssignment>)> {
        let before = self.problems.len();
        let mut text = |column: Column| -> (String, String) {
            let Some((index, title)) = columns.get(&column) else { return (String::new(), String::new()) };
            match row.cells.get(*index).map(|cell| (cell, shown(cell))) {
                None | Some((Cell::Empty, _)) => (String::new(), title.clone()),
                Some((_, Some(text))) => (text, title.clone()),
                Some((Cell::Formula(value) | Cell::Error(value), None)) => {
                    let (zh, en) = ("不是数值或文字，请粘贴为数值", "no plain value: paste it as one");
                    self.refuse(row.number, title, value, "no-value", zh, en);
                    (String::new(), title.clone())
                }
                Some((_, None)) => (String::new(), title.clone()),
            }
        };
        let cells: BTreeMap<Column, (String, String)> =
            COLUMNS.iter().map(|(column, ..)| (*column, text(*column))).collect();
        let of = |column: Column| cells.get(&column).cloned().unwrap_or_default();
        let joined_on = self.day(row.number, &of(Column::JoinedOn));
        let (staff_no, title) = of(Column::StaffNo);
        if self.records.staff_nos.contains(&staff_no) {
            self.refuse(
                row.number,
                &title,
                &staff_no,
                "taken",
                "已有员工用这个工号",
                "somebody has this number already",
            );
        } else if !staff_no.is_empty() && !seen.insert(staff_no.clone()) {
            self.refuse(
                row.number,
                &title,
                &staff_no,
                "twice",
                "名单里有两个这样的工号",
                "the list has this number twice",
            );
        }
        let (education, title) = of(Column::Education);
        let education: Option<Result<Code>> = (!education.is_empty()).then(|| education.parse());
        if matches!(education, Some(Err(_))) {
            let value = of(Column::Education).0;
            self.refuse(
                row.number,
                &title,
                &value,
                "no-code",
                "代码由小写字母、数字和短横线组成",
                "a code has small letters, digits and dashes",
            );
        }
        let staff = Staff {
            id: StaffId::generate(),
            staff_no,
            name: of(Column::Name).0,
            phone: Some(of(Column::Phone).0).filter(|phone| !phone.is_empty()),
            born_on: None,
            education: education.and_then(Result::ok),
            in_trade_since: None,
            joined_on: joined_on.unwrap_or_default(),
            left_on: None,
            user_id: None,
        };
        self.record_problems(row.number, &staff, &of);
        let assignment = self.assignment(row.number, &staff, &of);
        (self.problems.len() == before).then_some((staff, assignment))
    }

    /// What the record itself refuses, said of the cell that it came from.
    fn record_problems(&mut self, row: u32, staff: &Staff, of: &impl Fn(Column) -> (String, String)) {
        for problem in staff.problems() {
            let column = match problem.field {
                "staff_no" => Column::StaffNo,
                "name" => Column::Name,
                "phone" => Column::Phone,
                _ => Column::JoinedOn,
            };
            let (value, title) = of(column);
            // A missing column is said once, of the titles.
            if title.is_empty() {
                continue;
            }
            let (code, zh) =
                if value.is_empty() { ("required", "必须填写") } else { ("unusable", "内容不能用") };
            self.refuse(row, &title, &value, code, zh, &problem.reason);
        }
    }

    fn day(&mut self, row: u32, (value, title): &(String, String)) -> Option<Date> {
        if title.is_empty() {
            return None;
        }
        // Spreadsheets and people write 2025/3/1 as well.
        let parts: Vec<&str> = value.split(['-', '/', '.', '年', '月', '日']).filter(|part| !part.is_empty()).collect();
        let day = match parts.as_slice() {
            [year, month, day] => year.parse().ok().zip(month.parse().ok()).zip(day.parse().ok()),
            _ => None,
        };
        let day = day.and_then(|((year, month), day)| Date::from_ymd(year, month, day));
        if day.is_none() {
            self.refuse(
                row,
                title,
                value,
                "no-date",
                "不是日期，请写成 2025-03-01",
                "no date: write it like 2025-03-01",
            );
        }
        day
    }

    fn assignment(
        &mut self,
        row: u32,
        staff: &Staff,
        of: &impl Fn(Column) -> (String, String),
    ) -> Option<PostAssignment> {
        let (post, post_title) = of(Column::Post);
        let (department, department_title) = of(Column::Department);
        let (project, project_title) = of(Column::Project);
        let project_id = self.project(row, &project, &project_title)?;
        let departments = if department.is_empty() {
            None
        } else {
            let found = find_departments(&department, &self.records.departments, &self.records.aliases);
            if found.is_empty() {
                let known = department_kind(&department, &self.records.aliases).is_some();
                let (zh, en) = if known {
                    ("公司没有这类部门", "the company has no department of this kind")
                } else {
                    ("没有这个部门", "there is no such department")
                };
                self.refuse(row, &department_title, &department, "unknown-department", zh, en);
                return None;
            }
            Some(found.iter().map(|department| department.id).collect::<Vec<_>>())
        };
        if post.is_empty() {
            return None;
        }
        let posts = self.records.posts.iter().filter(|one| {
            one.closed_on.is_none()
                && folded(&one.name) == folded(&post)
                && departments.as_ref().is_none_or(|departments| departments.contains(&one.department_id))
        });
        let post = match posts.collect::<Vec<_>>().as_slice() {
            [one] => (*one).clone(),
            [] => {
                self.refuse(row, &post_title, &post, "unknown-post", "没有这个岗位", "there is no such post");
                return None;
            }
            _ => {
                let (zh, en) = ("几个部门都有这个岗位，请写明部门", "several departments have it: say which");
                self.refuse(row, &post_title, &post, "which-post", zh, en);
                return None;
            }
        };
        let assignment = PostAssignment {
            id: PostAssignmentId::generate(),
            staff_id: staff.id,
            post_id: post.id,
            project_id,
            span: Span::new(staff.joined_on, None),
            is_primary: true,
            share_permille: None,
        };
        if let Err(error) = check_assignment(&assignment, staff, &post, &[]) {
            self.refuse(row, &post_title, &post.name, "unusable", "不能担任这个岗位", &error.to_string());
            return None;
        }
        Some(assignment)
    }

    /// The project, if one is named; nothing at all where it is unknown.
    #[allow(clippy::option_option, reason = "no project and an unknown one are two things")]
    fn project(&mut self, row: u32, name: &str, title: &str) -> Option<Option<ProjectId>> {
        if name.is_empty() {
            return Some(None);
        }
        let found = self.records.projects.iter().find(|project| project.name == name).map(|project| project.id);
        if found.is_none() {
            self.refuse(row, title, name, "unknown-project", "没有这个项目", "there is no such project");
        }
        found.map(Some)
    }
}

/// What a cell says, if it is a plain value.
fn shown(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Text(text) | Cell::Number(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Cell::Empty | Cell::Formula(_) | Cell::Error(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::*, staff::PostLevel};

    fn table(rows: &[&[&str]]) -> Workbook {
        let rows = rows
            .iter()
            .zip(1..)
            .map(|(cells, number)| Row { number, cells: cells.iter().map(|text| Cell::text(*text)).collect() });
        Workbook { sheets: vec![Sheet { name: "员工".into(), rows: rows.collect() }] }
    }

    fn records() -> StaffRecords {
        let department = Department {
            id: DepartmentId::generate(),
            name: "管家部".into(),
            kind: "customer-service".parse().expect("is a code"),
            parent_id: None,
            closed_on: None,
        };
        let post = Post {
            id: PostId::generate(),
            name: "前台接待".into(),
            kind: "front-desk".parse().expect("is a code"),
            department_id: department.id,
            level: PostLevel::Worker,
            duties: String::new(),
            line_superior_id: None,
            functional_superior_id: None,
            optional: false,
            stand_in_id: None,
            closed_on: None,
        };
        StaffRecords {
            departments: vec![department],
            posts: vec![post],
            staff_nos: HashSet::from(["G1".to_owned()]),
            ..StaffRecords::default()
        }
    }

    #[test]
    fn a_list_is_read_under_any_name_of_a_department() {
        let records = records();
        let table = table(&[
            &["姓名", "工号", "手机号", "备注", "入职日期", "部门", "岗位"],
            &["李芳", "G2", "13800000001", "x", "2025/3/1", "客服部", "前台接待"],
            &[],
            &["王明", "G3", "", "", "2024-12-31", "", ""],
        ]);
        let new = read_staff(&table, &records, Language::Zh).expect("is a list");
        let people: Vec<_> = new.staff.iter().map(|staff| (staff.name.as_str(), staff.joined_on.to_string())).collect();
        assert_eq!(people, [("李芳", "2025-03-01".to_owned()), ("王明", "2024-12-31".to_owned())]);
        assert_eq!(new.assignments.len(), 1);
        assert_eq!((new.assignments[0].post_id, new.assignments[0].staff_id), (records.posts[0].id, new.staff[0].id));
    }

    #[test]
    fn every_bad_cell_is_named() {
        let bad = table(&[
            &["工号", "姓名", "电话", "入职日期", "部门", "岗位", "项目"],
            &["G1", "甲", "", "2025-01-01", "", "", ""],
            &["G2", "", "call me", "2025-02-30", "火星部", "前台接待", ""],
            &["G3", "丙", "", "2025-01-01", "财务部", "", "月球花园"],
            &["G3", "丁", "", "2025-01-01", "客服部", "机长", ""],
        ]);
        let Err(Error::Invalid { problems, .. }) = read_staff(&bad, &records(), Language::En) else {
            panic!("it is refused")
        };
        let found: Vec<_> =
            problems.iter().map(|problem| (problem.row, problem.column.as_str(), problem.reason.code)).collect();
        assert_eq!(
            found,
            [
                (2, "工号", "taken"),
                (3, "入职日期", "no-date"),
                (3, "姓名", "required"),
                (3, "电话", "unusable"),
                (3, "部门", "unknown-department"),
                (4, "项目", "unknown-project"),
                (5, "工号", "twice"),
                (5, "岗位", "unknown-post"),
            ]
        );
        let titles = table(&[&["姓名"], &["甲"]]);
        let Err(Error::Invalid { problems, .. }) = read_staff(&titles, &records(), Language::Zh) else {
            panic!("it is refused")
        };
        assert!(problems.iter().filter(|problem| problem.reason.code == "missing-column").count() == 2, "{problems:?}");
        assert!(read_staff(&Workbook::default(), &records(), Language::Zh).is_err());
    }
}
