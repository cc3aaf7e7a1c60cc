//! The people of the demo: a project manager, a front desk, two stewards with their areas, and engineers on shift.

use chrono::NaiveTime;
use guanjia_domain::{
    Date, Result,
    access::Stamp,
    estate::Project,
    ids::*,
    service_area::{ServiceArea, ServiceAreas, Taken, UnitSelection},
    staff::{
        Certificate, Department, Post, PostAssignment, PostLevel, SITE_MANAGER, STEWARD, ShiftPattern, Skill, Span,
        Staff, Staffing,
    },
};

use crate::boot::Office;

/// When everybody of the demo began.
const SINCE: &str = "2024-03-01";
/// Days from today on for which engineers are on the roster.
const ROSTER_DAYS: i32 = 7;

/// A post of the demo: name, kind, department, level, the post that it answers to, and the one that stands in for it.
type PostRow = (&'static str, &'static str, usize, PostLevel, Option<usize>, Option<usize>);
/// Somebody of the demo: number, name, phone, login, post, skills.
type PersonRow =
    (&'static str, &'static str, &'static str, Option<&'static str>, usize, &'static [(&'static str, i64)]);

const DEPARTMENTS: [(&str, &str, bool); 4] = [
    ("巴黎都市物业服务中心", "project-office", false),
    ("管家部", "customer-service", true),
    ("工程维保部", "engineering", true),
    ("财务部", "finance", false),
];
const POSTS: [PostRow; 7] = [
    ("项目经理", SITE_MANAGER, 0, PostLevel::Manager, None, None),
    ("客服主管", "customer-service-supervisor", 1, PostLevel::Supervisor, Some(0), None),
    ("前台接待", "front-desk", 1, PostLevel::Worker, Some(1), None),
    ("物业管家", STEWARD, 1, PostLevel::Worker, Some(1), None),
    ("维修工程师", "technician", 2, PostLevel::Worker, Some(0), None),
    ("会计", "accountant", 3, PostLevel::Worker, None, None),
    ("财务经理", "finance-manager", 3, PostLevel::Manager, None, Some(5)),
];
const PEOPLE: [PersonRow; 7] = [
    ("G001", "陈立群", "13900000001", Some("manager"), 0, &[]),
    ("G002", "周晓敏", "13900000002", Some("cashier"), 2, &[]),
    ("G003", "李文静", "13900000003", None, 3, &[]),
    ("G004", "王建国", "13900000004", None, 3, &[]),
    ("G005", "赵刚", "13900000005", None, 4, &[("electrical", 4), ("lift", 3)]),
    ("G006", "孙志强", "13900000006", None, 4, &[("plumbing", 5)]),
    ("G007", "何芳", "13900000007", Some("finance"), 5, &[]),
];
/// Areas of the example estate: name, service phone, steward, buildings.
const AREAS: [(&str, &str, usize, &[&str]); 2] =
    [("东片区", "021-55550101", 2, &["6", "7"]), ("西片区", "021-55550102", 3, &["8"])];

/// Makes the organisation, once.
pub(super) async fn make(office: &Office, stamp: &Stamp, project: &Project) -> Result<()> {
    let store = &office.store;
    if store.staff_by_no(PEOPLE[0].0).await?.is_some() {
        return Ok(());
    }
    let staffing = Staffing::new(store.clone());
    let since: Date = SINCE.parse().map_err(|_| guanjia_domain::Error::invalid("the demo begins on no date"))?;
    let departments = DEPARTMENTS.map(|_| DepartmentId::generate());
    for (id, (name, kind, below)) in departments.iter().zip(DEPARTMENTS) {
        let parent_id = below.then_some(departments[0]);
        let department = Department { id: *id, name: name.into(), kind: kind.parse()?, parent_id, closed_on: None };
        staffing.add_department(stamp, &department).await?;
    }
    let posts = POSTS.map(|_| PostId::generate());
    for (id, (name, kind, department, level, above, stand_in)) in posts.iter().zip(POSTS) {
        let post = Post {
            id: *id,
            name: name.into(),
            kind: kind.parse()?,
            department_id: departments[department],
            level,
            duties: String::new(),
            line_superior_id: above.map(|above| posts[above]),
            functional_superior_id: None,
            optional: stand_in.is_some(),
            stand_in_id: stand_in.map(|post| posts[post]),
            closed_on: None,
        };
        staffing.add_post(stamp, &post).await?;
    }
    let people = people(office, stamp, &staffing, project, &posts, since).await?;
    certificate(stamp, &staffing, people[0], since).await?;
    roster(stamp, &staffing, project, &people, posts[4]).await?;
    areas(office, stamp, project, &people, since).await
}

async fn people(
    office: &Office,
    stamp: &Stamp,
    staffing: &Staffing,
    project: &Project,
    posts: &[PostId],
    since: Date,
) -> Result<[StaffId; PEOPLE.len()]> {
    let users = office.store.users().await?;
    let ids = PEOPLE.map(|_| StaffId::generate());
    let person = |(id, (staff_no, name, phone, login, ..)): (&StaffId, PersonRow)| Staff {
        id: *id,
        staff_no: staff_no.into(),
        name: name.into(),
        phone: Some(phone.into()),
        born_on: None,
        education: None,
        in_trade_since: None,
        joined_on: since,
        left_on: None,
        user_id: users.iter().find(|user| login == Some(user.name.as_str())).map(|user| user.id),
    };
    let people: Vec<Staff> = ids.iter().zip(PEOPLE).map(person).collect();
    staffing.add_staff(stamp, &people).await?;
    for (id, (.., post, skills)) in ids.iter().zip(PEOPLE) {
        let assignment = PostAssignment {
            id: PostAssignmentId::generate(),
            staff_id: *id,
            post_id: posts[post],
            // Whoever keeps the books does so for the whole company.
            project_id: (POSTS[post].2 != 3).then_some(project.id),
            span: Span::new(since, None),
            is_primary: true,
            share_permille: None,
        };
        staffing.assign(stamp, &assignment).await?;
        if !skills.is_empty() {
            let skill = |(code, level): &(&str, i64)| Ok(Skill { code: code.parse()?, level: *level });
            let skills = skills.iter().map(skill).collect::<Result<Vec<_>>>()?;
            staffing.set_skills(stamp, *id, &skills, 1).await?;
        }
    }
    Ok(ids)
}

async fn certificate(stamp: &Stamp, staffing: &Staffing, manager: StaffId, since: Date) -> Result<()> {
    for (kind, number, expires_on) in
        [("site-manager-national", "QG-2019-08817", None), ("city-training", "SH-2024-0311", since.plus_months(48))]
    {
        let certificate = Certificate {
            id: CertificateId::generate(),
            staff_id: manager,
            kind: kind.parse()?,
            number: number.into(),
            issuer: Some("市住建委".into()),
            issued_on: since,
            expires_on,
            revoked_on: None,
        };
        staffing.add_certificate(stamp, &certificate).await?;
    }
    Ok(())
}

/// One engineer by day and one by night, so that somebody is on duty whenever the demo is looked at.
async fn roster(stamp: &Stamp, staffing: &Staffing, project: &Project, people: &[StaffId], post: PostId) -> Result<()> {
    let today = project.today(stamp.at)?;
    let hour = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default();
    let mut shifts = Vec::new();
    for (staff_id, starts, ends) in [(people[4], hour(8), hour(20)), (people[5], hour(20), hour(8))] {
        let pattern = ShiftPattern {
            project_id: project.id,
            staff_id,
            post_id: Some(post),
            place: None,
            // Last night's shift runs until this morning.
            from: today.plus_days(-1).unwrap_or(today),
            to: today.plus_days(ROSTER_DAYS).unwrap_or(today),
            every_days: 1,
            starts,
            ends,
        };
        shifts.extend(pattern.shifts(project)?);
    }
    staffing.add_shifts(stamp, &shifts).await
}

async fn areas(office: &Office, stamp: &Stamp, project: &Project, people: &[StaffId], since: Date) -> Result<()> {
    let areas = ServiceAreas::new(office.store.clone());
    for (name, phone, steward, buildings) in AREAS {
        let area = ServiceArea {
            id: ServiceAreaId::generate(),
            project_id: project.id,
            name: name.into(),
            phone: Some(phone.into()),
            closed_on: None,
        };
        areas.add(stamp, &area).await?;
        let places = buildings.iter().map(|building| building.parse::<UnitSelection>()).collect::<Result<Vec<_>>>()?;
        areas.place(stamp, area.id, &places, since, Taken::Refuse).await?;
        areas.set_steward(stamp, area.id, Some(people[steward]), since).await?;
    }
    Ok(())
}
