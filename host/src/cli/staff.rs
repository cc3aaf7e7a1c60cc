//! `guanjia staff`: people, the departments and posts they are in, and who is on duty.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use guanjia_domain::{
    Date, Error, Result,
    access::{Permission, Stamp},
    ids::{CertificateId, DepartmentId, PostAssignmentId, PostId, StaffId},
    plugin::Language,
    ports::{StaffRow, StaffSearch},
    staff::{
        Certificate, CertificateFilter, CertificateRow, Code, Department, DutyFilter, ImportMode, Post, PostAssignment,
        PostLevel, ShiftRow, Skill, Span, Staff as Person, Staffing, Versioned, department_kind, find_departments,
    },
};
use serde_json::json;
use std::path::PathBuf;

use super::{Done, Global, output};
use crate::boot::Office;

/// Rows that are read at a time.
const AT_ONCE: u32 = 500;
/// Shifts that are listed at one instant: everybody of the largest project.
const ON_DUTY_MAX: u32 = 2_000;

#[derive(Debug, Subcommand)]
pub(super) enum Staff {
    /// List who works here.
    List(List),
    /// Take somebody on.
    Add(Add),
    /// Take on everybody of a list (xlsx or csv), or nobody and name every bad cell. Columns: 工号, 姓名, 入职日期, and where there are
    /// 电话, 部门, 岗位, 项目; or number, name, joined, phone, department, post, project.
    Import {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Write nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Assign somebody to a post from a day on.
    Assign(Assign),
    /// Somebody leaves: posts and areas end with that day.
    Leave {
        /// Staff number.
        #[arg(long, value_name = "NO")]
        staff: String,
        /// The first day on which they no longer work here.
        #[arg(long, value_name = "DATE", value_parser = output::date)]
        on: Date,
    },
    /// Replace what somebody can do.
    Skills {
        /// Staff number.
        #[arg(long, value_name = "NO")]
        staff: String,
        /// Code and level from 1 to 5, such as lift:3.
        #[arg(value_name = "CODE:LEVEL")]
        skills: Vec<String>,
    },
    /// Enter a certificate.
    Certify(Certify),
    /// Certificates that run out by a day and are not renewed.
    Expiring {
        #[arg(long, value_name = "DATE", value_parser = output::date)]
        by: Date,
    },
    /// Who is on duty at a project.
    OnDuty {
        #[arg(long, value_name = "NAME")]
        project: String,
        /// Now without it.
        #[arg(long, value_name = "INSTANT")]
        at: Option<DateTime<Utc>>,
        #[arg(long, value_name = "CODE")]
        post_kind: Option<Code>,
        #[arg(long, value_name = "CODE")]
        skill: Option<Code>,
    },
    /// List departments: all, or those that a name stands for.
    Departments { name: Option<String> },
    /// Add a department.
    AddDepartment {
        #[arg(long, value_name = "NAME")]
        name: String,
        /// Code or any name of its kind; what its name stands for without it.
        #[arg(long, value_name = "KIND")]
        kind: Option<String>,
        /// The department that it lies under.
        #[arg(long, value_name = "NAME")]
        under: Option<String>,
    },
    /// List posts, the highest first.
    Posts,
    /// Add a post.
    AddPost(AddPost),
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Part of a name or number.
    #[arg(long, default_value = "", value_name = "TEXT")]
    search: String,
    /// Who holds a post at the project, or for the whole company.
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Who holds a post of the department; any name of it will do.
    #[arg(long, value_name = "NAME")]
    department: Option<String>,
    #[arg(long, value_name = "CODE")]
    skill: Option<Code>,
    /// Today without it.
    #[arg(long, value_name = "DATE", value_parser = output::date)]
    day: Option<Date>,
    /// Also those who left.
    #[arg(long, conflicts_with = "day")]
    all: bool,
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// Staff number.
    #[arg(long, value_name = "NO")]
    no: String,
    #[arg(long, value_name = "NAME")]
    name: String,
    #[arg(long, value_name = "PHONE")]
    phone: Option<String>,
    #[arg(long, value_name = "DATE", value_parser = output::date)]
    joined: Date,
    /// The login that is theirs.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Assign {
    /// Staff number.
    #[arg(long, value_name = "NO")]
    staff: String,
    #[arg(long, value_name = "NAME")]
    post: String,
    /// The whole company without it.
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    #[arg(long, value_name = "DATE", value_parser = output::date)]
    from: Date,
    /// The first day on which it no longer holds.
    #[arg(long, value_name = "DATE", value_parser = output::date)]
    to: Option<Date>,
    #[arg(long)]
    primary: bool,
    /// How much of the working time goes to it, in thousandths.
    #[arg(long, value_name = "PERMILLE")]
    share: Option<i64>,
}

#[derive(Debug, Args)]
pub(super) struct Certify {
    /// Staff number.
    #[arg(long, value_name = "NO")]
    staff: String,
    #[arg(long, value_name = "CODE")]
    kind: Code,
    #[arg(long, value_name = "NO")]
    number: String,
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
    #[arg(long, value_name = "DATE", value_parser = output::date)]
    issued: Date,
    /// The last day on which it is valid.
    #[arg(long, value_name = "DATE", value_parser = output::date)]
    expires: Option<Date>,
}

#[derive(Debug, Args)]
pub(super) struct AddPost {
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Code of its kind, such as site-manager: rules go by it.
    #[arg(long, value_name = "CODE")]
    kind: Code,
    /// Any name of the department.
    #[arg(long, value_name = "NAME")]
    department: String,
    /// worker, team-leader, supervisor, manager or executive.
    #[arg(long, default_value = "worker", value_name = "LEVEL")]
    level: PostLevel,
    #[arg(long, default_value = "", value_name = "TEXT")]
    duties: String,
    /// The post that it answers to where it works.
    #[arg(long, value_name = "NAME")]
    line: Option<String>,
    /// The post that it answers to in its trade.
    #[arg(long, value_name = "NAME")]
    functional: Option<String>,
    /// It may be empty; this post answers then.
    #[arg(long, value_name = "NAME")]
    stand_in: Option<String>,
}

impl Staff {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        let office = global.office().await?;
        let stamp = office.stamp(global.acting.as_deref(), "cli").await?;
        stamp.actor.require(Permission::ReadStaff)?;
        let staffing = Staffing::new(office.store.clone());
        match self {
            Staff::List(list) => list.run(&office, &stamp, global).await?,
            Staff::Add(add) => add.run(&office, &stamp, &staffing, global).await?,
            Staff::Import { file, dry_run } => {
                let language = global.language(Language::En);
                let files = [super::import::read(file, language)?];
                let workbook =
                    guanjia_exchange::read_files(&files).map_err(|error| Error::invalid(error.told(language)))?;
                let mode = if *dry_run { ImportMode::Rehearse } else { ImportMode::Apply };
                let new = staffing.import(&stamp, &workbook, language, mode).await?;
                let (people, posts) = (new.staff.len(), new.assignments.len());
                if global.json {
                    output::line(&json!({ "dry_run": dry_run, "staff": people, "assignments": posts, "problems": [] }));
                } else {
                    output::text(&match language {
                        Language::Zh => format!("{people} 人，{posts} 项任职"),
                        Language::En => format!("{people} people, {posts} assignments"),
                    });
                }
            }
            Staff::Assign(assign) => assign.run(&office, &stamp, &staffing, global).await?,
            Staff::Leave { staff, on } => {
                let Versioned { record, version } = person(&office, staff).await?;
                staffing.leave(&stamp, record.id, *on, version).await?;
                said(global, record.id, &format!("{staff} {on}"));
            }
            Staff::Skills { staff, skills } => {
                let Versioned { record, version } = person(&office, staff).await?;
                let skills = skills.iter().map(|typed| read_skill(typed)).collect::<Result<Vec<_>>>()?;
                staffing.set_skills(&stamp, record.id, &skills, version).await?;
                said(global, record.id, staff);
            }
            Staff::Certify(certify) => certify.run(&office, &stamp, &staffing, global).await?,
            Staff::Expiring { by } => expiring(&office, *by, global).await?,
            Staff::OnDuty { project, at, post_kind, skill } => {
                let project = output::project(&office, project).await?;
                let filter = DutyFilter {
                    post_kind: post_kind.clone(),
                    skill: skill.clone(),
                    ..DutyFilter::at(project.id, at.unwrap_or(stamp.at))
                };
                for row in office.store.shifts(&filter, ON_DUTY_MAX).await? {
                    print_shift(&row, global);
                }
            }
            Staff::Departments { name } => departments(&office, name.as_deref(), global).await?,
            Staff::AddDepartment { name, kind, under } => {
                let department = new_department(&office, name, kind.as_deref(), under.as_deref()).await?;
                staffing.add_department(&stamp, &department).await?;
                said(global, department.id, name);
            }
            Staff::Posts => posts(&office, global).await?,
            Staff::AddPost(add) => {
                let post = add.read(&office).await?;
                staffing.add_post(&stamp, &post).await?;
                said(global, post.id, &add.name);
            }
        }
        Ok(Done::Well)
    }
}

/// What was made.
fn said(global: &Global, id: impl std::fmt::Display, text: &str) {
    if global.json {
        output::line(&json!({ "id": id.to_string() }));
    } else {
        output::text(&format!("{text}  {id}"));
    }
}

pub(super) async fn person(office: &Office, staff_no: &str) -> Result<Versioned<Person>> {
    office.store.staff_by_no(staff_no).await?.ok_or_else(|| Error::not_found("staff", staff_no))
}

/// Today where the company's first project is.
pub(super) async fn today(office: &Office, stamp: &Stamp) -> Result<Date> {
    match office.store.projects().await?.first() {
        Some(project) => project.today(stamp.at),
        None => stamp.at.date_naive().to_string().parse().map_err(|_| Error::invalid("today is out of range")),
    }
}

fn read_skill(typed: &str) -> Result<Skill> {
    let bad = || Error::invalid(format!("{typed:?}: write a code and a level, like lift:3"));
    let (code, level) = typed.split_once(':').ok_or_else(bad)?;
    Ok(Skill { code: code.parse()?, level: level.parse().map_err(|_| bad())? })
}

/// The department that a name stands for, where it stands for one only.
async fn department(office: &Office, name: &str) -> Result<Department> {
    let all: Vec<_> = office.store.departments().await?.into_iter().map(|one| one.record).collect();
    let aliases = office.store.department_aliases().await?;
    match find_departments(name, &all, &aliases).as_slice() {
        [] => Err(Error::not_found("department", name)),
        [one] => Ok((*one).clone()),
        several => {
            let names: Vec<_> = several.iter().map(|one| one.name.as_str()).collect();
            Err(Error::Conflict(format!("{name} may be {}: say which", names.join(", "))))
        }
    }
}

async fn post(office: &Office, name: &str) -> Result<PostId> {
    let posts = office.store.posts().await?.into_iter().map(|one| one.record).filter(|one| one.closed_on.is_none());
    let found: Vec<Post> = posts.filter(|one| one.name == name).collect();
    match found.as_slice() {
        [] => Err(Error::not_found("post", name)),
        [one] => Ok(one.id),
        _ => Err(Error::Conflict(format!("several departments have a post {name}: use the API with its id"))),
    }
}

async fn new_department(office: &Office, name: &str, kind: Option<&str>, under: Option<&str>) -> Result<Department> {
    let aliases = office.store.department_aliases().await?;
    let asked = kind.unwrap_or(name);
    let kind = department_kind(asked, &aliases).or_else(|| asked.parse().ok());
    let parent_id = match under {
        Some(under) => Some(department(office, under).await?.id),
        None => None,
    };
    Ok(Department {
        id: DepartmentId::generate(),
        name: name.to_owned(),
        kind: kind.ok_or_else(|| Error::invalid(format!("{asked} stands for no kind of department: give --kind")))?,
        parent_id,
        closed_on: None,
    })
}

async fn departments(office: &Office, name: Option<&str>, global: &Global) -> Result<()> {
    let all: Vec<_> = office.store.departments().await?.into_iter().map(|one| one.record).collect();
    let aliases = office.store.department_aliases().await?;
    let found = name.map_or_else(|| all.iter().collect(), |name| find_departments(name, &all, &aliases));
    for one in found {
        if global.json {
            output::line(&json!({
                "id": one.id, "name": one.name, "kind": one.kind, "parent": one.parent_id,
                "closed_on": one.closed_on.map(|day| day.to_string()),
            }));
        } else {
            output::text(&format!("{}  {}", one.name, one.kind));
        }
    }
    Ok(())
}

async fn posts(office: &Office, global: &Global) -> Result<()> {
    for Versioned { record: post, version } in office.store.posts().await? {
        if global.json {
            output::line(&json!({
                "id": post.id, "name": post.name, "kind": post.kind, "department": post.department_id,
                "level": post.level.code(), "optional": post.optional, "version": version,
            }));
        } else {
            output::text(&format!("{}  {}  {}", post.name, post.kind, post.level));
        }
    }
    Ok(())
}

impl AddPost {
    async fn read(&self, office: &Office) -> Result<Post> {
        let found = async |name: &Option<String>| match name {
            Some(name) => post(office, name).await.map(Some),
            None => Ok(None),
        };
        Ok(Post {
            id: PostId::generate(),
            name: self.name.clone(),
            kind: self.kind.clone(),
            department_id: department(office, &self.department).await?.id,
            level: self.level,
            duties: self.duties.clone(),
            line_superior_id: found(&self.line).await?,
            functional_superior_id: found(&self.functional).await?,
            optional: self.stand_in.is_some(),
            stand_in_id: found(&self.stand_in).await?,
            closed_on: None,
        })
    }
}

impl List {
    async fn run(&self, office: &Office, stamp: &Stamp, global: &Global) -> Result<()> {
        let project_id = match &self.project {
            Some(name) => Some(output::project(office, name).await?.id),
            None => None,
        };
        let department_id = match &self.department {
            Some(name) => Some(department(office, name).await?.id),
            None => None,
        };
        let day = match self.day {
            Some(day) => Some(day),
            None if self.all => None,
            None => Some(today(office, stamp).await?),
        };
        let search = StaffSearch {
            text: self.search.clone(),
            personal_data: stamp.actor.may(Permission::ReadPersonalData),
            day,
            department_id,
            project_id,
            skill: self.skill.clone(),
            post_id: None,
        };
        let mut cursor = None;
        loop {
            let page = office.store.staff(&search, cursor.as_deref(), AT_ONCE).await?;
            for row in &page.items {
                print_person(row, global);
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }
}

fn print_person(StaffRow { staff, posts, version }: &StaffRow, global: &Global) {
    if global.json {
        let posts: Vec<_> = posts.iter().map(|held| json!({ "post": held.post, "project": held.project })).collect();
        output::line(&json!({
            "id": staff.id, "no": staff.staff_no, "name": staff.name, "joined_on": staff.joined_on.to_string(),
            "left_on": staff.left_on.map(|day| day.to_string()), "posts": posts, "version": version,
        }));
        return;
    }
    let whole = output::pick(global.language(Language::En), "全公司", "whole company");
    let held: Vec<_> =
        posts.iter().map(|held| format!("{} @ {}", held.post, held.project.as_deref().unwrap_or(whole))).collect();
    output::text(&format!("{}  {}  {}", staff.staff_no, staff.name, held.join("; ")));
}

impl Add {
    async fn run(&self, office: &Office, stamp: &Stamp, staffing: &Staffing, global: &Global) -> Result<()> {
        let user_id = match &self.user {
            Some(name) => {
                let users = office.store.users().await?;
                let user = users.into_iter().find(|user| user.name == *name);
                Some(user.ok_or_else(|| Error::not_found("user", name))?.id)
            }
            None => None,
        };
        let person = Person {
            id: StaffId::generate(),
            staff_no: self.no.clone(),
            name: self.name.clone(),
            phone: self.phone.clone(),
            born_on: None,
            education: None,
            in_trade_since: None,
            joined_on: self.joined,
            left_on: None,
            user_id,
        };
        staffing.add_staff(stamp, std::slice::from_ref(&person)).await?;
        said(global, person.id, &self.no);
        Ok(())
    }
}

impl Assign {
    async fn run(&self, office: &Office, stamp: &Stamp, staffing: &Staffing, global: &Global) -> Result<()> {
        let project_id = match &self.project {
            Some(name) => Some(output::project(office, name).await?.id),
            None => None,
        };
        let assignment = PostAssignment {
            id: PostAssignmentId::generate(),
            staff_id: person(office, &self.staff).await?.record.id,
            post_id: post(office, &self.post).await?,
            project_id,
            span: Span::new(self.from, self.to),
            is_primary: self.primary,
            share_permille: self.share,
        };
        staffing.assign(stamp, &assignment).await?;
        said(global, assignment.id, &format!("{}  {}", self.staff, self.post));
        Ok(())
    }
}

impl Certify {
    async fn run(&self, office: &Office, stamp: &Stamp, staffing: &Staffing, global: &Global) -> Result<()> {
        let certificate = Certificate {
            id: CertificateId::generate(),
            staff_id: person(office, &self.staff).await?.record.id,
            kind: self.kind.clone(),
            number: self.number.clone(),
            issuer: self.issuer.clone(),
            issued_on: self.issued,
            expires_on: self.expires,
            revoked_on: None,
        };
        staffing.add_certificate(stamp, &certificate).await?;
        said(global, certificate.id, &format!("{}  {}", self.staff, self.number));
        Ok(())
    }
}

async fn expiring(office: &Office, by: Date, global: &Global) -> Result<()> {
    let filter = CertificateFilter { expires_by: Some(by), ..CertificateFilter::default() };
    let mut cursor = None;
    loop {
        let page = office.store.certificates(&filter, cursor.as_deref(), AT_ONCE).await?;
        for CertificateRow { certificate, staff, staff_no, .. } in &page.items {
            let expires_on = certificate.expires_on.map(|day| day.to_string());
            if global.json {
                output::line(&json!({
                    "id": certificate.id, "no": staff_no, "name": staff, "kind": certificate.kind,
                    "number": certificate.number, "expires_on": expires_on,
                }));
            } else {
                let day = expires_on.unwrap_or_default();
                output::text(&format!("{day}  {staff_no} {staff}  {} {}", certificate.kind, certificate.number));
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(());
        }
    }
}

fn print_shift(ShiftRow { shift, staff, staff_no, post }: &ShiftRow, global: &Global) {
    if global.json {
        output::line(&json!({
            "id": shift.id, "no": staff_no, "name": staff, "post": post, "place": shift.place,
            "starts_at": shift.starts_at, "ends_at": shift.ends_at,
        }));
        return;
    }
    let post = post.as_deref().unwrap_or_default();
    output::text(&format!("{staff_no} {staff}  {post}  {} – {}", shift.starts_at, shift.ends_at));
}
