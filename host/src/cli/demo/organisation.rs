//! The people of the demo: a project manager, a front desk, two stewards with their areas, and engineers on shift.

use chrono::NaiveTime;
use guanjia_domain::{
    Date, Result,
    access::Stamp,
    estate::Project,
    ids::*,
    service_area::{ServiceArea, ServiceAreas, Taken, UnitSelection},
    staff::{
        Certificate, CertificateFilter, Department, DutyFilter, Post, PostAssignment, PostLevel, SITE_MANAGER, STEWARD,
        ShiftPattern, Skill, Span, Staff, Staffing,
    },
};

use crate::boot::Office;

/// When everybody of the demo began.
const SINCE: &str = "2024-03-01";
/// Days from today on for which engineers are on the roster.
const ROSTER_DAYS: i32 = 7;
/// Certificates of one person that are looked through for the demo's own.
const CERTIFICATES_READ: u32 = 100;

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

/// Certificates of the manager: kind, number, and after how many months they run out.
const CERTIFICATES: [(&str, &str, Option<i32>); 2] =
    [("site-manager-national", "QG-2019-08817", None), ("city-training", "SH-2024-0311", Some(48))];

/// Makes the organisation, once. One that was interrupted goes on where it was: what is there stays.
pub(super) async fn make(office: &Office, stamp: &Stamp, project: &Project) -> Result<()> {
    if is_made(office).await? {
        return Ok(());
    }
    let staffing = Staffing::new(office.store.clone());
    let since: Date = SINCE.parse().map_err(|_| guanjia_domain::Error::invalid("the demo begins on no date"))?;
    let departments = departments(office, stamp, &staffing).await?;
    let posts = posts(office, stamp, &staffing, &departments).await?;
    let people = people(office, stamp, project, &posts, since).await?;
    skills(office, stamp, &staffing, &people).await?;
    areas(office, stamp, project, &people, since).await?;
    roster(office, stamp, &staffing, project, &people, posts[4]).await?;
    certificates(office, stamp, &staffing, people[0], since).await
}

/// Whether it was made to its end: certificates come last, and are never deleted.
async fn is_made(office: &Office) -> Result<bool> {
    let Some(manager) = office.store.staff_by_no(PEOPLE[0].0).await? else { return Ok(false) };
    let held = certificate_numbers(office, manager.record.id).await?;
    Ok(CERTIFICATES.iter().all(|(_, number, _)| held.iter().any(|held| held == number)))
}

async fn certificate_numbers(office: &Office, staff: StaffId) -> Result<Vec<String>> {
    let filter = CertificateFilter { staff_id: Some(staff), ..CertificateFilter::default() };
    let found = office.store.certificates(&filter, None, CERTIFICATES_READ).await?.items;
    Ok(found.into_iter().map(|row| row.certificate.number).collect())
}

async fn departments(office: &Office, stamp: &Stamp, staffing: &Staffing) -> Result<Vec<DepartmentId>> {
    let known = office.store.departments().await?;
    let mut ids: Vec<DepartmentId> = Vec::with_capacity(DEPARTMENTS.len());
    for (name, kind, below) in DEPARTMENTS {
        if let Some(known) = known.iter().find(|known| known.record.name == name) {
            ids.push(known.record.id);
            continue;
        }
        let parent_id = ids.first().copied().filter(|_| below);
        let id = DepartmentId::generate();
        let department = Department { id, name: name.into(), kind: kind.parse()?, parent_id, closed_on: None };
        staffing.add_department(stamp, &department).await?;
        ids.push(id);
    }
    Ok(ids)
}

async fn posts(
    office: &Office,
    stamp: &Stamp,
    staffing: &Staffing,
    departments: &[DepartmentId],
) -> Result<Vec<PostId>> {
    let known = office.store.posts().await?;
    let mut ids: Vec<PostId> = Vec::with_capacity(POSTS.len());
    for (name, kind, department, level, above, stand_in) in POSTS {
        if let Some(known) = known.iter().find(|known| known.record.name == name) {
            ids.push(known.record.id);
            continue;
        }
        let post = Post {
            id: PostId::generate(),
            name: name.into(),
            kind: kind.parse()?,
            department_id: departments[department],
            level,
            duties: String::new(),
            line_superior_id: above.map(|above| ids[above]),
            functional_superior_id: None,
            optional: stand_in.is_some(),
            stand_in_id: stand_in.map(|post| ids[post]),
            closed_on: None,
        };
        staffing.add_post(stamp, &post).await?;
        ids.push(post.id);
    }
    Ok(ids)
}

/// Everybody with a post, or, after an interruption before that, nobody.
async fn people(
    office: &Office,
    stamp: &Stamp,
    project: &Project,
    posts: &[PostId],
    since: Date,
) -> Result<Vec<StaffId>> {
    let users = office.store.users().await?;
    let (mut known, mut new, mut assignments) = (Vec::with_capacity(PEOPLE.len()), Vec::new(), Vec::new());
    for (staff_no, name, phone, login, post, _) in PEOPLE {
        if let Some(person) = office.store.staff_by_no(staff_no).await? {
            known.push(person.record.id);
            continue;
        }
        let id = StaffId::generate();
        known.push(id);
        new.push(Staff {
            id,
            staff_no: staff_no.into(),
            name: name.into(),
            phone: Some(phone.into()),
            born_on: None,
            education: None,
            in_trade_since: None,
            joined_on: since,
            left_on: None,
            user_id: users.iter().find(|user| login == Some(user.name.as_str())).map(|user| user.id),
        });
        assignments.push(PostAssignment {
            id: PostAssignmentId::generate(),
            staff_id: id,
            post_id: posts[post],
            // Whoever keeps the books does so for the whole company.
            project_id: (POSTS[post].2 != 3).then_some(project.id),
            span: Span::new(since, None),
            is_primary: true,
            share_permille: None,
        });
    }
    office.store.take_on(stamp, &new, &assignments).await?;
    Ok(known)
}

async fn skills(office: &Office, stamp: &Stamp, staffing: &Staffing, people: &[StaffId]) -> Result<()> {
    for (id, (.., skills)) in people.iter().zip(PEOPLE) {
        if skills.is_empty() {
            continue;
        }
        let skill = |(code, level): &(&str, i64)| Ok(Skill { code: code.parse()?, level: *level });
        let skills = skills.iter().map(skill).collect::<Result<Vec<_>>>()?;
        let version = office.store.staff_member(*id).await?.version;
        staffing.set_skills(stamp, *id, &skills, version).await?;
    }
    Ok(())
}

async fn certificates(
    office: &Office,
    stamp: &Stamp,
    staffing: &Staffing,
    manager: StaffId,
    since: Date,
) -> Result<()> {
    let held = certificate_numbers(office, manager).await?;
    for (kind, number, months) in CERTIFICATES {
        if held.iter().any(|held| held == number) {
            continue;
        }
        let certificate = Certificate {
            id: CertificateId::generate(),
            staff_id: manager,
            kind: kind.parse()?,
            number: number.into(),
            issuer: Some("市住建委".into()),
            issued_on: since,
            expires_on: months.and_then(|months| since.plus_months(months)),
            revoked_on: None,
        };
        staffing.add_certificate(stamp, &certificate).await?;
    }
    Ok(())
}

/// One engineer by day and one by night, so that somebody is on duty whenever the demo is looked at.
async fn roster(
    office: &Office,
    stamp: &Stamp,
    staffing: &Staffing,
    project: &Project,
    people: &[StaffId],
    post: PostId,
) -> Result<()> {
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
    let starts = shifts.iter().map(|shift| shift.starts_at).min();
    let ends = shifts.iter().map(|shift| shift.ends_at).max();
    let (Some(starts), Some(ends)) = (starts, ends) else { return Ok(()) };
    // All shifts are there, or none.
    if office.store.shifts(&DutyFilter::between(project.id, starts, ends), 1).await?.is_empty() {
        staffing.add_shifts(stamp, &shifts).await?;
    }
    Ok(())
}

async fn areas(office: &Office, stamp: &Stamp, project: &Project, people: &[StaffId], since: Date) -> Result<()> {
    let areas = ServiceAreas::new(office.store.clone());
    let known = office.store.service_areas(project.id, since).await?;
    for (name, phone, steward, buildings) in AREAS {
        let id = match known.iter().find(|known| known.area.name == name) {
            Some(known) => known.area.id,
            None => {
                let area = ServiceArea {
                    id: ServiceAreaId::generate(),
                    project_id: project.id,
                    name: name.into(),
                    phone: Some(phone.into()),
                    closed_on: None,
                };
                areas.add(stamp, &area).await?;
                area.id
            }
        };
        let places = buildings.iter().map(|building| building.parse::<UnitSelection>()).collect::<Result<Vec<_>>>()?;
        // Both come to the same however often they are said.
        areas.place(stamp, id, &places, since, Taken::Refuse).await?;
        areas.set_steward(stamp, id, Some(people[steward]), since).await?;
    }
    Ok(())
}
