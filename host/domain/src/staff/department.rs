//! Departments (部门): a tree, closed on a day, and the many names that companies give one kind of department.

use serde::{Deserialize, Serialize};

use super::{Code, NAME_LENGTH_MAX, text_problem};
use crate::{Date, Error, Result, estate::FieldProblem, ids::DepartmentId};

/// Levels of the tree: group, company, region, branch, project office, department, squad, and some room.
pub const DEPARTMENT_DEPTH_MAX: usize = 12;
/// Departments of one company: more than any organisation chart can show. The tree is read as a whole.
pub const DEPARTMENTS_MAX: usize = 2_000;

/// Part of a company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Department {
    pub id: DepartmentId,
    /// What the company calls it; unique under its parent.
    pub name: String,
    /// Which kind of department it is, whatever it is called: rules go by it.
    pub kind: Code,
    /// None for what stands at the top.
    pub parent_id: Option<DepartmentId>,
    /// The first day on which it no longer exists.
    pub closed_on: Option<Date>,
}

impl Department {
    /// Every field that a person may not have meant.
    #[must_use]
    pub fn problems(&self) -> Vec<FieldProblem> {
        text_problem("name", &self.name, NAME_LENGTH_MAX, true).into_iter().collect()
    }
}

/// Checks that a department fits into the tree of all others.
///
/// # Errors
/// `NotFound` for an unknown parent; `Refused` with `department-cycle`, `department-too-deep`, `department-closed` for a parent that
/// is closed before it, `department-open-below` for one that would be closed before what is under it; `Conflict` for a second
/// one of the name under the same parent.
pub fn check_department(department: &Department, all: &[Department]) -> Result<()> {
    let others = || all.iter().filter(|other| other.id != department.id);
    if others().any(|other| {
        other.parent_id == department.parent_id
            && other.closed_on.is_none()
            && folded(&other.name) == folded(&department.name)
    }) {
        return Err(Error::Conflict(format!("there is a department {:?} at this place already", department.name)));
    }
    let mut above = department.parent_id;
    let mut depth = 1;
    while let Some(id) = above {
        if id == department.id {
            return Err(Error::refused("department-cycle", "a department cannot lie under itself"));
        }
        depth += 1;
        if depth > DEPARTMENT_DEPTH_MAX {
            let sentence = format!("departments lie at most {DEPARTMENT_DEPTH_MAX} deep");
            return Err(Error::refused("department-too-deep", sentence));
        }
        let parent = others().find(|other| other.id == id).ok_or_else(|| Error::not_found("department", id))?;
        if is_earlier(parent.closed_on, department.closed_on) {
            let sentence = format!("{} is closed: nothing open can lie under it", parent.name);
            return Err(Error::refused("department-closed", sentence));
        }
        above = parent.parent_id;
    }
    let below = others()
        .find(|other| other.parent_id == Some(department.id) && is_earlier(department.closed_on, other.closed_on));
    if let Some(below) = below {
        let sentence = format!("{} lies under it and goes on: close it first", below.name);
        return Err(Error::refused("department-open-below", sentence));
    }
    Ok(())
}

/// Whether the first ends before the second; what has no end never does.
pub(crate) fn is_earlier(first: Option<Date>, second: Option<Date>) -> bool {
    first.is_some_and(|first| second.is_none_or(|second| first < second))
}

/// A name that a company gives to a kind of department, beside those that everybody knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepartmentAlias {
    pub kind: Code,
    pub alias: String,
}

impl DepartmentAlias {
    #[must_use]
    pub fn problems(&self) -> Vec<FieldProblem> {
        text_problem("alias", &self.alias, NAME_LENGTH_MAX, true).into_iter().collect()
    }
}

/// A kind of department that any company may have, with the names that offices use for it.
#[derive(Debug, Clone, Copy)]
pub struct KnownKind {
    pub code: &'static str,
    pub zh: &'static str,
    pub en: &'static str,
    pub aliases: &'static [&'static str],
}

/// Kinds of departments with their usual names. One concept has many names: 客服部, 客户服务部 and 管家部 are the same to a rule.
/// A company may add names, take one of these for another kind, and have kinds of its own.
pub const DEPARTMENT_KINDS: &[KnownKind] = &[
    kind(
        "management",
        "总经理室",
        "General manager's office",
        &["总经理办公室", "管理层", "总部", "总公司", "headquarters"],
    ),
    kind(
        "project-office",
        "物业服务中心",
        "Property service centre",
        &["管理处", "服务中心", "管理中心", "物业项目管理部", "项目部"],
    ),
    kind(
        "administration",
        "行政部",
        "Administration",
        &["综合部", "综合管理部", "办公室", "行政管理部", "行政人事部", "行政总部"],
    ),
    kind("hr", "人力资源部", "Human resources", &["人事部", "人事行政中心", "人力资源中心"]),
    kind("finance", "财务部", "Finance", &["财务中心", "财务管理部", "计财部"]),
    kind(
        "customer-service",
        "客户服务部",
        "Customer service",
        &["客服部", "客服中心", "客户部", "管家部", "客户服务中心", "综合服务中心"],
    ),
    kind(
        "engineering",
        "工程部",
        "Engineering",
        &["维修部", "工程维保部", "工程管理部", "工程维修部", "设备部", "maintenance"],
    ),
    kind(
        "order",
        "秩序维护部",
        "Public order",
        &["公秩部", "保安部", "安保部", "安管部", "维序部", "秩序管理部", "秩序部", "security"],
    ),
    kind("cleaning", "保洁部", "Cleaning", &["清洁部", "环境部", "环境保洁部", "环境管理部", "环境", "housekeeping"]),
    kind("greening", "绿化部", "Greening", &["绿化环境部", "园林部", "landscaping"]),
    kind("leasing", "招商部", "Leasing", &["租赁中心", "租赁部", "招商租赁部"]),
    kind("quality", "品质部", "Quality", &["品质管理部", "质量管理部", "品质安全部", "全面质量管理办公室", "品管部"]),
    kind("marketing", "市场部", "Marketing", &["营销部", "市场公关部", "市场营销部"]),
    kind("business", "经营管理部", "Business development", &["业务拓展部", "业务部", "经营部", "市场拓展部"]),
    kind("operations", "运营管理部", "Operations", &["运营部", "运营管理中心", "运营中心"]),
    kind("purchasing", "采购部", "Purchasing", &["采购管理部"]),
    kind("logistics", "后勤保障部", "Logistics", &["后勤部"]),
    kind("cost-control", "成控部", "Cost control", &["成本控制部", "成本部"]),
];

const fn kind(code: &'static str, zh: &'static str, en: &'static str, aliases: &'static [&'static str]) -> KnownKind {
    KnownKind { code, zh, en, aliases }
}

/// A name as it is compared: without blanks, full-width characters and capitals, which differ by keyboard and not by meaning.
#[must_use]
pub fn folded(name: &str) -> String {
    let narrow = |character: char| match character {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(character) - 0xfee0).unwrap_or(character),
        other => other,
    };
    name.chars().filter(|character| !character.is_whitespace()).map(narrow).flat_map(char::to_lowercase).collect()
}

/// The kind of department that a name stands for: the company's own names first, then those that everybody knows, then a code.
#[must_use]
pub fn department_kind(name: &str, aliases: &[DepartmentAlias]) -> Option<Code> {
    let wanted = folded(name);
    let own = aliases.iter().find(|alias| folded(&alias.alias) == wanted).map(|alias| alias.kind.clone());
    let usual = || {
        let named = |known: &&KnownKind| {
            [known.code, known.zh, known.en].iter().chain(known.aliases).any(|alias| folded(alias) == wanted)
        };
        DEPARTMENT_KINDS.iter().find(named).and_then(|known| known.code.parse().ok())
    };
    let own_code = || aliases.iter().find(|alias| alias.kind.as_str() == wanted).map(|alias| alias.kind.clone());
    own.or_else(usual).or_else(own_code)
}

/// The departments that a text names: by their own name, otherwise all of the kind that it stands for, those that still exist.
#[must_use]
pub fn find_departments<'a>(text: &str, all: &'a [Department], aliases: &[DepartmentAlias]) -> Vec<&'a Department> {
    let wanted = folded(text);
    let open = || all.iter().filter(|department| department.closed_on.is_none());
    let named: Vec<_> = open().filter(|department| folded(&department.name) == wanted).collect();
    if !named.is_empty() {
        return named;
    }
    let Some(kind) = department_kind(text, aliases) else { return Vec::new() };
    open().filter(|department| department.kind == kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::collections::BTreeMap;

    fn alias(kind: &str, alias: &str) -> DepartmentAlias {
        DepartmentAlias { kind: kind.parse().expect("is a code"), alias: alias.into() }
    }

    #[rstest]
    #[case::usual("客服部", Some("customer-service"))]
    #[case::other_usual("管家部", Some("customer-service"))]
    #[case::english("Customer service", Some("customer-service"))]
    #[case::written_otherwise("　ＣＵＳＴＯＭＥＲ Service ", Some("customer-service"))]
    #[case::code("engineering", Some("engineering"))]
    #[case::own("贴心服务组", Some("customer-service"))]
    #[case::taken_for_another("管理处", Some("customer-service"))]
    #[case::own_kind("水上救生队", Some("pool"))]
    #[case::own_kind_code("pool", Some("pool"))]
    #[case::unknown("火星部", None)]
    fn any_name_of_a_department_is_understood(#[case] name: &str, #[case] expected: Option<&str>) {
        let aliases =
            [alias("customer-service", "贴心服务组"), alias("customer-service", "管理处"), alias("pool", "水上救生队")];
        assert_eq!(department_kind(name, &aliases).as_ref().map(Code::as_str), expected);
    }

    #[test]
    fn no_usual_name_stands_for_two_kinds() {
        let mut seen = BTreeMap::new();
        for known in DEPARTMENT_KINDS {
            assert!(known.code.parse::<Code>().is_ok(), "{}", known.code);
            for name in [known.code, known.zh, known.en].iter().chain(known.aliases) {
                if let Some(other) = seen.insert(folded(name), known.code) {
                    assert_eq!(other, known.code, "{name}");
                }
            }
        }
    }

    fn department(name: &str, parent: Option<&Department>, closed_on: Option<&str>) -> Department {
        Department {
            id: DepartmentId::generate(),
            name: name.into(),
            kind: "engineering".parse().expect("is a code"),
            parent_id: parent.map(|parent| parent.id),
            closed_on: closed_on.map(|day| day.parse().expect("is a date")),
        }
    }

    fn code(checked: Result<()>) -> &'static str {
        match checked {
            Ok(()) => "",
            Err(Error::Refused { code, .. }) => code,
            Err(Error::Conflict(_)) => "conflict",
            Err(Error::NotFound { .. }) => "not-found",
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn departments_make_a_tree() {
        let company = department("公司", None, None);
        let office = department("管理处", Some(&company), None);
        let squad = department("维修班", Some(&office), None);
        let closed = department("旧管理处", Some(&company), Some("2025-01-01"));
        let all = [company.clone(), office.clone(), squad.clone(), closed.clone()];
        let check = |department: &Department| code(check_department(department, &all));
        assert_eq!(check(&department("电梯班", Some(&office), None)), "");
        assert_eq!(check(&department("维修班", Some(&company), None)), "", "another place");
        assert_eq!(check(&department(" 维修 班", Some(&office), None)), "conflict");
        assert_eq!(check(&Department { parent_id: Some(squad.id), ..company.clone() }), "department-cycle");
        assert_eq!(check(&Department { parent_id: Some(company.id), ..company.clone() }), "department-cycle");
        assert_eq!(check(&department("电梯班", Some(&department("?", None, None)), None)), "not-found");
        assert_eq!(check(&department("电梯班", Some(&closed), None)), "department-closed");
        assert_eq!(check(&department("电梯班", Some(&closed), Some("2025-01-01"))), "");
        let closing = |on: &str| Department { closed_on: Some(on.parse().expect("is a date")), ..office.clone() };
        assert_eq!(check(&closing("2025-06-01")), "department-open-below");
        let mut chain = vec![department("0", None, None)];
        for level in 1..DEPARTMENT_DEPTH_MAX {
            chain.push(department(&level.to_string(), chain.last(), None));
        }
        assert_eq!(code(check_department(chain.last().expect("has one"), &chain)), "");
        assert_eq!(code(check_department(&department("deeper", chain.last(), None), &chain)), "department-too-deep");
    }

    #[test]
    fn a_name_finds_a_department_before_its_kind_does() {
        let service =
            Department { kind: "customer-service".parse().expect("is a code"), ..department("管家部", None, None) };
        let front =
            Department { kind: "customer-service".parse().expect("is a code"), ..department("前台组", None, None) };
        let old = Department { closed_on: Some(Date(0)), ..department("客服部", None, None) };
        let all = [service, front, old];
        let names = |text: &str| -> Vec<_> {
            find_departments(text, &all, &[]).iter().map(|department| department.name.as_str()).collect()
        };
        assert_eq!(names("管家部"), ["管家部"]);
        assert_eq!(names("客服部"), ["管家部", "前台组"], "the one of that name is closed");
        assert!(names("财务部").is_empty());
    }
}
