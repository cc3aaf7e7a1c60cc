//! How refusals look to scripts and to people, and what every answer carries.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use guanjia_domain::{
    Error,
    error::{InputProblem, Told},
};
use rstest::rstest;

use super::{ask, text};
use crate::fault::{Fault, problem_document};

#[rstest]
#[case::absent(Error::not_found("unit", "7"), 404, "not-found")]
#[case::clash(Error::Conflict("posted".into()), 409, "conflict")]
#[case::permission(Error::refused("permission", "no"), 403, "permission")]
#[case::rule(Error::refused("four-eyes", "no"), 422, "four-eyes")]
#[case::input(Error::invalid("bad"), 422, "invalid")]
#[case::overflow(Error::Overflow("adding"), 422, "overflow")]
#[case::stopped(Error::Cancelled, 409, "cancelled")]
#[case::below(Error::unavailable("reading", "the disk burns"), 503, "unavailable")]
fn errors_have_a_status_and_a_code_by_their_variant(#[case] error: Error, #[case] status: u16, #[case] code: &str) {
    let fault = Fault::from(error);
    assert_eq!((fault.status.as_u16(), fault.code), (status, code));
    assert!(!fault.detail.contains("disk"), "what failed below is for the log");
}

#[tokio::test]
async fn a_problem_document_names_code_request_and_cells() {
    let cell = InputProblem {
        sheet: "房屋信息".into(),
        row: 7,
        column: "建筑面积".into(),
        value: "abc".into(),
        reason: Told { code: "not-decimal", sentence: "不是数字".into() },
    };
    let error = Error::Invalid { message: "1 cell".into(), problems: vec![cell] };
    let response = problem_document(&error.into(), "r-1");
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    let found: serde_json::Value = serde_json::from_str(&text(response).await).unwrap();
    let expected = serde_json::json!({
        "type": "about:blank", "title": "Unprocessable Entity", "status": 422, "detail": "1 cell", "code": "invalid",
        "request_id": "r-1",
        "problems": [{
            "sheet": "房屋信息", "row": 7, "column": "建筑面积", "value": "abc",
            "code": "not-decimal", "reason": "不是数字",
        }],
    });
    assert_eq!(found, expected);
}

fn get(uri: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let request = headers.iter().fold(Request::get(uri), |request, (name, value)| request.header(*name, *value));
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn scripts_get_problems_and_people_get_pages_with_the_same_request_id() {
    let response =
        ask(get("/api/v1/units/01933f2a-0000-7000-8000-000000000c41", &[("authorization", "Bearer admin")])).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let problem: serde_json::Value = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!(problem["request_id"], id.as_str());

    let response =
        ask(get("/units/01933f2a-0000-7000-8000-000000000c41", &[("cookie", "guanjia_session=admin")])).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let page = text(response).await;
    assert!(page.contains(&id) && page.contains("找不到这一页"), "{page}");
}

#[rstest]
#[case::malformed_id("/api/v1/projects/7", 400, "malformed")]
#[case::no_such_path("/api/v1/nothing", 404, "not-found")]
#[case::missing_parameter("/api/v1/units", 400, "malformed")]
#[tokio::test]
async fn what_axum_refuses_is_a_problem_too(#[case] uri: &str, #[case] status: u16, #[case] code: &str) {
    let response = ask(get(uri, &[("authorization", "Bearer admin")])).await;
    assert_eq!(response.status().as_u16(), status);
    let problem: serde_json::Value = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!(problem["code"], code);
}

#[tokio::test]
async fn every_answer_keeps_browsers_strict() {
    for uri in ["/", "/login", "/healthz", "/nothing", "/api/v1/projects", "/api/v1/docs/"] {
        let response = ask(get(uri, &[])).await;
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(
            policy.contains("default-src 'none'")
                && policy.contains("frame-ancestors 'none'")
                && !policy.contains("unsafe"),
            "{uri}"
        );
        assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{uri}");
        assert!(response.headers().contains_key("x-request-id"), "{uri}");
    }
}

#[rstest]
#[case::other_site(&[("sec-fetch-site", "cross-site")], 403)]
#[case::other_origin(&[("origin", "https://evil.example"), ("host", "guanjia.example")], 403)]
#[case::same_site_form(&[("sec-fetch-site", "same-origin")], 303)]
#[case::no_browser(&[], 303)]
#[tokio::test]
async fn forms_of_other_sites_are_refused(#[case] headers: &[(&str, &str)], #[case] status: u16) {
    let request =
        headers.iter().fold(Request::post("/language"), |request, (name, value)| request.header(*name, *value));
    let request = request
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("language=en&back=/me"));
    assert_eq!(ask(request.unwrap()).await.status().as_u16(), status);
}

#[tokio::test]
async fn strangers_are_sent_to_the_login_page_and_back() {
    let response = ask(get("/units?search=%E7%8E%8B", &[])).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()[header::LOCATION], "/login?next=%2Funits%3Fsearch%3D%25E7%258E%258B");
    let response = ask(get("/units", &[("hx-request", "true")])).await;
    assert_eq!(response.headers()["hx-redirect"], "/login?next=%2Funits");
}

#[tokio::test]
async fn a_wrong_password_says_so_and_keeps_the_name() {
    let request = Request::post("/login").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let response = ask(request.body(Body::from("company=a&name=li&password=wrong&next=//evil.example")).unwrap()).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let page = text(response).await;
    assert!(
        page.contains("value=\"li\"") && page.contains("不对") && !page.contains("evil") && !page.contains("wrong\""),
        "{page}"
    );
}

#[tokio::test]
async fn assets_are_kept_for_ever_under_their_own_version_only() {
    let response = ask(get(&crate::urls::asset("app.css"), &[])).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
    let response = ask(get("/assets/0/app.css", &[])).await;
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-cache");
    assert_eq!(ask(get("/assets/0/../Cargo.toml", &[])).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_reading_page_and_its_document_are_there() {
    let page = text(ask(get("/api/v1/docs/", &[])).await).await;
    assert!(page.contains("swagger-ui") && !page.contains("<script>") && !page.contains("onload="), "{page}");
    let document = ask(get("/api/v1/openapi.json", &[])).await;
    assert_eq!(document.status(), StatusCode::OK);
}

/// A form with one file, sent by somebody who may import.
fn upload(uri: &str, language: &str, file: &str, content: &str) -> Request<Body> {
    let part = |disposition: &str, text: &str| {
        format!("--cut\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{text}\r\n")
    };
    let project = part("name=\"project\"", "x");
    let workbook = part(&format!("name=\"workbook\"; filename=\"{file}\""), content);
    let request = Request::post(uri)
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=cut")
        .header(header::ACCEPT_LANGUAGE, language);
    let request = if uri.starts_with("/api/") {
        request.header(header::AUTHORIZATION, "Bearer admin")
    } else {
        request.header(header::COOKIE, "guanjia_session=admin").header("sec-fetch-site", "same-origin")
    };
    request.body(Body::from(format!("{project}{workbook}--cut--\r\n"))).unwrap()
}

#[rstest]
#[case::sheets("x.csv", "y\n", "缺少这张表", "the sheet is missing")]
#[case::columns("楼栋单元.csv", "楼栋号\n6\n", "首行没有这一列的标题", "no column of the first row has this title")]
#[case::no_table("x.pdf", "%PDF-1.7", "既不是 .xlsx 表格", "neither an .xlsx workbook")]
#[case::no_content("x.csv", " ", "是空的", "is empty")]
#[case::no_file("", "", "没有收到文件", "No file came")]
#[tokio::test]
async fn an_import_is_refused_in_the_language_of_the_reader(
    #[case] file: &str,
    #[case] content: &str,
    #[case] zh: &str,
    #[case] en: &str,
    #[values(crate::urls::IMPORT, "/api/v1/imports")] uri: &str,
) {
    for (language, said, unsaid) in [("zh-CN", zh, en), ("en", en, zh)] {
        let response = ask(upload(uri, language, file, content)).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let answer = text(response).await;
        assert!(answer.contains(said) && !answer.contains(unsaid), "{answer}");
    }
}

#[tokio::test]
async fn the_language_of_an_import_can_be_asked_for() {
    let answer = text(ask(upload("/api/v1/imports?lang=en", "zh-CN", "x.csv", "y\n")).await).await;
    let problem: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("cells of the workbook"), "{problem}");
    let first = &problem["problems"][0];
    assert_eq!((&first["code"], &first["reason"]), (&"sheet-missing".into(), &"the sheet is missing".into()));
    let response = ask(upload("/api/v1/imports?lang=xx", "zh-CN", "x.csv", "y\n")).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}
