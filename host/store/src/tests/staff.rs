use chrono::{DateTime, TimeDelta, Utc};
use guanjia_domain::{
    Error, Result,
    access::Role,
    estate::STALE,
    ids::*,
    ports::{Directory, StaffSearch},
    staff::*,
};

use super::{fixture::*, on_both};

/// A department, a few posts and people of a company.
struct Organisation {
    fixture: Fixture,
    service: Department,
    manager: Post,
    clerk: Post,
    li: Staff,
    wang: Staff,
}

fn code(text: &str) -> Code {
    text.parse().unwrap()
}

fn department(name: &str, kind: &str, parent: Option<DepartmentId>) -> Department {
    Department { id: DepartmentId::generate(), name: name.into(), kind: code(kind), parent_id: parent, closed_on: None }
}

fn post(name: &str, kind: &str, department: &Department) -> Post {
    Post {
        id: PostId::generate(),
        name: name.into(),
        kind: code(kind),
        department_id: department.id,
        level: PostLevel::Worker,
        duties: "接待；记录。".into(),
        line_superior_id: None,
        functional_superior_id: None,
        optional: false,
        stand_in_id: None,
        closed_on: None,
    }
}

pub(super) fn person(staff_no: &str, name: &str) -> Staff {
    Staff {
        id: StaffId::generate(),
        staff_no: staff_no.into(),
        name: name.into(),
        phone: Some(format!("138000000{staff_no:0>2}")),
        born_on: Some(day("1985-05-05")),
        education: Some(code("college")),
        in_trade_since: Some(day("2010-01-01")),
        joined_on: day("2020-01-01"),
        left_on: None,
        user_id: None,
    }
}

fn holds(staff: &Staff, post: &Post, project: Option<ProjectId>, from: &str) -> PostAssignment {
    PostAssignment {
        id: PostAssignmentId::generate(),
        staff_id: staff.id,
        post_id: post.id,
        project_id: project,
        span: Span::new(day(from), None),
        is_primary: true,
        share_permille: Some(1_000),
    }
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    match result {
        Err(Error::Refused { code, .. }) => code,
        Err(Error::Conflict(_)) => "conflict",
        Err(Error::NotFound { .. }) => "not-found",
        other => panic!("{other:?}"),
    }
}

impl Organisation {
    async fn new(db: &super::server::TestDb) -> Self {
        let fixture = Fixture::new(&db.store, 6).await;
        let (store, stamp) = (&fixture.store, &fixture.stamp);
        let service = department("管家部", "customer-service", None);
        store.add_department(stamp, &service).await.unwrap();
        let manager = Post { level: PostLevel::Manager, ..post("项目经理", SITE_MANAGER, &service) };
        let clerk = Post { line_superior_id: Some(manager.id), ..post("前台", "front-desk", &service) };
        store.add_post(stamp, &manager).await.unwrap();
        store.add_post(stamp, &clerk).await.unwrap();
        let (li, wang) = (person("10", "李经理"), person("2", "王前台"));
        store.add_staff(stamp, &[li.clone(), wang.clone()]).await.unwrap();
        Self { fixture, service, manager, clerk, li, wang }
    }
}

on_both! {
    async fn an_organisation_is_read_as_it_was_written(db) {
        let Organisation { fixture, service, manager, clerk, li, wang } = Organisation::new(&db).await;
        let store = &fixture.store;
        assert_eq!(store.departments().await.unwrap(), [Versioned { record: service, version: 1 }]);
        let posts: Vec<_> = store.posts().await.unwrap().into_iter().map(|post| post.record).collect();
        assert_eq!(posts, [manager, clerk], "the highest first");
        let page = store.staff(&StaffSearch::default(), None, 10).await.unwrap();
        let people: Vec<_> = page.items.iter().map(|row| row.staff.clone()).collect();
        assert_eq!(people, [wang.clone(), li.clone()], "as people count");
        assert_eq!(store.staff_member(li.id).await.unwrap().record, li);
        assert_eq!(store.staff_by_no("2").await.unwrap().unwrap().record, wang);
        assert!(store.staff_by_no("3").await.unwrap().is_none());
        fixture.assert_consistent().await;
    }

    async fn a_company_gives_its_own_names(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let (store, stamp) = (&fixture.store, &fixture.stamp);
        let alias = |kind: &str, alias: &str| DepartmentAlias { kind: code(kind), alias: alias.into() };
        store.add_department_alias(stamp, &alias("customer-service", "贴心组")).await.unwrap();
        store.add_department_alias(stamp, &alias("customer-service", "Care Team")).await.unwrap();
        assert_eq!(refused(store.add_department_alias(stamp, &alias("engineering", "ＣＡＲＥ team")).await), "conflict");
        let aliases = store.department_aliases().await.unwrap();
        assert_eq!(department_kind("care　team", &aliases), Some(code("customer-service")));
        store.remove_department_alias(stamp, "careteam").await.unwrap();
        assert_eq!(refused(store.remove_department_alias(stamp, "careteam").await), "not-found");
        assert_eq!(store.department_aliases().await.unwrap(), [alias("customer-service", "贴心组")]);
        let other = Fixture::named(&db.store, "other", 1).await;
        assert!(other.store.department_aliases().await.unwrap().is_empty());
        fixture.assert_consistent().await;
    }

    async fn what_is_in_use_is_not_closed(db) {
        let Organisation { fixture, service, clerk, wang, .. } = Organisation::new(&db).await;
        let (store, stamp) = (&fixture.store, &fixture.stamp);
        let closed = Department { closed_on: Some(day("2026-01-01")), ..service.clone() };
        assert_eq!(refused(store.change_department(stamp, &closed, 1).await), "department-in-use");
        let held = holds(&wang, &clerk, None, "2025-01-01");
        store.add_assignment(stamp, &held).await.unwrap();
        let ended = Post { closed_on: Some(day("2026-01-01")), ..clerk.clone() };
        assert_eq!(refused(store.change_post(stamp, &ended, 1).await), "post-in-use");
        let over = PostAssignment { span: Span::new(day("2025-01-01"), Some(day("2026-01-01"))), ..held };
        assert_eq!(store.change_assignment(stamp, &over, 1).await.unwrap(), 2);
        assert_eq!(store.change_post(stamp, &ended, 1).await.unwrap(), 2);
        assert_eq!(refused(store.change_post(stamp, &ended, 1).await), STALE);
        let below = department("前台组", "customer-service", Some(service.id));
        store.add_department(stamp, &below).await.unwrap();
        let under_itself = Department { parent_id: Some(below.id), ..service.clone() };
        assert_eq!(refused(store.change_department(stamp, &under_itself, 1).await), "department-cycle");
        let late = Post { department_id: below.id, ..post("夜班前台", "front-desk", &below) };
        store.change_department(stamp, &Department { closed_on: Some(day("2025-06-01")), ..below }, 1).await.unwrap();
        assert_eq!(refused(store.add_post(stamp, &late).await), "department-closed");
        fixture.assert_consistent().await;
    }

    async fn an_edit_over_another_one_is_refused(db) {
        let Organisation { fixture, service, manager, clerk, li, .. } = Organisation::new(&db).await;
        let (store, stamp) = (&fixture.store, &fixture.stamp);
        let renamed = Department { name: "客服部".into(), ..service.clone() };
        assert_eq!(store.change_department(stamp, &renamed, 1).await.unwrap(), 2);
        assert_eq!(refused(store.change_department(stamp, &service, 1).await), STALE);
        let above = Post { line_superior_id: Some(clerk.id), ..manager.clone() };
        assert_eq!(refused(store.change_post(stamp, &above, 1).await), "superior-cycle");
        let moved = Staff { phone: None, ..li.clone() };
        assert_eq!(store.change_staff(stamp, &moved, 1).await.unwrap(), 2);
        assert_eq!(refused(store.change_staff(stamp, &li, 1).await), STALE);
        assert_eq!(refused(store.set_skills(stamp, li.id, &[], 1).await), STALE);
        assert_eq!(refused(store.end_employment(stamp, li.id, day("2025-06-01"), 1).await), STALE);
        assert_eq!(store.staff_member(li.id).await.unwrap(), Versioned { record: moved, version: 2 });
        fixture.assert_consistent().await;
    }

    async fn people_are_taken_on_together_or_not_at_all(db) {
        let Organisation { fixture, li, .. } = Organisation::new(&db).await;
        let (store, stamp) = (&fixture.store, &fixture.stamp);
        let double = [person("3", "赵"), person("10", "钱")];
        assert_eq!(refused(store.add_staff(stamp, &double).await), "conflict");
        assert!(store.staff_by_no("3").await.unwrap().is_none());
        let user = store.add_user(stamp, "li", &[Role::Manager], None).await.unwrap();
        let with_login = Staff { user_id: Some(user.id), ..li.clone() };
        store.change_staff(stamp, &with_login, 1).await.unwrap();
        let same_login = Staff { user_id: Some(user.id), ..person("4", "孙") };
        assert_eq!(refused(store.add_staff(stamp, std::slice::from_ref(&same_login)).await), "conflict");
        let other = Fixture::named(&db.store, "other", 1).await;
        assert_eq!(refused(other.store.add_staff(&other.stamp, &[same_login]).await), "not-found", "another company's login");
        let audit = store.audit(None, 100).await.unwrap();
        let kept: Vec<_> = audit.iter().filter(|row| row.action.starts_with("staff.")).map(|row| row.after.to_string()).collect();
        assert!(kept.len() >= 3 && kept.iter().all(|row| !row.contains("13800000010") && !row.contains("1985")), "{kept:?}");
        fixture.assert_consistent().await;
    }

    async fn people_are_found_by_what_they_do(db) {
        let Organisation { fixture, service, manager, clerk, li, wang } = Organisation::new(&db).await;
        let (store, stamp, project) = (&fixture.store, &fixture.stamp, fixture.project.id);
        store.add_assignment(stamp, &holds(&li, &manager, Some(project), "2025-01-01")).await.unwrap();
        store.add_assignment(stamp, &holds(&wang, &clerk, None, "2025-03-01")).await.unwrap();
        store.set_skills(stamp, wang.id, &[Skill { code: code("english"), level: 4 }], 1).await.unwrap();
        let search = StaffSearch { day: Some(day("2025-03-01")), ..StaffSearch::default() };
        let found = async |search: StaffSearch| -> Vec<String> {
            let page = store.staff(&search, None, 10).await.unwrap();
            page.items.into_iter().map(|row| row.staff.staff_no).collect()
        };
        assert_eq!(found(StaffSearch { project_id: Some(project), ..search.clone() }).await, ["2", "10"]);
        assert_eq!(found(StaffSearch { post_id: Some(manager.id), ..search.clone() }).await, ["10"]);
        let before = StaffSearch { department_id: Some(service.id), day: Some(day("2025-02-28")), ..search.clone() };
        assert_eq!(found(before).await, ["10"]);
        assert_eq!(found(StaffSearch { skill: Some(code("english")), ..search.clone() }).await, ["2"]);
        assert_eq!(found(StaffSearch { text: "经".into(), ..search.clone() }).await, ["10"]);
        assert_eq!(found(StaffSearch { text: "%".into(), ..search.clone() }).await, Vec::<String>::new());
        assert_eq!(found(StaffSearch { text: "13800000002".into(), ..search.clone() }).await, Vec::<String>::new());
        assert_eq!(found(StaffSearch { text: "13800000002".into(), personal_data: true, ..search.clone() }).await, ["2"]);
        assert_eq!(found(StaffSearch { day: Some(day("2019-12-31")), ..search.clone() }).await, Vec::<String>::new());
        let first = store.staff(&search, None, 1).await.unwrap();
        assert_eq!(first.items[0].posts[0].post, "前台");
        let second = store.staff(&search, first.next.as_deref(), 1).await.unwrap();
        assert_eq!((second.items[0].posts[0].project.as_deref(), second.next), (Some("Jade Garden"), None));
        assert!(store.staff(&search, Some("no"), 1).await.is_err());
    }

    async fn assignments_keep_their_history(db) {
        let Organisation { fixture, manager, clerk, li, wang, .. } = Organisation::new(&db).await;
        let (store, stamp, project) = (&fixture.store, &fixture.stamp, fixture.project.id);
        let first = PostAssignment { span: Span::new(day("2024-01-01"), Some(day("2025-01-01"))), ..holds(&li, &clerk, None, "2024-01-01") };
        let second = holds(&li, &manager, Some(project), "2025-01-01");
        store.add_assignment(stamp, &first).await.unwrap();
        store.add_assignment(stamp, &second).await.unwrap();
        assert_eq!(refused(store.add_assignment(stamp, &holds(&li, &clerk, None, "2025-06-01")).await), "primary-already");
        assert_eq!(refused(store.add_assignment(stamp, &holds(&wang, &clerk, None, "2019-01-01")).await), "not-employed");
        assert_eq!(refused(store.add_assignment(stamp, &holds(&person("9", "?"), &clerk, None, "2025-01-01")).await), "not-found");
        assert_eq!(refused(store.add_assignment(stamp, &holds(&wang, &clerk, Some(ProjectId::generate()), "2025-01-01")).await), "not-found");
        assert_eq!(refused(store.change_assignment(stamp, &PostAssignment { staff_id: wang.id, ..second.clone() }, 1).await), "conflict");
        let filter = AssignmentFilter { staff_id: Some(li.id), ..AssignmentFilter::default() };
        let page = store.assignments(&filter, None, 1).await.unwrap();
        assert_eq!(page.items[0].assignment, second);
        let rest = store.assignments(&filter, page.next.as_deref(), 1).await.unwrap();
        assert_eq!((&rest.items[0].assignment, rest.next), (&first, None));
        let on = |on: &str| AssignmentFilter { day: Some(day(on)), ..filter };
        assert_eq!(store.assignments(&on("2024-12-31"), None, 9).await.unwrap().items[0].assignment, first);
        assert_eq!(store.assignments(&on("2025-01-01"), None, 9).await.unwrap().items[0].assignment, second);
        assert!(store.assignments(&AssignmentFilter { post_id: Some(manager.id), ..on("2024-12-31") }, None, 9).await.unwrap().items.is_empty());
        assert_eq!(store.assignment(second.id).await.unwrap().project.as_deref(), Some("Jade Garden"));
        fixture.assert_consistent().await;
    }

    async fn whoever_leaves_holds_nothing_any_more(db) {
        let Organisation { fixture, manager, clerk, li, wang, .. } = Organisation::new(&db).await;
        let (store, stamp, project) = (&fixture.store, &fixture.stamp, fixture.project.id);
        let held = holds(&li, &manager, Some(project), "2025-01-01");
        let planned = PostAssignment { is_primary: false, share_permille: None, ..holds(&li, &clerk, None, "2025-09-01") };
        store.add_assignment(stamp, &held).await.unwrap();
        store.add_assignment(stamp, &planned).await.unwrap();
        let shift = |starts_at: &str| Shift {
            id: ShiftId::generate(), project_id: project, staff_id: li.id, post_id: None, place: None,
            starts_at: at(starts_at), ends_at: at(starts_at) + TimeDelta::hours(8),
        };
        // 1 June begins at 16:00 UTC of the day before in Shanghai.
        let (last, first) = (shift("2025-05-31T07:59:59Z"), shift("2025-05-31T16:00:00Z"));
        store.add_shifts(stamp, &[last.clone(), first]).await.unwrap();
        assert_eq!(store.end_employment(stamp, li.id, day("2025-06-01"), 1).await.unwrap(), 2);
        assert_eq!(refused(store.end_employment(stamp, li.id, day("2025-07-01"), 2).await), "left-already");
        let row = store.assignment(held.id).await.unwrap();
        assert_eq!((row.assignment.span.ends_on, row.version), (Some(day("2025-06-01")), 2));
        assert_eq!(refused(store.assignment(planned.id).await), "not-found");
        let all = DutyFilter::between(project, at("2025-05-01T00:00:00Z"), at("2025-07-01T00:00:00Z"));
        let left: Vec<_> = store.shifts(&all, 9).await.unwrap().into_iter().map(|row| row.shift).collect();
        assert_eq!(left, [last]);
        assert_eq!(refused(store.add_assignment(stamp, &holds(&li, &clerk, None, "2025-06-01")).await), "not-employed");
        let here = StaffSearch { day: Some(day("2025-06-01")), ..StaffSearch::default() };
        assert_eq!(store.staff(&here, None, 9).await.unwrap().items[0].staff.id, wang.id);
        fixture.assert_consistent().await;
    }

    async fn certificates_run_out(db) {
        let Organisation { fixture, li, wang, .. } = Organisation::new(&db).await;
        let (store, stamp) = (&fixture.store, &fixture.stamp);
        let certificate = |staff: &Staff, kind: &str, number: &str, expires_on: Option<&str>| Certificate {
            id: CertificateId::generate(),
            staff_id: staff.id,
            kind: code(kind),
            number: number.into(),
            issuer: Some("市住建委".into()),
            issued_on: day("2023-01-01"),
            expires_on: expires_on.map(day),
            revoked_on: None,
        };
        let old = certificate(&li, "city-training", "1", Some("2025-03-31"));
        let renewed = certificate(&li, "city-training", "2", Some("2027-03-31"));
        let running_out = certificate(&wang, "city-training", "3", Some("2025-05-31"));
        let for_ever = certificate(&li, "site-manager-national", "4", None);
        for one in [&old, &renewed, &running_out, &for_ever] {
            store.add_certificate(stamp, one).await.unwrap();
        }
        assert_eq!(refused(store.add_certificate(stamp, &Certificate { id: CertificateId::generate(), ..old.clone() }).await), "conflict");
        assert_eq!(refused(store.add_certificate(stamp, &certificate(&person("7", "?"), "x", "1", None)).await), "not-found");
        let mut cursor = None;
        let mut numbers = Vec::new();
        loop {
            let page = store.certificates(&CertificateFilter::default(), cursor.as_deref(), 1).await.unwrap();
            numbers.extend(page.items.into_iter().map(|row| row.certificate.number));
            cursor = page.next;
            if cursor.is_none() { break; }
        }
        assert_eq!(numbers, ["1", "3", "2", "4"]);
        let expiring = CertificateFilter { expires_by: Some(day("2025-06-30")), ..CertificateFilter::default() };
        let rows = store.certificates(&expiring, None, 9).await.unwrap().items;
        assert_eq!(rows.iter().map(|row| row.certificate.number.as_str()).collect::<Vec<_>>(), ["3"], "the other one was renewed");
        let both = [li.id, wang.id];
        let held = |on: &str| store.certificates_held(&both, day(on));
        assert_eq!(held("2025-03-31").await.unwrap().len(), 4);
        assert_eq!(held("2025-06-01").await.unwrap().len(), 2);
        let revoked = Certificate { revoked_on: Some(day("2025-02-01")), ..for_ever };
        assert_eq!(store.change_certificate(stamp, &revoked, 1).await.unwrap(), 2);
        assert_eq!(refused(store.change_certificate(stamp, &revoked, 1).await), STALE);
        assert_eq!(held("2025-06-01").await.unwrap(), [renewed]);
        fixture.assert_consistent().await;
    }

    async fn somebody_is_on_duty_or_nobody_is(db) {
        let Organisation { fixture, manager, clerk, li, wang, .. } = Organisation::new(&db).await;
        let (store, stamp, project) = (&fixture.store, &fixture.stamp, fixture.project.id);
        store.add_assignment(stamp, &holds(&wang, &clerk, Some(project), "2025-01-01")).await.unwrap();
        store.set_skills(stamp, li.id, &[Skill { code: code("lift"), level: 3 }], 1).await.unwrap();
        let shift = |staff: &Staff, post: Option<&Post>, starts_at: &str, hours: i64| Shift {
            id: ShiftId::generate(),
            project_id: project,
            staff_id: staff.id,
            post_id: post.map(|post| post.id),
            place: Some("监控中心".into()),
            starts_at: at(starts_at),
            ends_at: at(starts_at) + TimeDelta::hours(hours),
        };
        let night = shift(&li, Some(&manager), "2025-03-01T12:00:00Z", 12);
        let morning = shift(&wang, None, "2025-03-02T00:00:00Z", 8);
        store.add_shifts(stamp, &[night.clone(), morning.clone()]).await.unwrap();
        let on_duty = async |filter: DutyFilter| -> Vec<ShiftId> {
            store.shifts(&filter, 9).await.unwrap().into_iter().map(|row| row.shift.id).collect()
        };
        let now = |text: &str| DutyFilter::at(project, at(text));
        assert_eq!(on_duty(now("2025-03-01T12:00:00Z")).await, [night.id]);
        assert_eq!(on_duty(now("2025-03-02T00:00:00Z")).await, [morning.id], "the one that starts then");
        assert!(on_duty(now("2025-03-02T08:00:00Z")).await.is_empty());
        let kind = |kind: &str, text: &str| DutyFilter { post_kind: Some(code(kind)), ..now(text) };
        assert_eq!(on_duty(kind(SITE_MANAGER, "2025-03-01T13:00:00Z")).await, [night.id]);
        assert_eq!(on_duty(kind("front-desk", "2025-03-02T01:00:00Z")).await, [morning.id], "what they hold there");
        assert!(on_duty(kind("front-desk", "2025-03-01T13:00:00Z")).await.is_empty());
        let lift = |text: &str| DutyFilter { skill: Some(code("lift")), ..now(text) };
        assert_eq!((on_duty(lift("2025-03-01T13:00:00Z")).await.len(), on_duty(lift("2025-03-02T01:00:00Z")).await.len()), (1, 0));
        let elsewhere = DutyFilter { place: Some("前台".into()), ..now("2025-03-01T13:00:00Z") };
        assert!(on_duty(elsewhere).await.is_empty());
        let (from, to) = (at("2025-03-01T16:00:00Z"), at("2025-03-02T16:00:00Z"));
        let rows = store.shifts(&DutyFilter::between(project, from, to), 9).await.unwrap();
        let shifts: Vec<_> = rows.into_iter().map(|row| row.shift).collect();
        assert_eq!(duty_gaps(&shifts, from, to, 1), [DutyGap { from: at("2025-03-02T08:00:00Z"), to, on_duty: 0 }]);
        let clash = [shift(&wang, None, "2025-03-03T00:00:00Z", 8), shift(&wang, None, "2025-03-02T07:00:00Z", 8)];
        assert_eq!(refused(store.add_shifts(stamp, &clash).await), "on-duty-already");
        assert!(on_duty(now("2025-03-03T01:00:00Z")).await.is_empty(), "all or none");
        store.remove_shift(stamp, night.id).await.unwrap();
        assert_eq!(refused(store.remove_shift(stamp, night.id).await), "not-found");
        assert!(on_duty(now("2025-03-01T13:00:00Z")).await.is_empty());
        fixture.assert_consistent().await;
    }

    async fn whoever_answers_follows_the_day(db) {
        let Organisation { fixture, service, manager, clerk, li, wang } = Organisation::new(&db).await;
        let (store, stamp, project) = (&fixture.store, &fixture.stamp, fixture.project.id);
        let finance = Post { optional: true, stand_in_id: Some(clerk.id), ..post("财务经理", "finance-manager", &service) };
        store.add_post(stamp, &finance).await.unwrap();
        store.add_assignment(stamp, &holds(&wang, &clerk, None, "2025-01-01")).await.unwrap();
        store.add_assignment(stamp, &holds(&li, &finance, None, "2025-06-01")).await.unwrap();
        let answers = async |post: &Post, on: &str| {
            let answerable = store.answerable(post.id, Some(project), day(on)).await.unwrap();
            (answerable.post_id, answerable.staff_ids)
        };
        assert_eq!(answers(&finance, "2024-12-31").await, (clerk.id, vec![]));
        assert_eq!(answers(&finance, "2025-05-31").await, (clerk.id, vec![wang.id]));
        assert_eq!(answers(&finance, "2025-06-01").await, (finance.id, vec![li.id]));
        assert_eq!(answers(&manager, "2025-06-01").await, (manager.id, vec![]));
        assert_eq!(refused(store.answerable(PostId::generate(), None, day("2025-06-01")).await), "not-found");
    }

    async fn managers_are_read_with_all_they_run(db) {
        let Organisation { fixture, manager, li, wang, .. } = Organisation::new(&db).await;
        let (store, stamp, project) = (&fixture.store, &fixture.stamp, fixture.project.id);
        let half = |staff, project, from| PostAssignment { share_permille: Some(500), is_primary: false, ..holds(staff, &manager, Some(project), from) };
        let villas = guanjia_domain::estate::Project { id: ProjectId::generate(), name: "A Villas".into(), developer_id: PartyId::generate(), ..fixture.project.clone() };
        let developer = guanjia_domain::estate::Party { id: villas.developer_id, ..party("D", guanjia_domain::estate::PartyKind::Developer) };
        store.create_project(stamp, &villas, &developer).await.unwrap();
        for assignment in [half(&li, project, "2025-01-01"), half(&li, villas.id, "2025-03-01"), half(&wang, villas.id, "2025-02-01")] {
            store.add_assignment(stamp, &assignment).await.unwrap();
        }
        let loads = store.manager_loads(Some(project), day("2025-03-01")).await.unwrap();
        assert_eq!(loads.len(), 1);
        let names: Vec<_> = loads[0].projects.iter().map(|project| (project.project.as_str(), project.units)).collect();
        assert_eq!((loads[0].staff.as_str(), names), ("李经理", vec![("A Villas", 0), ("Jade Garden", 6)]));
        assert_eq!(loads[0].gross_floor_area_cm2().unwrap(), 6 * 895_000);
        let before = store.manager_loads(Some(project), day("2025-02-28")).await.unwrap();
        assert_eq!(before[0].projects.len(), 1);
        assert_eq!(store.manager_loads(None, day("2025-03-01")).await.unwrap().len(), 2);
        assert!(store.manager_loads(None, day("2024-12-31")).await.unwrap().is_empty());
    }

    async fn candidates_come_with_what_tells_them_apart(db) {
        let Organisation { fixture, clerk, li, wang, .. } = Organisation::new(&db).await;
        let (store, stamp, project) = (&fixture.store, &fixture.stamp, fixture.project.id);
        store.add_assignment(stamp, &holds(&wang, &clerk, None, "2025-01-01")).await.unwrap();
        store.set_skills(stamp, wang.id, &[Skill { code: code("lift"), level: 3 }], 1).await.unwrap();
        let ends_at = at("2025-03-01T16:00:00Z");
        let shift = Shift { id: ShiftId::generate(), project_id: project, staff_id: li.id, post_id: None, place: None, starts_at: at("2025-03-01T08:00:00Z"), ends_at };
        store.add_shifts(stamp, &[shift]).await.unwrap();
        let mut candidates = store.work_candidates(project, day("2025-03-01"), at("2025-03-01T09:00:00Z")).await.unwrap();
        candidates.sort_by_key(|candidate| candidate.posts.len());
        let [on_duty, holder] = candidates.as_slice() else { panic!("{candidates:?}") };
        assert_eq!((on_duty.staff_id, on_duty.on_duty_until), (li.id, Some(ends_at)));
        assert_eq!((holder.staff_id, holder.skills.len(), holder.on_duty_until), (wang.id, 1, None));
        assert_eq!((holder.posts[0].kind.as_str(), holder.posts[0].department_kind.as_str()), ("front-desk", "customer-service"));
        assert!(store.work_candidates(project, day("2024-12-31"), at("2024-12-31T09:00:00Z")).await.unwrap().is_empty());
    }

    async fn another_company_sees_nothing_of_it(db) {
        let Organisation { fixture, service, manager, clerk, li, wang } = Organisation::new(&db).await;
        let held = holds(&wang, &clerk, None, "2025-01-01");
        fixture.store.add_assignment(&fixture.stamp, &held).await.unwrap();
        let company = db.store.ensure_company("other", now()).await.unwrap();
        let (store, stamp) = (db.store.company(company), &fixture.stamp);
        assert!(store.departments().await.unwrap().is_empty() && store.posts().await.unwrap().is_empty());
        assert!(store.staff(&StaffSearch::default(), None, 9).await.unwrap().items.is_empty());
        assert!(store.assignments(&AssignmentFilter::default(), None, 9).await.unwrap().items.is_empty());
        assert!(store.manager_loads(None, day("2025-01-01")).await.unwrap().is_empty());
        assert!(store.certificates_held(&[li.id], day("2025-01-01")).await.unwrap().is_empty());
        for outcome in [
            store.staff_member(li.id).await.map(|_| ()),
            store.skills(li.id).await.map(|_| ()),
            store.set_skills(stamp, li.id, &[], 1).await.map(|_| ()),
            store.assignment(held.id).await.map(|_| ()),
            store.change_staff(stamp, &li, 1).await.map(|_| ()),
            store.change_post(stamp, &clerk, 1).await.map(|_| ()),
            store.change_department(stamp, &service, 1).await.map(|_| ()),
            store.change_assignment(stamp, &held, 1).await.map(|_| ()),
            store.add_assignment(stamp, &holds(&li, &manager, None, "2025-01-01")).await,
            store.add_post(stamp, &post("x", "x", &service)).await,
            store.add_department(stamp, &department("x", "x", Some(service.id))).await,
            store.answerable(clerk.id, None, day("2025-01-01")).await.map(|_| ()),
            store.work_candidates(fixture.project.id, day("2025-01-01"), now()).await.map(|_| ()),
            store.shifts(&DutyFilter::at(fixture.project.id, now()), 9).await.map(|_| ()),
        ] {
            assert_eq!(refused(outcome), "not-found");
        }
        fixture.assert_consistent().await;
    }
}
