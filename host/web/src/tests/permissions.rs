//! Every route is asked as every role, and as nobody. What happens has to be what the table of routes says.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use guanjia_domain::access::Role;
use std::collections::BTreeSet;

use super::{ask, filled};
use crate::routes::{Asks, Route, table};

/// Who gets past the door of a route, by the table.
fn expected(route: &Route, role: Role) -> bool {
    match route.asks {
        Asks::Nothing | Asks::Login => true,
        Asks::For(permission) => role.permissions().contains(&permission),
    }
}

fn request(route: &Route, token: Option<&str>) -> Request<Body> {
    // Required parameters have to be there: a permission is asked for first, but a query that is missing everywhere would
    // hide a handler that asks too late.
    let uri = format!("{}?project=01933f2a-0000-7000-8000-000000000c41", filled(route.path));
    let mut request = Request::builder().method(route.method.clone()).uri(uri);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn every_route_lets_in_whom_the_table_says() {
    for route in table() {
        for role in Role::ALL {
            let status = ask(request(&route, Some(role.code()))).await.status();
            let refused = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
            assert_eq!(!refused, expected(&route, *role), "{} {} as {role}: {status}", route.method, route.path);
        }
    }
}

#[tokio::test]
async fn nobody_gets_in_without_a_login() {
    for route in table() {
        for token in [None, Some("nonsense")] {
            let response = ask(request(&route, token)).await;
            let to_login =
                response.headers().get(header::LOCATION).is_some_and(|to| to.to_str().unwrap().starts_with("/login"));
            let outside = response.status() == StatusCode::UNAUTHORIZED || to_login;
            // The login page itself refuses an empty form with 4xx, and that is all a stranger sees of it.
            assert_eq!(outside, route.asks != Asks::Nothing, "{} {}: {}", route.method, route.path, response.status());
        }
    }
}

/// The table as people review it. A route that is new, gone or asks for something else shows here.
#[test]
fn the_permission_table_is_the_reviewed_one() {
    let mut lines: Vec<String> = table()
        .iter()
        .map(|route| {
            let asks = match route.asks {
                Asks::Nothing => "-".to_owned(),
                Asks::Login => "login".to_owned(),
                Asks::For(permission) => permission.to_string(),
            };
            let roles: Vec<&str> =
                Role::ALL.iter().filter(|role| expected(route, **role)).map(|role| role.code()).collect();
            let roles = if roles.len() == Role::ALL.len() { "all".to_owned() } else { roles.join(" ") };
            format!("{:4} {:52} {asks:18} {roles}", route.method.as_str(), route.path).trim_end().to_owned()
        })
        .collect();
    lines.sort();
    let found = lines.join("\n") + "\n";
    let reviewed = include_str!("permissions.txt");
    assert!(found == reviewed, "the table differs from permissions.txt; review it and write there:\n{found}");
}

#[test]
fn the_document_lists_every_api_route_and_no_other() {
    let document = serde_json::to_value(crate::openapi()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut documented = BTreeSet::new();
    let mut operation_ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            documented.insert(format!("{} {path}", method.to_uppercase()));
            assert!(
                operation_ids.insert(operation["operationId"].to_string()),
                "{method} {path}: its operation id is taken"
            );
            assert!(operation["x-permission"].is_string(), "{method} {path} does not say what it asks for");
        }
    }
    let routes: BTreeSet<String> =
        table().iter().filter(|route| route.is_api()).map(|route| format!("{} {}", route.method, route.path)).collect();
    assert_eq!(documented, routes);
}
