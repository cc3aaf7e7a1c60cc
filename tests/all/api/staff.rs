//! Staff and organisation over HTTP: what is dated, what is refused and how, and what a slip leaves behind.

use super::*;

impl Office {
    async fn tagged(&self, method: Method, path: &str, tag: Option<&str>, body: &Value) -> Said {
        let request = self.wang.request(method, path).json(body);
        said(tag.into_iter().fold(request, |request, tag| request.header(header::IF_MATCH, tag))).await
    }

    async fn made(&self, path: &str, body: Value) -> String {
        text(&self.wang.send(path, &body).await.json(201)["id"]).to_owned()
    }
}

fn tag(answer: &Said) -> String {
    answer.headers[header::ETAG].to_str().unwrap().to_owned()
}

/// Goal: an organisation is drawn up, somebody is taken on, assigned, certified, put on the roster and leaves, and every list
/// follows the day that is asked about.
#[rstest]
#[tokio::test]
async fn somebody_comes_works_and_leaves(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let office = Office::open(kind).await;
    let Office { wang, engineer, cashier, project, .. } = &office;
    let list = async |path: String| wang.get(&path).await.json(200)["items"].as_array().unwrap().clone();

    // The kind of a department follows from its name, whatever it is called.
    let service = office.made("/api/v1/departments", json!({"name": "管家部"})).await;
    wang.send("/api/v1/departments", &json!({"name": "火星部"})).await.problem(422, "invalid");
    let found = list("/api/v1/departments?name=客服部".to_owned()).await;
    assert_eq!((found.len(), found[0]["kind"].as_str()), (1, Some("customer-service")));
    wang.send("/api/v1/department-aliases", &json!({"kind": "customer-service", "alias": "火星部"})).await.json(201);
    assert_eq!(list("/api/v1/departments?name=火星部".to_owned()).await[0]["id"], service.as_str());

    let post = |name: &str, kind: &str, level: &str| json!({"name": name, "kind": kind, "level": level, "department": service});
    let manager = office.made("/api/v1/posts", post("项目经理", "site-manager", "manager")).await;
    let clerk = office.made("/api/v1/posts", post("前台", "front-desk", "worker")).await;
    let path = format!("/api/v1/posts/{manager}");
    let before = wang.get(&path).await;
    let mut edited = post("项目经理", "site-manager", "manager");
    edited["line_superior"] = json!(clerk);
    office.tagged(Method::PUT, &path, None, &edited).await.problem(428, "precondition-required");
    let after = office.tagged(Method::PUT, &path, Some(&tag(&before)), &edited).await;
    assert_eq!(after.json(200)["version"], 2);
    office.tagged(Method::PUT, &path, Some(&tag(&before)), &edited).await.problem(412, "stale");
    let mut circle = post("前台", "front-desk", "worker");
    circle["functional_superior"] = json!(manager);
    let clerk_path = format!("/api/v1/posts/{clerk}");
    office.tagged(Method::PUT, &clerk_path, Some("\"1\""), &circle).await.problem(422, "superior-cycle");
    circle["functional_superior"] = Value::Null;
    circle["stand_in"] = json!(manager);
    let problem = office.tagged(Method::PUT, &clerk_path, Some("\"1\""), &circle).await.problem(422, "invalid");
    assert_eq!(problem["errors"][0]["pointer"], "#/stand_in");
    assert_eq!(list("/api/v1/posts?level=supervisor".to_owned()).await.len(), 1);

    let person = json!({"staff_no": "G1", "name": "李前台", "phone": "13812345678", "joined_on": "2025-01-01"});
    let li = office.made("/api/v1/staff", person.clone()).await;
    wang.send("/api/v1/staff", &person).await.problem(409, "conflict");
    let slips = json!({"staff_no": "", "name": "x", "phone": "none", "joined_on": "2025-01-01"});
    assert_eq!(wang.send("/api/v1/staff", &slips).await.problem(422, "invalid")["errors"].as_array().unwrap().len(), 2);
    engineer.get("/api/v1/staff").await.problem(403, "permission");
    cashier.send("/api/v1/staff", &person).await.problem(403, "permission");
    let listed = list("/api/v1/staff?day=2025-03-01".to_owned()).await;
    assert_eq!(listed[0]["phone"], "138****5678", "masked in lists, also for those who may read it");
    assert_eq!(wang.get(&format!("/api/v1/staff/{li}")).await.json(200)["phone"], "13812345678");
    assert!(list("/api/v1/staff?day=2024-12-31".to_owned()).await.is_empty());

    let holds = |from: &str, more: Value| {
        let mut body = json!({"staff": li, "post": clerk, "project": project, "starts_on": from});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    wang.send("/api/v1/assignments", &holds("2024-12-31", json!({}))).await.problem(422, "not-employed");
    let held =
        office.made("/api/v1/assignments", holds("2025-01-01", json!({"primary": true, "share_permille": 600}))).await;
    wang.send("/api/v1/assignments", &holds("2025-02-01", json!({}))).await.problem(422, "assigned-already");
    let elsewhere = holds("2025-02-01", json!({"project": null, "share_permille": 401}));
    wang.send("/api/v1/assignments", &elsewhere).await.problem(422, "share-exceeded");
    let of_person = format!("/api/v1/assignments?staff={li}");
    assert_eq!(list(format!("{of_person}&day=2025-01-01")).await.len(), 1);
    assert!(list(format!("{of_person}&day=2024-12-31")).await.is_empty());
    let answerable = format!("/api/v1/posts/{clerk}/answerable?at={project}&day=2025-03-01");
    assert_eq!(wang.get(&answerable).await.json(200), json!({"post": clerk, "staff": [li]}));

    let path = format!("/api/v1/staff/{li}/skills");
    let skills = json!([{"code": "english", "level": 4}]);
    office
        .tagged(Method::PUT, &path, Some("\"1\""), &json!([{"code": "english", "level": 6}]))
        .await
        .problem(422, "invalid");
    office.tagged(Method::PUT, &path, Some("\"1\""), &skills).await.json(200);
    office.tagged(Method::PUT, &path, Some("\"1\""), &skills).await.problem(412, "stale");
    let certificate =
        json!({"staff": li, "kind": "lift", "number": "L-1", "issued_on": "2024-01-01", "expires_on": "2025-06-30"});
    office.made("/api/v1/certificates", certificate.clone()).await;
    wang.send("/api/v1/certificates", &certificate).await.problem(409, "conflict");
    assert_eq!(list("/api/v1/certificates?expires_by=2025-06-30".to_owned()).await.len(), 1);
    assert!(list("/api/v1/certificates?expires_by=2025-06-29".to_owned()).await.is_empty());

    // A squad leader is on duty around the clock, but for an hour.
    let shift = |starts_at: &str, ends_at: &str| json!({"staff": li, "starts_at": starts_at, "ends_at": ends_at, "place": "监控中心"});
    let roster = |shifts: Value| json!({"project": project, "shifts": shifts});
    let (night, day) =
        (shift("2025-03-01T00:00:00Z", "2025-03-01T11:00:00Z"), shift("2025-03-01T12:00:00Z", "2025-03-02T00:00:00Z"));
    let key = "shifts-of-march";
    let once = || {
        wang.request(Method::POST, "/api/v1/rosters").header("idempotency-key", key).json(&roster(json!([night, day])))
    };
    let ids = said(once()).await.json(201)["ids"].clone();
    assert_eq!(said(once()).await.json(201)["ids"], ids, "sent again, it has its effect once");
    wang.send("/api/v1/rosters", &roster(json!([day]))).await.problem(422, "on-duty-already");
    wang.send("/api/v1/rosters", &roster(json!([shift("2025-03-03T00:00:00Z", "2025-03-04T01:00:00Z")])))
        .await
        .problem(422, "invalid");
    let gaps = list(format!(
        "/api/v1/rosters/gaps?project={project}&from=2025-03-01T00:00:00Z&to=2025-03-02T00:00:00Z&place=监控中心"
    ))
    .await;
    assert_eq!(gaps, [json!({"from": "2025-03-01T11:00:00Z", "to": "2025-03-01T12:00:00Z", "on_duty": 0})]);
    let on_duty =
        |at: &str| format!("/api/v1/rosters/on-duty?project={project}&post_kind=front-desk&skill=english&at={at}");
    assert_eq!(list(on_duty("2025-03-01T10:59:59Z")).await.len(), 1);
    assert!(list(on_duty("2025-03-01T11:00:00Z")).await.is_empty());

    let leave = format!("/api/v1/staff/{li}/leave");
    let left = office.tagged(Method::POST, &leave, Some("\"2\""), &json!({"left_on": "2025-03-01"})).await.json(200);
    assert_eq!((&left["left_on"], &left["version"]), (&json!("2025-03-01"), &json!(3)));
    office
        .tagged(Method::POST, &leave, Some("\"3\""), &json!({"left_on": "2025-04-01"}))
        .await
        .problem(422, "left-already");
    assert_eq!(wang.get(&format!("/api/v1/assignments/{held}")).await.json(200)["ends_on"], "2025-03-01");
    assert!(list(on_duty("2025-03-01T13:00:00Z")).await.is_empty(), "what starts later is taken off");
    assert_eq!(wang.get(&answerable).await.json(200)["staff"], json!([]));
    assert!(list("/api/v1/staff?day=2025-03-01".to_owned()).await.is_empty());
    assert_eq!(list("/api/v1/staff?day=all".to_owned()).await.len(), 1);
    office.host.assert_consistent();
}

/// Goal: the homes of an estate are divided among stewards; a home is in one area on a day, and the past stays as it was.
#[rstest]
#[tokio::test]
async fn homes_are_divided_among_stewards(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let office = Office::open(kind).await;
    let Office { wang, project, .. } = &office;
    let area = |name: &str| json!({"project": project, "name": name, "phone": "021-55550101"});
    let east = office.made("/api/v1/service-areas", area("东片区")).await;
    wang.send("/api/v1/service-areas", &area("东片区")).await.problem(409, "conflict");
    let west = office.made("/api/v1/service-areas", area("西片区")).await;
    let units = |of: &str| format!("/api/v1/service-areas/{of}/units");
    let give = |places: Value, from: &str| json!({"places": places, "from": from});
    let placed = wang.send(&units(&east), &give(json!(["6", "7"]), "2025-01-01")).await.json(200);
    let homes = async |of: &str, day: &str| {
        let row = wang.get(&format!("/api/v1/service-areas/{of}?day={day}")).await.json(200);
        row["figures"]["homes"].as_i64().unwrap()
    };
    let all = homes(&east, "2025-01-01").await;
    assert!(all > 0 && placed["placed"].as_i64().unwrap() >= all, "{placed}");
    wang.send(&units(&west), &give(json!(["6-1"]), "2025-03-01")).await.problem(422, "unit-in-area");
    wang.send(&units(&west), &give(json!(["99"]), "2025-03-01")).await.problem(404, "not-found");
    wang.send(&units(&west), &give(json!(["6-1-1-1"]), "2025-03-01")).await.problem(422, "invalid");
    let mut take = give(json!(["6-1"]), "2025-03-01");
    take["taken"] = json!("move");
    let moved = wang.send(&units(&west), &take).await.json(200);
    assert!(moved["moved"] == moved["placed"] && moved["moved"].as_i64().unwrap() > 0, "{moved}");
    assert_eq!(homes(&east, "2025-02-28").await, all, "the past stays as it was");
    assert_eq!(homes(&east, "2025-03-01").await + homes(&west, "2025-03-01").await, all);
    let listed = wang.get(&format!("/api/v1/service-areas?project={project}&day=2025-03-01")).await.json(200);
    let in_areas: i64 =
        listed["items"].as_array().unwrap().iter().map(|row| row["figures"]["homes"].as_i64().unwrap()).sum();
    let everywhere = wang.whole(&format!("/api/v1/units?project={project}"), 500).await;
    let residential = everywhere.iter().filter(|unit| unit["kind"] == "residential").count();
    assert_eq!(in_areas + listed["unserved"]["homes"].as_i64().unwrap(), i64::try_from(residential).unwrap());
    let of_west = wang.whole(&format!("/api/v1/service-areas/{west}/units?day=2025-03-01"), 7).await;
    assert_eq!(i64::try_from(of_west.len()).unwrap(), moved["placed"].as_i64().unwrap());
    assert!(
        of_west.iter().all(|unit| unit["place"]["building"] == "6" && unit["place"]["entrance"] == "1"),
        "{of_west:?}"
    );

    let li = office.made("/api/v1/staff", json!({"staff_no": "G1", "name": "李管家", "joined_on": "2025-01-01"})).await;
    let steward = |staff: Value, from: &str| json!({"staff": staff, "from": from});
    let path = format!("/api/v1/service-areas/{east}/steward");
    wang.send(&path, &steward(json!(li), "2024-12-31")).await.problem(422, "not-employed");
    assert_eq!(wang.send(&path, &steward(json!(li), "2025-01-01")).await.json(200)["steward"]["staff_name"], "李管家");
    assert_eq!(wang.send(&path, &steward(Value::Null, "2025-06-01")).await.json(200)["steward"], Value::Null);
    let history = wang.get(&format!("/api/v1/service-areas/{east}/history")).await.json(200);
    assert_eq!(history["stewards"][0]["ends_on"], "2025-06-01");
    assert_eq!(history["units"].as_array().unwrap().len(), 2, "{history}");

    let path = format!("/api/v1/service-areas/{east}");
    let closed = json!({"name": "东片区", "closed_on": "2025-07-01"});
    office.tagged(Method::PUT, &path, Some("\"7\""), &closed).await.problem(412, "stale");
    office.tagged(Method::PUT, &path, Some("\"1\""), &closed).await.json(200);
    assert_eq!((homes(&east, "2025-06-30").await > 0, homes(&east, "2025-07-01").await), (true, 0));
    wang.send(&units(&east), &give(json!(["7"]), "2025-08-01")).await.problem(422, "area-closed");
    office.host.assert_consistent();
}

/// Goal: an office begins with the list that it has; a list with a slip is refused as a whole, with every cell named.
#[rstest]
#[tokio::test]
async fn a_list_of_staff_is_taken_on_as_a_whole(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::fresh(kind).await;
    host.run(&["staff", "add-department", "--name", "管家部"]).expect(0);
    host.run(&["staff", "add-post", "--name", "前台接待", "--kind", "front-desk", "--department", "客服部"]).expect(0);
    let slips = "工号,姓名,电话,入职日期,部门,岗位\nG1,李芳,138,2025-02-30,客服部,前台接待\nG1,王明,x,2025-01-01,火星部,前台接待\n";
    let refused = host.run(&["staff", "import", &host.file("bad.csv", slips), "--json"]).expect(3).json();
    let named: Vec<_> = refused["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["row"].as_u64().unwrap(), text(&it["code"])))
        .collect();
    assert_eq!(named, [(2, "no-date"), (3, "twice"), (3, "unusable"), (3, "unknown-department")], "{refused}");
    assert!(host.run(&["staff", "list", "--all", "--json"]).expect(0).lines().is_empty());
    let good =
        "姓名,工号,手机,入职日期,部门,岗位\n李芳,G10,13800000001,2025/3/1,管家部,前台接待\n王明,G2,,2025-01-01,,\n";
    let file = host.file("staff.csv", good);
    assert_eq!(host.json(&["staff", "import", &file, "--dry-run"])["staff"], 2);
    assert!(host.run(&["staff", "list", "--all", "--json"]).expect(0).lines().is_empty());
    let taken = host.json(&["staff", "import", &file]);
    assert_eq!((&taken["staff"], &taken["assignments"]), (&json!(2), &json!(1)));
    let listed = host.run(&["staff", "list", "--json"]).expect(0).lines();
    assert_eq!(listed.iter().map(|row| text(&row["no"])).collect::<Vec<_>>(), ["G2", "G10"], "as people count");
    assert_eq!(listed[1]["posts"][0]["post"], "前台接待");
    host.run(&["staff", "import", &file, "--json"]).expect(3);
    host.run(&["staff", "leave", "--staff", "G10", "--on", "2025-06-01"]).expect(0);
    host.run(&["staff", "assign", "--staff", "G10", "--post", "前台接待", "--from", "2025-06-01"]).expect(4);
    host.run(&["staff", "assign", "--staff", "G2", "--post", "前台接待", "--from", "2025-06-01", "--primary"])
        .expect(0);
    host.assert_consistent();
}
