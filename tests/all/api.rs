//! The HTTP door of the real process: who gets in, what a month takes over HTTP, what is refused and how, and how it closes.

mod tickets;

use crate::{
    host::{HOME_FEE, Host, PROJECT, Server, workbook, workbook_with_cell},
    trust::Desk,
};
use guanjia_domain::{
    access::{Permission, Role},
    import::Cell,
};
use guanjia_harness::Kind;
use guanjia_hostile::{Guest, corpus::wasi, package};
use reqwest::{Client, Method, RequestBuilder, header, multipart};
use rstest::rstest;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

const LINES: i64 = 852;
const TOTAL_FEN: i64 = 13_998_672;
/// An id that nothing has.
const UNKNOWN: &str = "01933f2a-0000-7000-8000-0000000000ff";
/// Public keys that nobody here has the other half of.
const KEY: &str = "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
const OTHER_KEY: &str = "ed25519:3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
/// Sent where the file is not looked at: a larger one might still be on its way when the answer comes.
const NO_WORKBOOK: &[u8] = b"no workbook";
/// How long the work of one run may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// One caller of the API: somebody's token, or nobody's.
#[derive(Clone)]
struct Caller {
    client: Client,
    url: String,
    token: Option<String>,
}

/// What came back.
#[derive(Debug)]
struct Said {
    status: u16,
    kind: String,
    request_id: String,
    headers: header::HeaderMap,
    text: String,
}

impl Caller {
    fn nobody(server: &Server) -> Self {
        let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { client, url: server.url.clone(), token: None }
    }

    fn with(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn get(&self, path: &str) -> Said {
        said(self.request(Method::GET, path)).await
    }

    async fn post(&self, path: &str) -> Said {
        said(self.request(Method::POST, path)).await
    }

    async fn send(&self, path: &str, body: &Value) -> Said {
        said(self.request(Method::POST, path).json(body)).await
    }

    /// Every entry of a list, page by page.
    async fn whole(&self, path: &str, page_size: usize) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let mut list = self.get(&format!("{path}{separator}limit={page_size}{cursor}")).await.json(200);
            let page = list["items"].as_array_mut().unwrap();
            assert!(page.len() <= page_size);
            items.append(page);
            match list["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// Follows a run as a browser does, until its work is over.
    async fn follow(&self, run: &str) -> Vec<(String, Value)> {
        self.follow_work(&format!("/api/v1/billing-runs/{run}/progress")).await
    }

    /// Follows work, opening a new stream when one ends early, until it is over.
    async fn follow_work(&self, path: &str) -> Vec<(String, Value)> {
        let started = Instant::now();
        let mut events = Vec::new();
        while started.elapsed() < PATIENCE {
            let stream = self.get(path).await;
            assert_eq!((stream.status, stream.kind.as_str()), (200, "text/event-stream"), "{stream:?}");
            events.extend(stream.events());
            if events.last().is_some_and(|(name, _)| name == "done") {
                return events;
            }
        }
        panic!("{path} is not done after {PATIENCE:?}: {events:?}");
    }
}

async fn said(request: RequestBuilder) -> Said {
    let response = request.timeout(PATIENCE).send().await.unwrap();
    let headers = response.headers().clone();
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let (kind, request_id) = (header("content-type"), header("x-request-id"));
    Said { status: response.status().as_u16(), kind, request_id, text: response.text().await.unwrap(), headers }
}

impl Said {
    #[track_caller]
    fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A problem document, whose request id is the one of the answer.
    #[track_caller]
    fn problem(&self, status: u16, code: &str) -> Value {
        let problem = self.json(status);
        assert_eq!(self.kind, "application/problem+json", "{self:?}");
        assert_eq!(problem["code"], code, "{self:?}");
        assert_eq!(problem["status"], status);
        assert!(!self.request_id.is_empty());
        assert_eq!(problem["request_id"], self.request_id.as_str());
        for words in ["type", "title", "detail"] {
            assert!(problem[words].as_str().is_some_and(|text| !text.is_empty()), "{self:?} lacks {words}");
        }
        problem
    }

    /// Names and data of server-sent events; keep-alive comments are no events.
    fn events(&self) -> Vec<(String, Value)> {
        let field = |event: &str, name: &str| {
            event
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(|value| value.trim().to_owned()))
        };
        let event = |event: &str| Some((field(event, "event")?, serde_json::from_str(&field(event, "data")?).unwrap()));
        self.text.split("\n\n").filter_map(event).collect()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text"))
}

fn sum(items: &[Value], key: &str) -> i64 {
    items.iter().map(|item| item[key].as_i64().unwrap()).sum()
}

fn has_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

fn form(project: &str, file: Vec<u8>, dry_run: bool) -> multipart::Form {
    let file = multipart::Part::bytes(file).file_name("hc-import.xlsx");
    multipart::Form::new()
        .text("project", project.to_owned())
        .text("dry_run", dry_run.to_string())
        .part("workbook", file)
}

fn example() -> Vec<u8> {
    std::fs::read(workbook()).unwrap()
}

/// Somebody for every role, under the role's own name.
async fn everybody(host: &Host, server: &Server) -> Vec<(Role, Caller)> {
    let nobody = Caller::nobody(server);
    let admin = nobody.with(host.token("admin"));
    let mut everybody = Vec::new();
    for role in Role::ALL {
        let known = admin.get("/api/v1/users").await.json(200);
        if known["items"].as_array().unwrap().iter().all(|user| user["name"] != role.code()) {
            let user = json!({"name": role.code(), "roles": [role.code()], "password": null});
            assert_eq!(admin.send("/api/v1/users", &user).await.json(201)["roles"], json!([role.code()]));
        }
        everybody.push((*role, nobody.with(host.token(role.code()))));
    }
    everybody
}

/// One thing of each sort that the demo company has.
struct Known {
    project: String,
    unit: String,
    fee_item: String,
    run: String,
    charge: String,
    decision: String,
    line: String,
    proposal: String,
    publisher: String,
    meter: String,
    reading: String,
    binding: String,
    trial: String,
    installation: String,
    ticket: String,
    owner_link: String,
    work_order: String,
}

impl Known {
    async fn of(caller: &Caller) -> Self {
        let first = async |path: &str| caller.get(path).await.json(200)["items"][0].clone();
        let project = text(&first("/api/v1/projects").await["id"]).to_owned();
        let of_project = |noun: &str| format!("/api/v1/{noun}?project={project}");
        let charge = first(&of_project("charges")).await;
        let unit = text(&first(&of_project("units")).await["id"]).to_owned();
        let fee_item = text(&first(&of_project("fee-items")).await["id"]).to_owned();
        let made = async |path: &str, body: Value| text(&caller.send(path, &body).await.json(201)["id"]).to_owned();
        let meter = made(&format!("/api/v1/units/{unit}/meters"), json!({"fee_item": fee_item})).await;
        let reading = json!({"read_on": "2025-01-31", "reading_milli": 1_000});
        let ticket = json!({"project": project, "kind": "repair", "unit": unit, "words": "漏水"});
        let ticket = made("/api/v1/tickets", ticket).await;
        Self {
            proposal: proposal(caller, &project, &fee_item).await,
            reading: made(&format!("/api/v1/meters/{meter}/readings"), reading).await,
            meter,
            fee_item,
            run: text(&charge["run"]).to_owned(),
            charge: text(&charge["id"]).to_owned(),
            decision: text(&charge["decision"]).to_owned(),
            line: charge["line"].to_string(),
            publisher: text(&first("/api/v1/publishers").await["id"]).to_owned(),
            binding: text(&first(&of_project("bindings")).await["id"]).to_owned(),
            trial: text(&first(&of_project("trials")).await["id"]).to_owned(),
            owner_link: made(&format!("/api/v1/units/{unit}/owner-links"), json!({})).await,
            work_order: made(&format!("/api/v1/tickets/{ticket}/work-orders"), json!({"title": "换水管"})).await,
            ticket,
            installation: installed_in_the_background(caller, wasi::guest(HONEST).component()).await,
            unit,
            project,
        }
    }

    fn id(&self, noun: &str) -> &str {
        match noun {
            "projects" => &self.project,
            "units" => &self.unit,
            "billing-runs" => &self.run,
            "charges" => &self.charge,
            "decisions" => &self.decision,
            "proposals" => &self.proposal,
            "publishers" => &self.publisher,
            "meters" => &self.meter,
            "meter-readings" => &self.reading,
            "bindings" => &self.binding,
            "trials" => &self.trial,
            "installations" => &self.installation,
            "tickets" => &self.ticket,
            "owner-links" => &self.owner_link,
            "work-orders" => &self.work_order,
            other => panic!("say here what an id of {other} is"),
        }
    }
}

/// Instructions that answer well.
const HONEST: &str = "(call $honest (local.get 7))";

async fn upload(caller: &Caller, component: Vec<u8>) -> Said {
    let request = caller.request(Method::POST, "/api/v1/plugins").header(header::CONTENT_TYPE, "application/wasm");
    said(request.body(component)).await
}

/// Hands a component in, waits for its end, and gives the id of the installation.
async fn installed_in_the_background(caller: &Caller, component: Vec<u8>) -> String {
    let id = text(&upload(caller, component).await.json(202)["id"]).to_owned();
    caller.follow_work(&format!("/api/v1/installations/{id}/progress")).await;
    id
}

/// A binding far in the future that waits for a second person.
async fn proposal(caller: &Caller, project: &str, fee_item: &str) -> String {
    let rule = async |second_person: bool| {
        let asked =
            caller.request(Method::PUT, "/api/v1/activation-rule").json(&json!({ "second_person": second_person }));
        said(asked).await.json(200);
    };
    rule(true).await;
    let wanted = json!({
        "project": project, "point": "fee-policy", "fee_item": fee_item, "plugin": "area-fee", "version": "1.0.0",
        "settings": {"price": "9.99"}, "from": "2032-01-01",
    });
    let proposed = caller.send("/api/v1/bindings", &wanted).await.json(202);
    rule(false).await;
    text(&proposed["proposals"][0]["id"]).to_owned()
}

/// One entry of the API document.
#[derive(Clone)]
struct Operation {
    method: Method,
    /// With its placeholders.
    path: String,
    permission: Permission,
    /// Query parameters that must be there.
    required: Vec<String>,
    body: Option<String>,
}

impl Operation {
    fn all(document: &Value) -> Vec<Self> {
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
                let required =
                    parameters.iter().filter(|parameter| parameter["in"] == "query" && parameter["required"] == true);
                operations.push(Self {
                    method: method.to_uppercase().parse().unwrap(),
                    path: path.clone(),
                    permission: text(&operation["x-permission"]).parse().unwrap(),
                    required: required.map(|parameter| text(&parameter["name"]).to_owned()).collect(),
                    body: operation["requestBody"]["content"]
                        .as_object()
                        .and_then(|kinds| kinds.keys().next().cloned()),
                });
            }
        }
        assert!(operations.len() >= 40, "only {} operations are documented", operations.len());
        operations
    }

    /// Whether the request names something that belongs to a company.
    fn names_something(&self) -> bool {
        self.path.contains("{id}")
            || !self.required.is_empty()
            || [
                "/api/v1/billing-runs",
                "/api/v1/billing-runs/re-ratings",
                "/api/v1/bindings",
                "/api/v1/bindings/everywhere",
                "/api/v1/bindings/roll-back",
                "/api/v1/cost-pools",
                "/api/v1/trials",
                "/api/v1/tickets",
            ]
            .contains(&self.path.as_str())
    }

    /// The request as somebody with the permission would send it, with a file for those that take one.
    fn request(&self, caller: &Caller, known: &Known, file: &[u8]) -> RequestBuilder {
        let mut path = String::new();
        let mut noun = "";
        for segment in self.path.split('/').skip(1) {
            let filled = match segment {
                "{id}" => known.id(noun),
                "{line}" => &known.line,
                "{plugin}" => "area-fee",
                "{version}" => "1.0.0",
                "{number}" => "0",
                "{code}" => "enquiry",
                fixed => fixed,
            };
            path.push('/');
            path.push_str(filled);
            noun = segment;
        }
        let query: Vec<(&str, &str)> =
            self.required.iter().map(|name| (name.as_str(), parameter(name, known))).collect();
        let request = caller.request(self.method.clone(), &path).query(&query);
        match self.body.as_deref() {
            None => request,
            // Of what is declared for the first time; wherever something else is edited, it belongs to somebody else.
            Some("application/json") if self.path.contains("{code}") || self.path == "/api/v1/calendars" => {
                request.header(header::IF_MATCH, "\"0\"").json(&self.json(known))
            }
            Some("application/json") => request.json(&self.json(known)),
            Some("multipart/form-data") => request.multipart(form(PROJECT, file.to_vec(), false)),
            Some(kind) => request.header(header::CONTENT_TYPE, kind).body("no component"),
        }
    }

    fn json(&self, known: &Known) -> Value {
        match self.path.as_str() {
            "/api/v1/billing-runs" => json!({"project": known.project, "period": "2031-01"}),
            "/api/v1/plugins/pull" => json!({"reference": "registry.invalid/rules/area-fee:1.0.0"}),
            "/api/v1/billing-runs/re-ratings" => json!({
                "project": known.project, "fee_item": known.fee_item, "from": "2031-01",
            }),
            "/api/v1/users" => json!({"name": "somebody", "roles": ["engineer"], "password": null}),
            binding if binding.ends_with("/quarantine") => json!({"reason": "it is tried"}),
            "/api/v1/bindings" => json!({
                "project": known.project, "point": "fee-policy", "fee_item": known.fee_item, "plugin": "area-fee", "version": "1.0.0",
                "settings": {"price": "9.99"}, "from": "2031-01-01",
            }),
            "/api/v1/bindings/everywhere" => json!({
                "point": "fee-policy", "fee_item": "没有这个收费项目", "plugin": "area-fee", "version": "1.0.0",
                "settings": {"price": "9.99"}, "from": "2031-01-01",
            }),
            "/api/v1/bindings/roll-back" => json!({
                "project": known.project, "point": "fee-policy", "fee_item": known.fee_item, "from": "2031-01-01",
            }),
            "/api/v1/activation-rule" => json!({ "second_person": false }),
            refuse if refuse.ends_with("/refuse") => json!({ "reason": "too dear" }),
            migration if migration.ends_with("/settings-migration") => json!({ "settings": {"price": "9.99"} }),
            "/api/v1/publishers" => json!({"name": "Somebody", "key": OTHER_KEY}),
            "/api/v1/trust-rule" => json!({"require_trusted": false}),
            "/api/v1/cost-pools" => json!({"fee_item": known.fee_item, "period": "2031-01", "total_fen": 1}),
            "/api/v1/tickets" => {
                json!({"project": known.project, "kind": "repair", "unit": known.unit, "words": "漏水"})
            }
            "/api/v1/ticket-kinds/{code}" => json!({
                "title": {"zh": "咨询", "en": "Enquiry"}, "follow_up": false, "priority": "low", "dispatch": "wait",
            }),
            "/api/v1/ticket-categories/{code}" => json!({"title": {"zh": "咨询", "en": "Enquiry"}, "kind": "enquiry"}),
            "/api/v1/calendars" => json!({"week": [["08:00-12:00"], [], [], [], [], [], []]}),
            orders if orders.ends_with("/work-orders") => json!({"title": "换水管"}),
            order if order.starts_with("/api/v1/work-orders/") && order.ends_with("/moves") => {
                json!({"move": "complete"})
            }
            order if order.starts_with("/api/v1/work-orders/") => json!({"title": "换阀门"}),
            links if links.ends_with("/owner-links") => json!({"days": 1}),
            moves if moves.ends_with("/moves") => json!({"move": "cancel", "reason": "误报"}),
            ticket if ticket.starts_with("/api/v1/tickets/") => json!({"priority": "high", "words": "漏水很大"}),
            "/api/v1/trials" => json!({
                "project": known.project, "fee_item": known.fee_item, "plugin": "area-fee", "version": "1.0.0",
                "settings": {"price": "9.99"}, "from": "2031-01", "to": "2031-01",
            }),
            // With its placeholder, or an id that nothing has.
            meters if meters.ends_with("/meters") => json!({"fee_item": known.fee_item}),
            reading if reading.ends_with("/readings") || reading.starts_with("/api/v1/meter-readings/") => {
                json!({"read_on": "2025-02-28", "reading_milli": 2_000})
            }
            unit if unit.starts_with("/api/v1/units/") => json!({
                "unit_no": "9Z", "kind": "residential", "storey": 1, "gross_floor_area_cm2": 1, "occupancy": "vacant",
            }),
            other => panic!("say here what {other} takes"),
        }
    }
}

fn parameter<'a>(name: &str, known: &'a Known) -> &'a str {
    match name {
        "project" => &known.project,
        "period" => "2025-01",
        other => panic!("say here what the parameter {other} takes"),
    }
}

/// The demo company with one of each thing, served.
fn demo(host: &Host) -> Server {
    host.json(&["demo", "--no-serve"]);
    host.try_price("3.00", "2025-01");
    host.json(&["plugin", "trust", "add", "Author", KEY]);
    host.serve()
}

/// The newest row of the audit trail: whoever changed something left a newer one.
async fn newest_change(admin: &Caller) -> i64 {
    admin.get("/api/v1/audit?limit=1").await.json(200)["items"][0]["seq"].as_i64().unwrap()
}

#[rstest]
#[tokio::test]
async fn nobody_reads_or_writes_without_the_role(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::fresh(kind).await;
    let server = demo(&host);
    let nobody = Caller::nobody(&server);
    let operations = Operation::all(&nobody.get("/api/v1/openapi.json").await.json(200));
    let everybody = everybody(&host, &server).await;
    let admin = &everybody.iter().find(|(role, _)| *role == Role::Admin).unwrap().1;
    let known = Known::of(admin).await;
    let before = newest_change(admin).await;
    for operation in &operations {
        let place = format!("{} {}", operation.method, operation.path);
        for stranger in [nobody.clone(), nobody.with("nonsense"), nobody.with("")] {
            let refused = said(operation.request(&stranger, &known, NO_WORKBOOK)).await;
            refused.problem(401, "unsigned");
            assert_eq!(refused.headers[header::WWW_AUTHENTICATE], "Bearer", "{place}");
        }
        for (role, caller) in &everybody {
            if !role.permissions().contains(&operation.permission) {
                said(operation.request(caller, &known, NO_WORKBOOK)).await.problem(403, "permission");
            } else if operation.method == Method::GET {
                let answer = said(operation.request(caller, &known, NO_WORKBOOK)).await;
                assert_eq!(answer.status, 200, "{place} as {role}: {answer:?}");
            }
        }
        if operation.path.contains("{id}") {
            let unknown = Operation { path: operation.path.replace("{id}", UNKNOWN), ..operation.clone() };
            said(unknown.request(admin, &known, NO_WORKBOOK)).await.problem(404, "not-found");
        }
    }
    assert_eq!(newest_change(admin).await, before, "somebody who may not changed something");
}

#[rstest]
#[tokio::test]
async fn another_company_finds_nothing(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::fresh(kind).await;
    let server = demo(&host);
    let admin = Caller::nobody(&server).with(host.token("admin"));
    let known = Known::of(&admin).await;
    let other = ["--company", "另一家物业"];
    host.run(&[&["user", "add", "boss", "--role", "admin"], &other[..]].concat()).expect(0);
    host.run(&[&["plugin", "install", "standard"], &other[..]].concat()).expect(0);
    let token = host.json(&[&["token", "create", "--user", "boss"], &other[..]].concat());
    let boss = Caller::nobody(&server).with(text(&token["token"]));
    let before = newest_change(&admin).await;
    let example = example();
    for operation in Operation::all(&boss.get("/api/v1/openapi.json").await.json(200)) {
        let answer = said(operation.request(&boss, &known, &example)).await;
        if operation.names_something() {
            answer.problem(404, "not-found");
            continue;
        }
        let expected = match (operation.method.as_str(), operation.path.as_str()) {
            ("POST", "/api/v1/users" | "/api/v1/publishers") => 201,
            ("POST", "/api/v1/plugins" | "/api/v1/plugins/pull") => 422,
            ("POST", "/api/v1/replay-samples") => 202,
            _ => 200,
        };
        assert_eq!(answer.status, expected, "{} {}: {answer:?}", operation.method, operation.path);
        for foreign in [
            &known.project,
            &known.unit,
            &known.run,
            &known.charge,
            &known.decision,
            &known.binding,
            &known.trial,
            &known.installation,
            &known.publisher,
            &known.ticket,
            &known.owner_link,
            &known.work_order,
            &KEY.to_owned(),
        ] {
            assert!(!answer.text.contains(foreign.as_str()), "{} {}: {answer:?}", operation.method, operation.path);
        }
    }
    for (method, path) in pages_of(&known) {
        let answer = said(boss.request(method.clone(), &path).form(&[
            ("project", known.project.as_str()),
            ("period", "2031-01"),
            ("reason", "it is tried"),
        ]))
        .await;
        assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
        let unsigned = said(Caller::nobody(&server).request(method.clone(), &path)).await;
        assert_eq!(unsigned.status, 303, "{method} {path}: {unsigned:?}");
        assert!(unsigned.headers[header::LOCATION].to_str().unwrap().starts_with("/login?next="), "{unsigned:?}");
    }
    // What the other company did, it did at home: it has a project of the same name now, and one more user.
    let projects = boss.get("/api/v1/projects").await.json(200);
    assert_eq!(projects["items"].as_array().unwrap().len(), 1);
    assert_ne!(projects["items"][0]["id"], known.project.as_str());
    assert_eq!(newest_change(&admin).await, before, "another company changed something here");
    assert_eq!(admin.get("/api/v1/projects").await.json(200)["items"].as_array().unwrap().len(), 1);
}

/// Pages and forms of the console that name something.
fn pages_of(known: &Known) -> Vec<(Method, String)> {
    let Known { project, unit, run, charge, decision, line, binding, meter, trial, installation, ticket, .. } = known;
    let get = [
        format!("/meters/{meter}"),
        format!("/cost-pools?project={project}"),
        format!("/units?project={project}"),
        format!("/units/{unit}"),
        format!("/billing?project={project}"),
        format!("/billing/{run}"),
        format!("/billing/{run}/lines"),
        format!("/billing/{run}/held"),
        format!("/decisions/{decision}/lines/{line}"),
        format!("/charges/{charge}"),
        format!("/import?project={project}"),
        format!("/bindings/{binding}"),
        format!("/trials?project={project}"),
        format!("/trials/{trial}"),
        format!("/trials/{trial}/movers/0"),
        format!("/installations/{installation}"),
        format!("/tickets?project={project}"),
        format!("/tickets/new?project={project}"),
        format!("/tickets/{ticket}"),
    ];
    let post = [
        "/billing".to_owned(),
        format!("/billing/{run}/approve"),
        format!("/billing/{run}/post"),
        format!("/billing/{run}/cancel"),
        format!("/billing/{run}/resume"),
        format!("/decisions/{decision}/lines/{line}/replay"),
        format!("/bindings/{binding}/quarantine"),
        format!("/bindings/{binding}/release"),
        format!("/bindings/{binding}/re-rate"),
        "/trials".to_owned(),
        format!("/trials/{trial}/cancel"),
        format!("/trials/{trial}/resume"),
        format!("/installations/{installation}/cancel"),
        format!("/tickets/{ticket}/owner-links"),
    ];
    get.into_iter().map(|path| (Method::GET, path)).chain(post.into_iter().map(|path| (Method::POST, path))).collect()
}

/// The example estate, nothing billed, with four people, served.
struct Office {
    host: Host,
    server: Server,
    project: String,
    wang: Caller,
    li: Caller,
    cashier: Caller,
    engineer: Caller,
}

impl Office {
    async fn open(kind: Kind) -> Self {
        let host = Host::fresh(kind).await;
        host.run(&["plugin", "install", "standard"]).expect(0);
        host.run(&["import", "microcommunity", workbook().to_str().unwrap(), "--project", PROJECT, "--json"]).expect(0);
        let server = host.serve();
        let person = |name: &str, role: &str| {
            host.run(&["user", "add", name, "--role", role]).expect(0);
            Caller::nobody(&server).with(host.token(name))
        };
        let (wang, li) = (person("wang", "manager"), person("li", "finance"));
        let (cashier, engineer) = (person("zhao", "cashier"), person("zhou", "engineer"));
        let project = text(&wang.get("/api/v1/projects").await.json(200)["items"][0]["id"]).to_owned();
        Self { host, server, project, wang, li, cashier, engineer }
    }

    /// A previewed run that `li` made.
    async fn previewed(&self, period: &str) -> String {
        let created =
            self.li.send("/api/v1/billing-runs", &json!({"project": self.project, "period": period})).await.json(202);
        let run = text(&created["id"]).to_owned();
        let events = self.li.follow(&run).await;
        assert_eq!(events.last().unwrap().1["state"], "previewed", "{events:?}");
        run
    }
}

#[rstest]
#[tokio::test]
async fn a_month_is_billed_over_http(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let office = Office::open(kind).await;
    let Office { wang, li, cashier, engineer, .. } = &office;
    let run = office.previewed("2025-01").await;
    let at = |part: &str| format!("/api/v1/billing-runs/{run}{part}");

    let previewed = wang.get(&at("")).await.json(200);
    assert_eq!(previewed["state"], "previewed");
    assert_eq!(
        (&previewed["lines"], &previewed["held"], &previewed["total_fen"]),
        (&json!(LINES), &json!(0), &json!(TOTAL_FEN))
    );
    assert_eq!(
        (&previewed["created_by"], &previewed["from"], &previewed["to"]),
        (&json!("li"), &json!("2025-01-01"), &json!("2025-02-01"))
    );
    let totals = wang.get(&at("/totals")).await.json(200)["items"].as_array().unwrap().clone();
    assert_eq!((sum(&totals, "lines"), sum(&totals, "amount_fen")), (LINES, TOTAL_FEN));
    assert_eq!(wang.get(&at("/held")).await.json(200)["items"], json!([]));
    let comparison = wang.get(&at("/comparison")).await.json(200);
    assert_eq!(comparison["previous"], Value::Null);
    assert_eq!(sum(comparison["rows"].as_array().unwrap(), "amount_fen"), TOTAL_FEN);
    let lines = wang.whole(&at("/lines"), 500).await;
    let ids: BTreeSet<&str> = lines.iter().map(|line| text(&line["charge"])).collect();
    assert_eq!((lines.len(), ids.len(), sum(&lines, "amount_fen")), (852, 852, TOTAL_FEN));
    let building = wang.whole(&format!("{}&building=6", at("/lines?lang=en")), 100).await;
    assert!(!building.is_empty() && building.iter().all(|line| line["place"]["building"] == "6"));
    let of_building: Vec<Value> = totals.iter().filter(|row| row["building"] == "6").cloned().collect();
    assert_eq!(sum(&building, "amount_fen"), sum(&of_building, "amount_fen"));

    li.post(&at("/post")).await.problem(409, "conflict");
    li.post(&at("/approve")).await.problem(422, "four-eyes");
    cashier.post(&at("/approve")).await.problem(403, "permission");
    engineer.post(&at("/approve")).await.problem(403, "permission");
    assert_eq!(wang.get(&at("")).await.json(200), previewed, "refused requests change nothing");

    let approved = wang.post(&at("/approve")).await.json(200);
    assert_eq!((&approved["state"], &approved["approved_by"]), (&json!("approved"), &json!("wang")));
    wang.post(&at("/approve")).await.problem(409, "conflict");
    cashier.post(&at("/post")).await.problem(403, "permission");
    let post = at("/post");
    let twice = tokio::join!(wang.post(&post), li.post(&post));
    // Whoever comes second at the same moment is told so or finds it under way; posted it is once.
    let mut statuses = [twice.0.status, twice.1.status];
    statuses.sort_unstable();
    assert!([[202, 202], [202, 409]].contains(&statuses), "{twice:?}");
    let events = wang.follow(&run).await;
    assert_eq!(events.last().unwrap().1["state"], "posted", "{events:?}");
    let posted = wang.get(&at("")).await.json(200);
    assert_eq!(
        (&posted["state"], &posted["posted_lines"], &posted["total_fen"]),
        (&json!("posted"), &json!(LINES), &json!(TOTAL_FEN))
    );
    assert_eq!(li.post(&at("/post")).await.json(202), posted, "posting again changes nothing");
    wang.post(&at("/cancel")).await.problem(409, "conflict");

    let charges = wang.whole(&format!("/api/v1/charges?project={}&period=2025-01", office.project), 100).await;
    let charged: BTreeSet<&str> = charges.iter().map(|charge| text(&charge["id"])).collect();
    assert_eq!(charged, ids, "exactly the previewed lines are posted");
    assert_eq!(sum(&charges, "amount_fen"), TOTAL_FEN);
    assert!(wang.whole(&format!("/api/v1/charges?project={}&period=2025-02", office.project), 100).await.is_empty());
    office.host.assert_consistent();
}

#[rstest]
#[tokio::test]
async fn every_charge_says_why_in_both_languages_and_replays(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::fresh(kind).await;
    let server = demo(&host);
    let nobody = Caller::nobody(&server);
    let (manager, finance) = (nobody.with(host.token("manager")), nobody.with(host.token("finance")));
    let project = text(&manager.get("/api/v1/projects").await.json(200)["items"][0]["id"]).to_owned();
    let charges = manager.whole(&format!("/api/v1/charges?project={project}"), 500).await;
    // The office whose amount is worked out by hand: 94.56 × 4.35 + 20 = 431.336.
    let place = json!({"building": "6", "entrance": "1", "unit": "102"});
    let of_office = |charge: &&Value| charge["place"] == place && charge["fee_item"] == "商业物业费";
    let charge = charges.iter().find(of_office).unwrap();
    let why = format!("/api/v1/charges/{}/explanation", text(&charge["id"]));
    let zh = manager.get(&format!("{why}?lang=zh")).await.json(200);
    let en = manager.get(&format!("{why}?lang=en")).await.json(200);
    for explanation in [&zh, &en] {
        assert_eq!(explanation["line"]["amount_fen"], 43_134);
        assert_eq!(explanation["line"]["quantity"], "94.56");
        assert_eq!(explanation["settings"]["price"], "4.35");
        let steps = explanation["line"]["steps"].as_array().unwrap();
        assert_eq!(steps.last().unwrap()["value"], "431.34", "{steps:?}");
        let facts = explanation["facts"].as_array().unwrap();
        assert!(
            facts.iter().any(|fact| fact["value"].as_str().is_some_and(|value| value.starts_with("94.56"))),
            "{facts:?}"
        );
    }
    let words = |explanation: &Value| {
        let steps = explanation["line"]["steps"].as_array().unwrap().iter().map(|step| text(&step["label"]).to_owned());
        let facts = explanation["facts"].as_array().unwrap().iter().map(|fact| text(&fact["title"]).to_owned());
        steps.chain(facts).chain([text(&explanation["rule"]).to_owned()]).collect::<Vec<_>>()
    };
    assert!(words(&zh).iter().all(|word| has_chinese(word)), "{:?}", words(&zh));
    assert!(words(&en).iter().all(|word| !word.is_empty() && !has_chinese(word)), "{:?}", words(&en));
    let asked = manager.request(Method::GET, &why).header(header::ACCEPT_LANGUAGE, "en-GB,en;q=0.9");
    assert_eq!(said(asked).await.json(200), en, "without a parameter the reader's language counts");
    manager.get(&format!("{why}?lang=xx")).await.problem(400, "malformed");

    let decision = format!("/api/v1/decisions/{}", text(&charge["decision"]));
    assert_eq!(manager.get(&format!("{decision}/lines/{}/explanation?lang=zh", charge["line"])).await.json(200), zh);
    manager.get(&format!("{decision}/lines/4000000/explanation")).await.problem(404, "not-found");
    let replayed = finance.post(&format!("{decision}/replay")).await.json(200);
    assert_eq!(replayed["different"], json!([]));
    assert!(
        replayed["identical"] == replayed["decisions"] && replayed["decisions"].as_i64().unwrap() > 0,
        "{replayed}"
    );

    let person = charges
        .iter()
        .find(|charge| text(&charge["payer"]).chars().count() == 3 && charge["payer"] != "开发商")
        .unwrap();
    let masked = finance.get(&format!("/api/v1/charges/{}/explanation", text(&person["id"]))).await.json(200);
    let payer = text(&masked["line"]["payer"]);
    assert!(payer.contains('*') && payer != text(&person["payer"]), "finance reads no personal data: {payer}");
}

#[rstest]
#[tokio::test]
async fn a_workbook_goes_in_and_out_over_http(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::fresh(kind).await;
    host.run(&["plugin", "install", "standard"]).expect(0);
    host.run(&["user", "add", "wang", "--role", "manager"]).expect(0);
    let server = host.serve();
    let wang = Caller::nobody(&server).with(host.token("wang"));
    let import = async |file: Vec<u8>, dry_run: bool| {
        said(wang.request(Method::POST, "/api/v1/imports").multipart(form(PROJECT, file, dry_run))).await
    };
    let no_projects = json!({"items": []});

    let bad = workbook_with_cell("房屋信息", "建筑面积", 4, Cell::Text("很大".into()));
    let problem = import(bad, false).await.problem(422, "invalid");
    let problems = problem["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "{problem}");
    let expected = json!({"sheet": "房屋信息", "row": 4, "column": "建筑面积", "value": "很大"});
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&problems[0][key], value, "{problem}");
    }
    assert!(!text(&problems[0]["reason"]).is_empty());
    import(b"%PDF-1.7".to_vec(), false).await.problem(422, "invalid");
    let rehearsed = import(example(), true).await.json(200);
    assert_eq!((&rehearsed["applied"], &rehearsed["project"]), (&json!(false), &Value::Null));
    assert_eq!(wang.get("/api/v1/projects").await.json(200), no_projects, "nothing was written so far");

    let imported = import(example(), false).await.json(200);
    assert_eq!(imported["counts"], rehearsed["counts"]);
    assert_eq!(imported["changes"], rehearsed["changes"]);
    let expected = json!({
        "buildings": 3, "entrances": 6, "units": 432, "unsold": 19, "parking_spaces": 216, "owners": 390, "members": 96,
        "vehicles": 142, "fee_items": 3, "fee_assignments": 852,
    });
    assert_eq!((&imported["applied"], &imported["counts"]), (&json!(true), &expected));
    let project = text(&imported["project"]).to_owned();
    let units = wang.whole(&format!("/api/v1/units?project={project}"), 500).await;
    assert_eq!(units.len(), 432 + 216);

    let unchanged = json!({"inserted": 0, "updated": 0, "deleted": 0});
    let exported = wang.request(Method::GET, &format!("/api/v1/projects/{project}/export.xlsx")).send().await.unwrap();
    assert_eq!(exported.status(), 200);
    assert_eq!(
        exported.headers()[header::CONTENT_TYPE],
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    );
    let exported = exported.bytes().await.unwrap().to_vec();
    let again = import(exported, false).await.json(200);
    assert_eq!((&again["changes"], &again["differences"]), (&unchanged, &json!([])), "an export is the same estate");
    assert_eq!(import(example(), false).await.json(200)["changes"], unchanged);
    host.assert_consistent();
}

/// What a person edits is written over the state that the person saw, or not at all.
#[rstest]
#[tokio::test]
async fn a_unit_is_edited_by_one_person_at_a_time(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let office = Office::open(kind).await;
    let units = office.wang.get(&format!("/api/v1/units?project={}&limit=1", office.project)).await.json(200);
    let path = format!("/api/v1/units/{}", text(&units["items"][0]["id"]));
    let read = office.wang.get(&path).await;
    let tag = read.headers[header::ETAG].to_str().unwrap().to_owned();
    let unit = read.json(200);
    let fields =
        ["kind", "storey", "layout_code", "gross_floor_area_cm2", "internal_area_cm2", "rent_fen", "occupancy"];
    let mut edit: Value = fields.iter().map(|field| (field.to_string(), unit[*field].clone())).collect();
    edit["unit_no"] = unit["place"]["unit"].clone();
    edit["storey"] = json!(7);
    let put = async |caller: &Caller, tag: Option<&str>, edit: &Value| {
        let request = caller.request(Method::PUT, &path).json(edit);
        said(tag.into_iter().fold(request, |request, tag| request.header(header::IF_MATCH, tag))).await
    };
    for no_tag in [None, Some("*"), Some("")] {
        put(&office.wang, no_tag, &edit).await.problem(428, "precondition-required");
    }
    for other in ["\"0\"", "W/\"1\"", "1"] {
        put(&office.wang, Some(other), &edit).await.problem(412, "stale");
    }
    put(&office.engineer, Some(&tag), &edit).await.problem(403, "permission");
    let mut bad = edit.clone();
    (bad["kind"], bad["storey"], bad["rent_fen"]) = (json!("castle"), json!(4_000), json!(-1));
    let problem = put(&office.wang, Some(&tag), &bad).await.problem(422, "invalid");
    let pointers: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|error| text(&error["pointer"])).collect();
    assert_eq!(pointers, ["#/kind", "#/storey", "#/rent_fen"], "{problem}");
    assert_eq!(office.wang.get(&path).await.json(200), unit, "nothing was changed so far");

    let written = put(&office.wang, Some(&tag), &edit).await;
    let after = written.json(200);
    assert_eq!((&after["storey"], &after["owners"]), (&json!(7), &unit["owners"]));
    let read = office.wang.get(&path).await;
    assert_eq!((&read.headers[header::ETAG], read.json(200)), (&written.headers[header::ETAG], after));
    put(&office.wang, Some(&tag), &edit).await.problem(412, "stale");
    let both = format!("{tag}, {}", written.headers[header::ETAG].to_str().unwrap());
    put(&office.wang, Some(&both), &edit).await.json(200);
    let audit = office.wang.get("/api/v1/audit?limit=5").await.json(200);
    let edits = audit["items"].as_array().unwrap().iter().filter(|row| row["action"] == "unit.update").count();
    assert_eq!(edits, 2, "{audit}");
    office.host.assert_consistent();
}

/// Goal: a counter's history is entered and corrected by hand, and the next bill counts on over a change.
#[rstest]
#[tokio::test]
async fn meters_are_read_and_corrected(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let office = Office::open(kind).await;
    let Office { wang, engineer, cashier, project, .. } = &office;
    let unit =
        text(&wang.get(&format!("/api/v1/units?project={project}&search=6-1-103")).await.json(200)["items"][0]["id"])
            .to_owned();
    let items = wang.get(&format!("/api/v1/fee-items?project={project}")).await.json(200);
    let fee_item =
        items["items"].as_array().unwrap().iter().find(|item| item["name"] == HOME_FEE).unwrap()["id"].clone();
    let meters = format!("/api/v1/units/{unit}/meters");
    engineer
        .send(&meters, &json!({"fee_item": fee_item, "multiplier_milli": 0}))
        .await
        .problem(422, "multiplier-out-of-range");
    let made = engineer.send(&meters, &json!({"fee_item": fee_item})).await.json(201);
    cashier.send(&meters, &json!({"fee_item": fee_item})).await.problem(409, "conflict");
    let readings = format!("/api/v1/meters/{}/readings", text(&made["id"]));

    let entry = |day: &str, reading: i64| json!({"read_on": day, "reading_milli": reading});
    let enter = async |body: &Value| engineer.send(&readings, body).await;
    enter(&entry("2024-12-31", 1_200_000)).await.json(201);
    enter(&entry("2025-01-31", 1_199_999)).await.problem(422, "reading-below-previous");
    enter(&entry("2999-01-31", 1_300_000)).await.problem(422, "reading-in-future");
    let mut changed = entry("2025-01-20", 1_250_000);
    changed["restart_milli"] = json!(0);
    enter(&changed).await.json(201);
    let last = enter(&entry("2025-01-31", 30_000)).await;
    enter(&entry("2025-01-31", 30_000)).await.problem(409, "conflict");

    let listed = wang.get(&readings).await.json(200);
    let usage: Vec<&Value> = listed["items"].as_array().unwrap().iter().map(|item| &item["usage_milli"]).collect();
    assert_eq!(usage, [&json!(30_000), &json!(50_000), &Value::Null], "{listed}");
    let page = wang.get(&format!("{readings}?limit=1")).await.json(200);
    let rest = wang.get(&format!("{readings}?limit=2&cursor={}", text(&page["next"]))).await.json(200);
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (2, &Value::Null));

    let tag = last.headers[header::ETAG].to_str().unwrap().to_owned();
    let path = format!("/api/v1/meter-readings/{}", text(&last.json(201)["id"]));
    let put = async |tag: Option<&str>, body: &Value| {
        let request = cashier.request(Method::PUT, &path).json(body);
        said(tag.into_iter().fold(request, |request, tag| request.header(header::IF_MATCH, tag))).await
    };
    put(None, &entry("2025-01-31", 31_000)).await.problem(428, "precondition-required");
    let corrected = put(Some(&tag), &entry("2025-01-31", 31_000)).await;
    assert_eq!(corrected.json(200)["version"], 2);
    put(Some(&tag), &entry("2025-01-31", 32_000)).await.problem(412, "stale");
    assert_eq!(wang.get(&path).await.json(200)["reading_milli"], 31_000);

    // The form of the console says why it did not take a reading, and keeps what was typed.
    let page = format!("/meters/{}", text(&made["id"]));
    let typed = async |path: &str, reading: &str, more: &[(&str, &str)]| {
        let form = [&[("read_on", "2025-02-28"), ("reading", reading), ("restart", "")], more].concat();
        said(cashier.request(Method::POST, path).form(&form)).await
    };
    for (reading, why) in [("12.5", "读数比前一次小"), ("1,2", "读数不是数字"), ("", "读数不是数字")]
    {
        let refused = typed(&page, reading, &[]).await;
        assert_eq!(refused.status, 422, "{reading}");
        assert!(
            refused.text.contains(why) && refused.text.contains(&format!("value=\"{reading}\"")),
            "{}",
            refused.text
        );
    }
    let form = format!("/meter-readings/{}", text(&corrected.json(200)["id"]));
    let stale = typed(&form, "33", &[("version", "1")]).await;
    assert!(
        stale.status == 422 && stale.text.contains("value=\"31\""),
        "what is stored is offered again: {}",
        stale.text
    );
    assert_eq!(typed(&page, "44.5", &[]).await.status, 303);

    // (31 − 1200 + 1250) m³ at 5 yuan; everybody else without a reading is held.
    office.host.bind("metered-fee@1.1.0", r#"{"measure":"m3","tiers":[{"price":"5"}]}"#, "2025-01-01").expect(0);
    let run = office.previewed("2025-01").await;
    let lines = wang.whole(&format!("/api/v1/billing-runs/{run}/lines"), 500).await;
    let metered: Vec<&Value> = lines.iter().filter(|line| line["fee_item"] == HOME_FEE).collect();
    assert_eq!(metered.len(), 1);
    assert_eq!(metered[0]["amount_fen"], 40_500, "{}", metered[0]);
    assert_eq!(metered[0]["steps"][0]["key"], "usage-changed");
    let at = |part: &str| format!("/api/v1/billing-runs/{run}/held{part}");
    let counts = wang.get(&at("/counts?lang=zh")).await.json(200);
    let groups = counts["items"].as_array().unwrap();
    assert_eq!(groups.len(), 1, "{counts}");
    let (code, about) = (text(&groups[0]["code"]), text(&groups[0]["about"]));
    assert_eq!((code, about, &groups[0]["count"]), ("missing-fact", "meter.previous", &json!(419)), "{counts}");
    assert!(has_chinese(text(&groups[0]["reason"])), "{counts}");
    let held = wang.whole(&at(&format!("?code={code}&about={about}&kind=policy-error")), 200).await;
    assert_eq!(held.len(), 419);
    assert_eq!(wang.get(&at("?code=fuel")).await.json(200)["items"], json!([]));
    wang.get(&at("?kind=bad")).await.problem(400, "malformed");
    office.host.assert_consistent();
}

/// A place is found as lists show it; people only by those who may read personal data.
#[rstest]
#[tokio::test]
async fn units_are_found_by_what_a_reader_may_see(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let office = Office::open(kind).await;
    let find = async |caller: &Caller, search: &str| {
        let query = [("project", office.project.as_str()), ("search", search)];
        let list = said(caller.request(Method::GET, "/api/v1/units").query(&query)).await.json(200);
        list["items"].as_array().unwrap().clone()
    };
    let owned = find(&office.wang, "").await.into_iter().find(|unit| unit["owners"] != json!([])).unwrap();
    let place = ["building", "entrance", "unit"].map(|part| text(&owned["place"][part])).join("-");
    for caller in [&office.wang, &office.li, &office.engineer] {
        let found = find(caller, &place).await;
        assert!(found.iter().any(|unit| unit["id"] == owned["id"]), "{place}: {found:?}");
    }
    let owner = text(&owned["owners"][0]);
    assert!(find(&office.wang, owner).await.iter().any(|unit| unit["id"] == owned["id"]), "{owner}");
    for caller in [&office.li, &office.engineer] {
        assert_eq!(find(caller, owner).await, Vec::<Value>::new());
        let page =
            caller.request(Method::GET, "/units").query(&[("project", office.project.as_str()), ("search", owner)]);
        let page = said(page).await;
        assert!(page.status == 200 && !page.text.contains("/units/"), "{page:?}");
    }
}

/// Everybody sees who lives somewhere; names, phones and charges are for those who may read them.
#[rstest]
#[tokio::test]
async fn what_hangs_on_a_unit_is_shown_as_far_as_a_reader_may_see(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let office = Office::open(kind).await;
    let units = office.wang.whole(&format!("/api/v1/units?project={}", office.project), 500).await;
    let owned = units.iter().find(|unit| unit["owners"].as_array().is_some_and(|owners| owners.len() == 1)).unwrap();
    let path = format!("/api/v1/units/{}/records", text(&owned["id"]));
    let seen = office.wang.get(&path).await.json(200);
    let owner = seen["tenures"].as_array().unwrap().iter().find(|tenure| tenure["kind"] == "owner").unwrap();
    assert_eq!(owner["name"], owned["owners"][0]);
    assert!(!seen["fee_assignments"].as_array().unwrap().is_empty(), "{seen}");
    assert_eq!(seen["charges"], json!([]), "nothing is billed yet");
    let masked = office.engineer.get(&path).await.json(200);
    assert!(
        masked["charges"].is_null()
            && masked["tenures"].as_array().unwrap().len() == seen["tenures"].as_array().unwrap().len()
    );
    for tenure in masked["tenures"].as_array().unwrap() {
        assert!(tenure["phone"].is_null() && text(&tenure["name"]).contains('*'), "{tenure}");
    }
    let page = office.wang.get(&format!("/units/{}", text(&owned["id"]))).await;
    assert!(
        page.status == 200 && page.text.contains("收费安排") && page.text.contains(text(&owner["name"])),
        "{page:?}"
    );
}

/// A machine that never saw the answer sends its request again.
#[rstest]
#[tokio::test]
async fn a_request_with_a_key_has_its_effect_once(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::fresh(kind).await;
    host.run(&["user", "add", "admin", "--role", "admin"]).expect(0);
    host.run(&["user", "add", "other", "--role", "admin"]).expect(0);
    let server = host.serve();
    let admin = Caller::nobody(&server).with(host.token("admin"));
    let send = async |caller: &Caller, path: &str, key: &str, body: &Value| {
        said(caller.request(Method::POST, path).header("idempotency-key", key).json(body)).await
    };
    let users = async || admin.get("/api/v1/users").await.json(200)["items"].as_array().unwrap().len();
    let replayed = |answer: &Said| answer.headers.get("idempotency-replayed").is_some_and(|value| value == "true");
    let before = users().await;
    let user = json!({"name": "wang", "roles": ["manager"], "password": "correct horse battery"});
    let first = send(&admin, "/api/v1/users", "k-1", &user).await;
    first.json(201);
    assert!(!replayed(&first));
    let again = send(&admin, "/api/v1/users", "k-1", &user).await;
    assert_eq!((again.status, &again.kind, &again.text), (201, &first.kind, &first.text));
    assert!(replayed(&again) && again.request_id != first.request_id, "{again:?}");
    assert_eq!(users().await, before + 1);
    // Another token of the same person is the same sender; another person is not.
    let same = send(&admin.with(host.token("admin")), "/api/v1/users", "k-1", &user).await;
    assert!(replayed(&same), "{same:?}");
    let other = Caller::nobody(&server).with(host.token("other"));
    let taken = send(&other, "/api/v1/users", "k-1", &user).await;
    taken.problem(409, "conflict");
    let taken_again = send(&other, "/api/v1/users", "k-1", &user).await;
    assert!(replayed(&taken_again), "a refusal is an answer");
    assert_eq!((taken_again.status, &taken_again.kind, &taken_again.text), (409, &taken.kind, &taken.text));

    let li = json!({"name": "li", "roles": ["finance"], "password": null});
    send(&admin, "/api/v1/users", "k-1", &li).await.problem(422, "idempotency-key-reused");
    send(&admin, "/api/v1/bindings", "k-1", &user).await.problem(422, "idempotency-key-reused");
    send(&admin, "/api/v1/users", &"k".repeat(256), &li).await.problem(400, "malformed");
    assert_eq!(users().await, before + 1);
    // Sent by many hands at once: one is answered, the others get that answer or hear that there is none yet.
    let hands = (0..6).map(|_| {
        let (admin, li) = (admin.clone(), li.clone());
        tokio::spawn(async move {
            let request = admin.request(Method::POST, "/api/v1/users").header("idempotency-key", "k-2");
            said(request.json(&li)).await
        })
    });
    for hand in hands.collect::<Vec<_>>() {
        let answer = hand.await.unwrap();
        match answer.status {
            201 => assert_eq!(answer.json(201)["name"], "li"),
            _ => drop(answer.problem(409, "idempotency-key-running")),
        }
    }
    assert!(replayed(&send(&admin, "/api/v1/users", "k-2", &li).await));
    assert_eq!(users().await, before + 2);
    // Without a key nothing is remembered.
    admin.send("/api/v1/users", &li).await.problem(409, "conflict");
    host.assert_consistent();
}

/// What no handler can use is answered at the door, as everything else that goes wrong.
#[rstest]
#[tokio::test]
async fn what_cannot_be_used_is_a_problem_document() {
    let host = Host::fresh(Kind::Sqlite).await;
    host.run(&["user", "add", "admin", "--role", "admin"]).expect(0);
    let server = host.serve();
    let admin = Caller::nobody(&server).with(host.token("admin"));
    let post = |path: &str| admin.request(Method::POST, path);
    let as_json = |body: &str| {
        post("/api/v1/billing-runs").header(header::CONTENT_TYPE, "application/json").body(body.to_owned())
    };
    let cases = [
        ("an unknown address", admin.request(Method::GET, "/api/v1/nothing-here"), 404, "not-found"),
        ("an unknown id", admin.request(Method::GET, &format!("/api/v1/billing-runs/{UNKNOWN}")), 404, "not-found"),
        (
            "an unknown project",
            admin.request(Method::GET, &format!("/api/v1/units?project={UNKNOWN}")),
            404,
            "not-found",
        ),
        ("no id", admin.request(Method::GET, "/api/v1/billing-runs/17"), 400, "malformed"),
        ("another method", admin.request(Method::DELETE, "/api/v1/users"), 405, "method-not-allowed"),
        ("no query", admin.request(Method::GET, "/api/v1/units"), 400, "malformed"),
        ("torn JSON", as_json(r#"{"project": "#), 400, "malformed"),
        ("JSON of another shape", as_json("[1, 2]"), 422, "malformed"),
        ("no content type", post("/api/v1/billing-runs").body("{}"), 415, "unsupported-media-type"),
        ("no month", as_json(&format!(r#"{{"project": "{UNKNOWN}", "period": "2025-13"}}"#)), 400, "malformed"),
        (
            "a form without a file",
            post("/api/v1/imports").multipart(multipart::Form::new().text("project", "x")),
            422,
            "invalid",
        ),
        ("no form", post("/api/v1/imports").body("x"), 400, "malformed"),
        ("an unknown role", post("/api/v1/users").json(&json!({"name": "x", "roles": ["king"]})), 422, "invalid"),
        (
            "a short password",
            post("/api/v1/users").json(&json!({"name": "x", "roles": ["admin"], "password": "short"})),
            400,
            "malformed",
        ),
        (
            "a name that is taken",
            post("/api/v1/users").json(&json!({"name": "admin", "roles": ["admin"]})),
            409,
            "conflict",
        ),
        ("no component", post("/api/v1/plugins").body("\0asm no component"), 422, "invalid"),
    ];
    let mut request_ids = BTreeSet::new();
    for (what, request, status, code) in cases {
        let answer = said(request).await;
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        let problem = answer.problem(status, code);
        assert!(request_ids.insert(text(&problem["request_id"]).to_owned()), "{what}: the request id is used twice");
    }
    assert_eq!(
        admin.get("/api/v1/users").await.json(200)["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|user| user["name"] == "x")
            .count(),
        0
    );
    assert_eq!(admin.get("/api/v1/plugins").await.json(200)["items"], json!([]));
}

/// The answer may come while the body is still on its way, and the host does not read the rest: whoever sends it has to
/// look at what came back although writing fails.
fn send_too_much(server: &Server, token: &str, path: &str, kind: &str, beginning: &str) -> Said {
    const BODY_BYTES: usize = 40 << 20;
    let address = server.url.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Type: {kind}\r\n\
         Content-Length: {BODY_BYTES}\r\nConnection: close\r\n\r\n{beginning}"
    );
    connection.write_all(head.as_bytes()).unwrap();
    let rest = vec![b' '; BODY_BYTES - beginning.len()];
    let _ = connection.write_all(&rest);
    let mut answer = Vec::new();
    let _ = connection.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, text) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{path} was not answered: {answer:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).unwrap_or_default()
    };
    let (kind, request_id) = (header("content-type"), header("x-request-id"));
    Said { status, kind, request_id, headers: header::HeaderMap::new(), text: text.to_owned() }
}

#[rstest]
#[case::json("/api/v1/users", "application/json", "{")]
#[case::component("/api/v1/plugins", "application/wasm", "\0asm")]
#[case::workbook(
    "/api/v1/imports",
    "multipart/form-data; boundary=b",
    "--b\r\nContent-Disposition: form-data; name=\"workbook\"; filename=\"big.xlsx\"\r\n\r\nPK"
)]
#[tokio::test]
async fn what_is_too_large_is_not_read_to_its_end(#[case] path: &str, #[case] kind: &str, #[case] beginning: &str) {
    let host = Host::fresh(Kind::Sqlite).await;
    host.run(&["user", "add", "admin", "--role", "admin"]).expect(0);
    let server = host.serve();
    send_too_much(&server, &host.token("admin"), path, kind, beginning).problem(413, "too-large");
    assert_eq!(Caller::nobody(&server).get("/readyz").await.status, 200, "the host is still there");
}

#[rstest]
#[tokio::test]
async fn probes_answer_and_tell_nothing_about_a_company(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::fresh(kind).await;
    host.run(&["user", "add", "admin", "--role", "admin"]).expect(0);
    let server = host.serve();
    let nobody = Caller::nobody(&server);
    for probe in ["/healthz", "/readyz"] {
        let answer = nobody.get(probe).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, "ok"));
    }
    let admin = nobody.with(host.token("admin"));
    admin.get(&format!("/api/v1/projects/{UNKNOWN}")).await.problem(404, "not-found");
    let metrics = nobody.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    let counted = metrics
        .text
        .lines()
        .find(|line| line.starts_with("http_requests_total") && line.contains("/api/v1/projects/{id}"));
    let counted = counted.unwrap_or_else(|| panic!("{}", metrics.text));
    assert!(counted.contains(r#"status="404""#) && counted.ends_with(" 1"), "{counted}");
    assert!(!metrics.text.contains(UNKNOWN), "identifiers do not belong into figures");
}

/// How long a host that has nothing more to do may take to end.
const QUICKLY: Duration = Duration::from_secs(10);

/// Reads from a connection until the text ends with what is waited for, or the other side is done.
fn read_until(connection: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    let mut byte = [0];
    while connection.read(&mut byte).unwrap() == 1 {
        read.push(byte[0]);
        if read.ends_with(end.as_bytes()) {
            break;
        }
    }
    String::from_utf8(read).unwrap()
}

/// A request that has begun is answered although the host was told to stop; new ones are not taken.
#[rstest]
#[tokio::test]
async fn told_to_stop_the_host_drains(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::fresh(kind).await;
    host.run(&["user", "add", "admin", "--role", "admin"]).expect(0);
    let token = host.token("admin");
    let server = host.serve();
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let body = r#"{"name":"late","roles":["engineer"]}"#;
    let mut connection = TcpStream::connect(&address).unwrap();
    connection.set_read_timeout(Some(QUICKLY)).unwrap();
    let head = format!(
        "POST /api/v1/users HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).unwrap();
    let go_on = read_until(&mut connection, "\r\n\r\n");
    assert!(go_on.starts_with("HTTP/1.1 100"), "{go_on}");
    server.tell_to_stop();
    let told = Instant::now();
    while TcpStream::connect(&address).is_ok() {
        assert!(told.elapsed() < QUICKLY, "the host still takes connections");
        std::thread::sleep(Duration::from_millis(20));
    }
    connection.write_all(body.as_bytes()).unwrap();
    let answer = read_until(&mut connection, "\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(server.ended_within(QUICKLY), Some(0));
    let users = host.run(&["user", "list", "--json"]).expect(0).lines();
    assert!(users.iter().any(|user| user["name"] == "late"), "{users:?}");
    host.assert_consistent();
}

/// The work behind the doors is not lost either: what was begun is finished by the next host.
#[rstest]
#[tokio::test]
async fn a_run_outlives_the_host_that_began_it(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let office = Office::open(kind).await;
    let new = json!({"project": office.project, "period": "2025-01"});
    let run = text(&office.li.send("/api/v1/billing-runs", &new).await.json(202)["id"]).to_owned();
    office.server.tell_to_stop();
    assert_eq!(office.server.ended_within(QUICKLY), Some(0));
    let server = office.host.serve();
    let li = Caller { url: server.url.clone(), ..office.li };
    let events = li.follow(&run).await;
    assert_eq!(events.last().unwrap().1["state"], "previewed", "{events:?}");
    let previewed = li.get(&format!("/api/v1/billing-runs/{run}")).await.json(200);
    assert_eq!((&previewed["lines"], &previewed["total_fen"]), (&json!(LINES), &json!(TOTAL_FEN)));
    office.host.assert_consistent();
}

/// Whom to trust, over HTTP: what is said there holds for what is installed there, and before.
#[rstest]
#[tokio::test]
async fn publishers_are_trusted_over_http(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let (host, desk) = (Host::fresh(kind).await, Desk::new());
    for (name, role) in [("boss", "admin"), ("wang", "manager")] {
        host.run(&["user", "add", name, "--role", role]).expect(0);
    }
    let server = host.serve();
    let boss = Caller::nobody(&server).with(host.token("boss"));
    let wang = Caller::nobody(&server).with(host.token("wang"));
    let key = desk.key("author");
    let file = desk.standard("area-fee");
    desk.json(&["plugin", "sign", &file, "--key", "author"]);
    let upload = async || {
        let body = std::fs::read(&file).unwrap();
        said(boss.request(Method::POST, "/api/v1/plugins").header(header::CONTENT_TYPE, "application/wasm").body(body))
            .await
    };
    let rule = async |on: bool| {
        said(boss.request(Method::PUT, "/api/v1/trust-rule").json(&json!({"require_trusted": on}))).await.json(200)
    };
    assert_eq!(wang.get("/api/v1/trust-rule").await.json(200), json!({"require_trusted": false}));
    assert_eq!(rule(true).await, json!({"require_trusted": true}));
    assert!(text(&upload().await.problem(422, "untrusted-plugin")["detail"]).contains("plugin trust add"));
    boss.send("/api/v1/publishers", &json!({"name": "Author", "key": "ed25519:12"})).await.problem(422, "invalid");
    boss.send("/api/v1/publishers", &json!({"name": "", "key": key})).await.problem(422, "invalid");
    let added = boss.send("/api/v1/publishers", &json!({"name": "Author", "key": key})).await.json(201);
    boss.send("/api/v1/publishers", &json!({"name": "Other", "key": key})).await.problem(409, "conflict");
    assert_eq!(wang.get("/api/v1/publishers").await.json(200)["items"], json!([added]));
    let installed = upload().await.json(201);
    assert_eq!(
        (&installed["signature"], &installed["signers"][0]["trusted_as"]),
        (&json!("trusted"), &json!("Author"))
    );
    assert_eq!(installed["signers"][0]["key_id"], added["key_id"]);

    let one = format!("/api/v1/publishers/{}", text(&added["id"]));
    said(wang.request(Method::DELETE, &one)).await.problem(403, "permission");
    assert_eq!(said(boss.request(Method::DELETE, &one)).await.status, 204);
    said(boss.request(Method::DELETE, &one)).await.problem(404, "not-found");
    let listed = wang.get("/api/v1/plugins").await.json(200)["items"][0].clone();
    assert_eq!((&listed["signature"], &listed["signers"][0]["trusted_as"]), (&json!("unknown-key"), &Value::Null));
    let page = said(wang.request(Method::GET, "/plugins/area-fee/1.0.0").header(header::ACCEPT_LANGUAGE, "en")).await;
    assert!(
        page.status == 200 && page.text.contains("Unknown key") && page.text.contains(text(&added["key_id"])),
        "{page:?}"
    );
    let audit = boss.get("/api/v1/audit?limit=20").await.json(200);
    let actions: Vec<&str> = audit["items"].as_array().unwrap().iter().map(|row| text(&row["action"])).collect();
    for action in ["trust-rule.change", "publisher.trust", "publisher.distrust", "plugin.install"] {
        assert!(actions.contains(&action), "{action}: {actions:?}");
    }
    host.assert_consistent();
}

/// The worker of a serving host tries a candidate that was posted to it; finance reads the report and asks about a mover.
#[rstest]
#[tokio::test]
async fn a_candidate_is_tried_over_http(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let office = Office::open(kind).await;
    let run = office.previewed("2025-01").await;
    office.wang.post(&format!("/api/v1/billing-runs/{run}/approve")).await.json(200);
    office.wang.post(&format!("/api/v1/billing-runs/{run}/post")).await.json(202);
    office.li.follow(&run).await;
    let items = office.li.get(&format!("/api/v1/fee-items?project={}", office.project)).await.json(200);
    let homes = items["items"].as_array().unwrap().iter().find(|item| item["name"] == "住宅物业费").unwrap();
    let mut new = json!({
        "project": office.project, "fee_item": homes["id"], "plugin": "area-fee", "version": "1.0.0",
        "settings": {"price": "3.00"}, "from": "2025-01", "to": "2025-01",
    });
    office.cashier.send("/api/v1/trials", &new).await.problem(403, "permission");
    let made = office.li.send("/api/v1/trials", &new).await.json(202);
    let path = format!("/api/v1/trials/{}", text(&made["id"]));
    let events = office.li.follow_work(&format!("{path}/progress")).await;
    assert_eq!(events.last().unwrap().1["state"], "done", "{events:?}");
    let report = office.li.get(&path).await.json(200);
    assert_eq!((&report["state"], &report["subjects"]), (&json!("done"), &json!(420)), "{report}");
    let up = report["changes"].as_array().unwrap().iter().find(|change| change["change"] == "up").unwrap();
    assert_eq!((&up["subjects"], &up["after_fen"]), (&json!(420), &report["after_fen"]));
    let buckets = report["histogram"].as_array().unwrap();
    assert_eq!(sum(buckets, "subjects"), 420);
    for (language, label) in [("zh", "面积 × 单价"), ("en", "Area × price")] {
        let why = office.li.get(&format!("{path}/movers/0?lang={language}")).await.json(200);
        assert_eq!(why["after_fen"], report["movers"][0]["after_fen"]);
        for side in ["recorded", "candidate"] {
            assert_eq!(why[side]["lines"][0]["steps"][0]["label"], label, "{why}");
        }
    }
    office.li.get(&format!("{path}/movers/{}", 1_000)).await.problem(404, "not-found");
    for over in ["cancel", "resume"] {
        office.li.post(&format!("{path}/{over}")).await.problem(409, "conflict");
    }
    let listed = office.wang.get(&format!("/api/v1/trials?project={}", office.project)).await.json(200);
    assert_eq!(listed["items"][0]["id"], made["id"]);
    (new["plugin"], new["settings"]) = (json!("shared-cost-fee"), json!({"basis": "area"}));
    let refused = office.li.send("/api/v1/trials", &new).await.problem(422, "missing-fact");
    assert!(text(&refused["detail"]).contains("unit.storey"), "{refused}");
    new["from"] = json!("2024-01");
    new["to"] = json!("2024-12");
    office.li.send("/api/v1/trials", &new).await.problem(422, "nothing-recorded");
    office.host.assert_consistent();
}

/// Nobody waits for a compiler: what brings the runtime of its language is handed in, checked by the worker of a serving
/// host, and then installed, or refused with the sentence that an answer would have had.
#[rstest]
#[tokio::test]
async fn what_takes_long_to_compile_is_installed_in_the_background(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::fresh(kind).await;
    for (name, role) in [("boss", "admin"), ("wang", "manager")] {
        host.run(&["user", "add", name, "--role", role]).expect(0);
    }
    let server = host.serve();
    let boss = Caller::nobody(&server).with(host.token("boss"));
    let wang = Caller::nobody(&server).with(host.token("wang"));
    let javascript = std::fs::read(crate::languages::component("offer-fee-js")).unwrap();
    upload(&wang, javascript.clone()).await.problem(403, "permission");

    let handed_in = upload(&boss, javascript).await.json(202);
    assert_eq!((&handed_in["plugin"], &handed_in["version"]), (&json!("offer-fee-js"), &json!("1.0.0")));
    assert_eq!((&handed_in["state"], &handed_in["installed"]), (&json!("ready"), &json!(false)));
    let path = format!("/api/v1/installations/{}", text(&handed_in["id"]));
    wang.get(&path).await.problem(403, "permission");
    let events = boss.follow_work(&format!("{path}/progress")).await;
    let done: Vec<i64> = events.iter().map(|(_, event)| event["done"].as_i64().unwrap()).collect();
    assert!(done.is_sorted() && done.last() == Some(&100), "{events:?}");
    let read = boss.get(&path).await.json(200);
    assert_eq!((&read["state"], &read["installed"], &read["error"]), (&json!("done"), &json!(true), &Value::Null));
    let listed = wang.get("/api/v1/plugins").await.json(200)["items"].clone();
    assert_eq!((&listed[0]["id"], &listed[0]["runtime"]), (&json!("offer-fee-js"), &json!("virtual-wasi")));
    boss.post(&format!("{path}/cancel")).await.problem(409, "conflict");
    assert_eq!(boss.get("/api/v1/installations").await.json(200)["items"], json!([]));
    let page = said(boss.request(Method::GET, &format!("/installations/{}", text(&handed_in["id"])))).await;
    assert_eq!((page.status, page.headers[header::LOCATION].to_str().unwrap()), (303, "/plugins/offer-fee-js/1.0.0"));
    let page =
        said(wang.request(Method::GET, "/plugins/offer-fee-js/1.0.0").header(header::ACCEPT_LANGUAGE, "en")).await;
    assert!(page.status == 200 && page.text.contains("virtual WASI"), "{page:?}");

    // What only a call shows.
    let ends_itself = Guest { describe: "(call $exit (i32.const 0)) (i32.const 256)", ..wasi::guest(HONEST) };
    let refused = installed_in_the_background(&boss, ends_itself.component()).await;
    let read = boss.get(&format!("/api/v1/installations/{refused}")).await.json(200);
    assert_eq!((&read["state"], &read["installed"]), (&json!("failed"), &json!(false)));
    assert!(text(&read["error"]).contains("ended itself"), "{read}");
    let page = said(boss.request(Method::GET, &format!("/installations/{refused}"))).await;
    assert!(page.status == 200 && page.text.contains("ended itself"), "{page:?}");
    // What is known without compiling is said at once.
    let sockets = r#"(component (import "wasi:sockets/network@0.2.0" (instance)))"#;
    let problem = upload(&boss, package::component_text(sockets)).await.problem(422, "invalid");
    assert!(text(&problem["detail"]).contains("wasi:sockets/network@0.2.0"), "{problem}");
    assert_eq!(wang.get("/api/v1/plugins").await.json(200)["items"].as_array().unwrap().len(), 1);
    let audit = boss.get("/api/v1/audit?limit=20").await.json(200);
    let actions: Vec<&str> = audit["items"].as_array().unwrap().iter().map(|row| text(&row["action"])).collect();
    assert_eq!(actions.iter().filter(|action| **action == "plugin.hand-in").count(), 2, "{actions:?}");
    assert_eq!(actions.iter().filter(|action| **action == "plugin.install").count(), 1, "{actions:?}");
    host.assert_consistent();
}
