//! Tickets over the real process: the way of a repair, what is refused and how, one ticket grabbed by several, an owner's link,
//! and deadlines that come due while hosts die.

use super::*;
use std::collections::BTreeMap;

/// The office with people for tickets, and a home.
struct Desk {
    office: Office,
    desk: Caller,
    other_engineer: Caller,
    quality: Caller,
    admin: Caller,
    unit: String,
}

impl Desk {
    async fn open(kind: Kind) -> Self {
        let office = Office::open(kind).await;
        let person = |name: &str, role: &str| {
            office.host.run(&["user", "add", name, "--role", role]).expect(0);
            Caller::nobody(&office.server).with(office.host.token(name))
        };
        let (desk, other_engineer) = (person("qian", "front-desk"), person("sun", "engineer"));
        let (quality, admin) = (person("wu", "quality"), person("boss", "admin"));
        let units = desk.get(&format!("/api/v1/units?project={}&search=6-1-103", office.project)).await.json(200);
        let unit = text(&units["items"][0]["id"]).to_owned();
        Self { office, desk, other_engineer, quality, admin, unit }
    }

    async fn take_in(&self, kind: &str, category: &str) -> Value {
        let body = json!({
            "project": self.office.project, "kind": kind, "category": category, "unit": self.unit, "channel": "phone",
            "words": "厨房水管漏水", "caller": {"name": "王天宇", "phone": "13800000001"},
        });
        self.desk.send("/api/v1/tickets", &body).await.json(201)
    }

    /// The staff id of somebody.
    async fn staff(&self, name: &str) -> Value {
        let users = self.admin.get("/api/v1/users").await.json(200);
        let found = users["items"].as_array().unwrap().iter().find(|user| user["name"] == name).unwrap();
        found["id"].clone()
    }
}

async fn go(caller: &Caller, ticket: &str, body: Value) -> Said {
    caller.send(&format!("/api/v1/tickets/{ticket}/moves"), &body).await
}

#[rstest]
#[tokio::test]
async fn a_repair_ends_with_its_follow_up(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let desk = Desk::open(kind).await;
    let (clerk, engineer) = (&desk.desk, &desk.office.engineer);
    let taken = desk.take_in("repair", "water").await;
    let id = text(&taken["id"]);
    assert_eq!((&taken["state"], &taken["follow_up"]), (&json!("intake"), &json!(true)));
    assert_eq!((text(&taken["place"]), &taken["caller"]["phone"]), ("6-1-103", &json!("13800000001")));
    assert!(text(&taken["ticket_no"]).ends_with("-000001") && taken["response_due_at"].is_string());

    let illegal = go(clerk, id, json!({"move": "close"})).await.problem(422, "illegal-move");
    let detail = text(&illegal["detail"]);
    assert!(detail.contains("intake") && detail.contains("dispatch") && detail.contains("cancel"), "{detail}");
    go(engineer, id, json!({"move": "dispatch"})).await.problem(403, "permission");
    go(&desk.quality, id, json!({"move": "accept"})).await.problem(403, "permission");
    go(clerk, id, json!({"move": "fly"})).await.problem(422, "invalid");
    let zhou = desk.staff("zhou").await;
    let dispatched = go(clerk, id, json!({"move": "dispatch", "to": zhou})).await.json(200);
    assert_eq!((&dispatched["state"], &dispatched["assignee_name"]), (&json!("dispatched"), &json!("zhou")));
    go(&desk.other_engineer, id, json!({"move": "accept"})).await.problem(422, "not-yours");
    for body in [json!({"move": "accept"}), json!({"move": "start"}), json!({"move": "suspend", "reason": "缺配件"})]
    {
        go(engineer, id, body).await.json(200);
    }
    go(engineer, id, json!({"move": "solve", "reason": "换了"})).await.problem(422, "illegal-move");
    go(engineer, id, json!({"move": "resume"})).await.json(200);
    go(engineer, id, json!({"move": "solve"})).await.problem(422, "reason-missing");
    go(engineer, id, json!({"move": "solve", "reason": "换了水管"})).await.json(200);
    go(clerk, id, json!({"move": "close"})).await.problem(422, "follow-up-missing");
    go(clerk, id, json!({"move": "follow-up", "follow_up": {"result": "satisfied", "score": 6}}))
        .await
        .problem(422, "invalid");
    go(clerk, id, json!({"move": "follow-up", "follow_up": {"result": "not-reached"}})).await.json(200);
    let again = json!({"move": "follow-up", "follow_up": {"result": "dissatisfied", "words": "还在滴"}});
    let reopened = go(clerk, id, again).await.json(200);
    assert_eq!((&reopened["state"], &reopened["assignee"]), (&json!("reopened"), &Value::Null));
    go(clerk, id, json!({"move": "cancel", "reason": "算了"})).await.problem(422, "illegal-move");
    go(clerk, id, json!({"move": "dispatch", "to": desk.staff("zhou").await})).await.json(200);
    for body in [json!({"move": "accept"}), json!({"move": "start"}), json!({"move": "solve", "reason": "拧紧"})] {
        go(engineer, id, body).await.json(200);
    }
    let satisfied = json!({"move": "follow-up", "follow_up": {"result": "satisfied", "score": 5, "channel": "visit"}});
    go(clerk, id, satisfied).await.json(200);
    let closed = go(clerk, id, json!({"move": "close"})).await.json(200);
    assert_eq!((&closed["state"], &closed["due_at"]), (&json!("closed"), &Value::Null));

    let path = format!("/api/v1/tickets/{id}");
    let read = clerk.get(&path).await;
    let tag = read.headers[header::ETAG].to_str().unwrap().to_owned();
    let page = read.json(200);
    let made: Vec<_> = page["moves"].as_array().unwrap().iter().map(|row| text(&row["move"])).collect();
    assert_eq!(made[..3], ["take-in", "dispatch", "accept"]);
    assert_eq!((made.last(), made.len()), (Some(&"close"), 16));
    assert_eq!(page["follow_ups"].as_array().unwrap().len(), 3);
    assert_eq!(page["possible"], json!([]));
    let edit = json!({"priority": "high", "words": "改一改"});
    let put = clerk.request(Method::PUT, &path).header(header::IF_MATCH, &tag).json(&edit);
    said(put).await.problem(422, "ticket-ended");
    go(clerk, id, json!({"move": "reopen", "reason": "又漏"})).await.problem(422, "illegal-move");
    // Whoever neither works on it nor may read personal data sees no number and no name.
    let masked = desk.quality.get(&path).await.json(200);
    assert_eq!(masked["caller"], json!({"name": "王*宇"}));
    desk.office.cashier.get(&path).await.problem(403, "permission");
    desk.office.host.assert_consistent();
}

#[rstest]
#[tokio::test]
async fn what_was_changed_meanwhile_is_not_written_over(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let desk = Desk::open(kind).await;
    let taken = desk.take_in("complaint", "noise").await;
    let path = format!("/api/v1/tickets/{}", text(&taken["id"]));
    let put = async |tag: Option<&str>, body: Value| {
        let request = desk.desk.request(Method::PUT, &path).json(&body);
        said(tag.into_iter().fold(request, |request, tag| request.header(header::IF_MATCH, tag))).await
    };
    let edit = json!({"category": "noise", "priority": "high", "words": "楼上装修吵", "effective": false, "caller": {"name": "王"}});
    put(None, edit.clone()).await.problem(428, "precondition-required");
    put(Some("\"7\""), edit.clone()).await.problem(412, "stale");
    let edited = put(Some("\"1\""), edit.clone()).await.json(200);
    assert_eq!((&edited["effective"], &edited["version"]), (&json!(false), &json!(2)));
    put(Some("\"1\""), edit).await.problem(412, "stale");
    let moves = desk.desk.request(Method::POST, &format!("{path}/moves")).header(header::IF_MATCH, "\"1\"");
    said(moves.json(&json!({"move": "cancel", "reason": "误报"}))).await.problem(412, "stale");
    let unknown = json!({"category": "lift", "priority": "high", "words": "楼上装修吵"});
    put(Some("\"2\""), unknown).await.problem(422, "unknown-category");
    // Of another project's unit, and of nothing.
    let foreign = json!({"project": desk.office.project, "kind": "repair", "unit": UNKNOWN, "words": "漏"});
    desk.desk.send("/api/v1/tickets", &foreign).await.problem(404, "not-found");
    let nowhere = json!({"project": UNKNOWN, "kind": "repair", "words": "漏"});
    desk.desk.send("/api/v1/tickets", &nowhere).await.problem(404, "not-found");
    let long = json!({"project": desk.office.project, "kind": "repair", "words": "漏".repeat(2_001)});
    desk.desk.send("/api/v1/tickets", &long).await.problem(422, "invalid");
    let praise = json!({"project": desk.office.project, "kind": "praise", "words": "好"});
    desk.desk.send("/api/v1/tickets", &praise).await.problem(422, "unknown-kind");
    // Sent twice under one key, it is one ticket.
    let once = json!({"project": desk.office.project, "kind": "enquiry", "words": "物业费怎么交"});
    let keyed =
        || said(desk.desk.request(Method::POST, "/api/v1/tickets").header("Idempotency-Key", "one").json(&once));
    assert_eq!(keyed().await.json(201)["id"], keyed().await.json(201)["id"]);
    let list = format!("/api/v1/tickets?project={}", desk.office.project);
    assert_eq!(desk.desk.whole(&list, 1).await.len(), 2);
    let found = desk.desk.get(&format!("{list}&kind=enquiry&state=intake&open=true&text=物业费")).await.json(200);
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    desk.desk.get(&format!("{list}&state=flying")).await.problem(422, "invalid");
}

#[rstest]
#[tokio::test]
async fn of_two_who_grab_one_has_it(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let desk = Desk::open(kind).await;
    let kinds = desk.admin.get("/api/v1/ticket-kinds").await.json(200);
    let request = kinds["items"].as_array().unwrap().iter().find(|kind| kind["code"] == "request").unwrap();
    let mut declared = request.clone();
    for known in ["code", "project", "version"] {
        declared.as_object_mut().unwrap().remove(known);
    }
    declared["dispatch"] = json!("offer");
    let put = |caller: &Caller, code: &str, body: &Value| {
        said(
            caller
                .request(Method::PUT, &format!("/api/v1/ticket-kinds/{code}"))
                .header(header::IF_MATCH, "\"0\"")
                .json(body),
        )
    };
    assert_eq!(put(&desk.admin, "request", &declared).await.json(200)["version"], 1);
    put(&desk.admin, "request", &declared).await.problem(412, "stale");
    put(&desk.desk, "request", &declared).await.problem(403, "permission");
    put(&desk.admin, "repair", &declared).await.problem(422, "follow-up-required");
    let taken = desk.take_in("request", "").await;
    assert_eq!((&taken["state"], &taken["offered"]), (&json!("dispatched"), &json!(true)));
    let id = text(&taken["id"]);
    let grab = json!({"move": "accept"});
    let (left, right) =
        tokio::join!(go(&desk.office.engineer, id, grab.clone()), go(&desk.other_engineer, id, grab.clone()));
    let (won, lost) = if left.status == 200 { (left, right) } else { (right, left) };
    let detail = lost.problem(409, "conflict")["detail"].clone();
    assert!(text(&detail).contains("taken"), "{detail}");
    let name = won.json(200)["assignee_name"].clone();
    let list = format!("/api/v1/tickets?project={}&assignee=me&open=true", desk.office.project);
    let mine = async |caller: &Caller| caller.get(&list).await.json(200)["items"].as_array().unwrap().len();
    let counts = (mine(&desk.office.engineer).await, mine(&desk.other_engineer).await);
    assert_eq!(counts, if name == "zhou" { (1, 0) } else { (0, 1) });
}

#[rstest]
#[tokio::test]
async fn an_owner_reports_follows_and_rates(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let desk = Desk::open(kind).await;
    let made =
        desk.desk.send(&format!("/api/v1/units/{}/owner-links", desk.unit), &json!({"days": 30})).await.json(201);
    let path = text(&made["path"]).to_owned();
    let owner = Caller::nobody(&desk.office.server);
    let page = owner.get(&path).await;
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.text.contains("6-1-103") && !page.text.contains("王"), "the page names the unit and nobody in it");
    let send = async |path: &str, form: &[(&str, &str)]| said(owner.request(Method::POST, path).form(form)).await;
    let report = format!("{path}/report");
    let sent = send(
        &report,
        &[("about", "repair:water"), ("words", "水管爆了"), ("caller", "王天宇"), ("phone", "13800000001")],
    )
    .await;
    assert_eq!((sent.status, sent.headers[header::LOCATION].to_str().unwrap()), (303, path.as_str()));
    assert_eq!(send(&report, &[("about", "repair"), ("words", " ")]).await.status, 422);
    let list = format!("/api/v1/tickets?project={}", desk.office.project);
    let ticket = desk.desk.get(&list).await.json(200)["items"][0].clone();
    assert_eq!((&ticket["channel"], &ticket["taken_in_by"]), (&json!("owner-link"), &json!("owner-link")));
    let id = text(&ticket["id"]);
    let rate = format!("{path}/tickets/{id}/rate");
    assert_eq!(send(&rate, &[("satisfied", "true")]).await.status, 422, "nothing to rate yet");
    let zhou = desk.staff("zhou").await;
    go(&desk.desk, id, json!({"move": "dispatch", "to": zhou})).await.json(200);
    for body in [json!({"move": "accept"}), json!({"move": "start"}), json!({"move": "solve", "reason": "换了"})] {
        go(&desk.office.engineer, id, body).await.json(200);
    }
    assert!(owner.get(&path).await.text.contains("已办完"));
    assert_eq!(send(&rate, &[("satisfied", "true"), ("score", "4"), ("words", "很快")]).await.status, 303);
    let rated = desk.desk.get(&format!("/api/v1/tickets/{id}")).await.json(200);
    let found = &rated["follow_ups"][0];
    assert_eq!(
        (&rated["state"], &found["channel"], &found["score"]),
        (&json!("followed-up"), &json!("owner-link"), &json!(4))
    );
    // What did not come through the link is not on it.
    let another = desk.take_in("repair", "water").await;
    let foreign = send(&format!("{path}/tickets/{}/rate", text(&another["id"])), &[("satisfied", "true")]).await;
    assert_eq!(foreign.status, 404);
    assert!(!owner.get(&path).await.text.contains(text(&another["ticket_no"])));
    // So much a day, and then no more.
    for _ in 1..10 {
        assert_eq!(send(&report, &[("about", "repair"), ("words", "又坏了")]).await.status, 303);
    }
    assert_eq!(send(&report, &[("about", "repair"), ("words", "又坏了")]).await.status, 422);
    // Whoever changes a letter, or has a link that was taken back, finds nothing.
    let forged = format!("{}{}", &path[..path.len() - 1], if path.ends_with('A') { "B" } else { "A" });
    for wrong in [forged.as_str(), "/o/AAAA", "/o/x"] {
        assert_eq!(owner.get(wrong).await.status, 404, "{wrong}");
    }
    let revoke = format!("/api/v1/owner-links/{}/revoke", text(&made["id"]));
    desk.office.engineer.post(&revoke).await.problem(403, "permission");
    assert!(desk.desk.post(&revoke).await.json(200)["revoked_at"].is_string());
    desk.desk.post(&revoke).await.problem(409, "conflict");
    assert_eq!(owner.get(&path).await.status, 404);
    // A link of one ticket shows it and takes no report.
    let other = format!("/api/v1/tickets/{}/owner-links", text(&another["id"]));
    let path = text(&desk.desk.send(&other, &json!({})).await.json(201)["path"]).to_owned();
    assert!(owner.get(&path).await.text.contains(text(&another["ticket_no"])));
    assert_eq!(send(&format!("{path}/report"), &[("about", "repair"), ("words", "又坏了")]).await.status, 422);
    desk.office.host.assert_consistent();
}

/// Deadlines come due while hosts are killed one after another: each fires once.
#[rstest]
#[tokio::test]
async fn deadlines_fire_once_though_hosts_die(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    const TICKETS: usize = 30;
    let desk = Desk::open(kind).await;
    let minute = json!({"minutes": 1, "clock": "around"});
    let declared = json!({
        "title": {"zh": "电梯", "en": "Lift"}, "kind": "repair", "response": minute, "solve": {"minutes": 600, "clock": "around"},
        "escalations": [{"after": minute, "level": "project-head"}],
    });
    let put = desk
        .admin
        .request(Method::PUT, "/api/v1/ticket-categories/lift")
        .header(header::IF_MATCH, "\"0\"")
        .json(&declared);
    said(put).await.json(200);
    let started = Instant::now();
    for _ in 0..TICKETS {
        desk.take_in("repair", "lift").await;
    }
    let host = desk.office.host;
    drop(desk.office.server);
    tokio::time::sleep(Duration::from_secs(59).saturating_sub(started.elapsed())).await;
    for _ in 0..6 {
        let (left, right) = (host.serve(), host.serve());
        tokio::time::sleep(Duration::from_millis(350)).await;
        drop((left, right));
    }
    let server = host.serve();
    let admin = Caller::nobody(&server).with(host.token("boss"));
    let started = Instant::now();
    let fired = loop {
        let mut fired: BTreeMap<(String, String), usize> = BTreeMap::new();
        for event in admin.whole("/api/v1/events", 500).await {
            let kind = text(&event["kind"]);
            if matches!(kind, "ticket.response-due" | "ticket.escalated") {
                *fired.entry((kind.to_owned(), text(&event["subject"]).to_owned())).or_default() += 1;
            }
        }
        if fired.len() == 2 * TICKETS {
            break fired;
        }
        assert!(started.elapsed() < PATIENCE, "only {} timers fired", fired.len());
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert!(fired.values().all(|count| *count == 1), "{fired:?}");
    let project = text(&admin.get("/api/v1/projects").await.json(200)["items"][0]["id"]).to_owned();
    let overdue = admin.whole(&format!("/api/v1/tickets?project={project}&overdue=true"), 7).await;
    assert_eq!(overdue.len(), TICKETS);
    assert!(overdue.iter().all(|ticket| ticket["level"] == "project-head"));
    host.assert_consistent();
}

#[rstest]
#[tokio::test]
async fn a_calendar_moves_deadlines(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let desk = Desk::open(kind).await;
    let project = &desk.office.project;
    let scope = format!("/api/v1/calendars?project={project}");
    let put = |tag: &str, body: Value| {
        said(desk.admin.request(Method::PUT, &scope).header(header::IF_MATCH, tag).json(&body))
    };
    let day = json!(["08:30-12:00", "13:30-17:30"]);
    let calendar =
        json!({"week": [day, day, day, day, day, [], []], "days": {"2026-10-01": [], "2026-10-10": ["09:00-12:00"]}});
    assert_eq!(put("\"0\"", calendar.clone()).await.json(200)["version"], 1);
    put("\"0\"", calendar).await.problem(412, "stale");
    put("\"1\"", json!({"week": [["12:00-08:00"], [], [], [], [], [], []]})).await.problem(400, "malformed");
    put("\"1\"", json!({"week": [[], [], [], [], [], [], []]})).await.problem(422, "invalid");
    // The last day of September is a Wednesday; Shanghai is eight hours ahead.
    let due = async |query: &str| {
        let due =
            desk.desk.get(&format!("/api/v1/calendars/due?project={project}&from=2026-09-30T09:00:00Z&{query}")).await;
        text(&due.json(200)["due_at"]).to_owned()
    };
    assert_eq!(due("minutes=60").await, "2026-10-02T01:00:00Z");
    assert_eq!(due("minutes=60&clock=around").await, "2026-09-30T10:00:00Z");
    let versions = desk.desk.get(&scope).await.json(200);
    assert_eq!(versions["items"][0]["days"]["2026-10-10"], json!(["09:00-12:00"]));
    assert_eq!(
        desk.desk.get("/api/v1/calendars").await.json(200)["items"][0]["version"],
        0,
        "the company has none of its own"
    );
}

/// The command line does what the API does, in JSON for scripts.
#[tokio::test]
async fn tickets_are_moved_from_the_command_line() {
    let host = Host::office(Kind::Sqlite).await;
    host.run(&["user", "add", "zhou", "--role", "engineer"]).expect(0);
    let of = ["--project", PROJECT];
    let add = ["ticket", "add", "--unit", "6-1-103", "--kind", "repair", "--category", "water", "--words", "漏水"];
    let taken = host.json(&[&add[..], &of].concat());
    let number = text(&taken["ticket_no"]);
    let go = |made: &str, more: &[&str], acting: &str| {
        host.run(&[&["ticket", "move", number, made, "--as", acting, "--json"], &of[..], more].concat())
    };
    go("dispatch", &["--to", "zhou"], "wang").expect(0);
    go("close", &[], "wang").expect(4);
    go("accept", &[], "li").expect(4);
    let none: &[&str] = &[];
    for (made, more) in [("accept", none), ("start", none), ("solve", &["--reason", "修好"][..])] {
        go(made, more, "zhou").expect(0);
    }
    let called = ["ticket", "follow-up", number, "satisfied", "--score", "5", "--as", "wang", "--json"];
    assert_eq!(host.run(&[&called[..], &of].concat()).expect(0).json()["state"], "followed-up");
    assert_eq!(go("close", &[], "wang").expect(0).json()["state"], "closed");
    let shown = host.json(&[&["ticket", "show", number][..], &of].concat());
    assert_eq!(shown["moves"].as_array().unwrap().len(), 7);
    let listed = host.run(&[&["ticket", "list", "--state", "closed", "--json"][..], &of].concat()).expect(0).lines();
    assert_eq!(listed.len(), 1);
    let hours = host.file("calendar.json", r#"{"week": [["00:00-24:00"],[],[],[],[],[],[]]}"#);
    assert_eq!(host.json(&["calendar", "set", &hours])["version"], 1);
    host.run(&["calendar", "set", &hours]).expect(4);
    let due = ["calendar", "due", "--minutes", "1440", "--from", "2026-03-02T00:00:00Z"];
    assert_eq!(host.json(&[&due[..], &of].concat())["due_at"], "2026-03-09T00:00:00Z");
    let kind = host.file("kind.json", r#"{"title":{"zh":"表扬","en":"Praise"},"follow_up":false,"priority":"low","response":null,"solve":null,"follow_up_within":null,"dispatch":"wait"}"#);
    assert_eq!(host.json(&["ticket", "declare", "kind", "praise", &kind])["version"], 1);
    assert!(host.run(&["ticket", "kinds", "--json"]).expect(0).lines().iter().any(|line| line["kind"] == "praise"));
}
