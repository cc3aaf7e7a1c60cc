//! People who may log in.

use axum::{Json, http::StatusCode};
use guanjia_domain::access::{Role, User};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{List, Reply};
use crate::{
    access::{Require, needs::ManageUsers},
    fault::{Answer, Fault, Problem},
};

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserBody {
    pub id: Uuid,
    pub name: String,
    pub roles: Vec<String>,
    pub disabled: bool,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        let roles = user.roles.iter().map(ToString::to_string).collect();
        Self { id: user.id.0, name: user.name, roles, disabled: user.disabled }
    }
}

/// Lists the company's users.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", responses((status = 200, body = List<UserBody>)))]
pub(crate) async fn list_users(access: Require<ManageUsers>) -> Reply<List<UserBody>> {
    Ok(Json(List::whole(access.store.users().await?)))
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct NewUser {
    /// Login name, unique in the company.
    name: String,
    /// `admin`, `manager`, `finance`, `cashier`, `front-desk`, `steward`, `engineer`, `quality`.
    roles: Vec<String>,
    /// Without one the user cannot log in; API tokens work all the same.
    password: Option<String>,
}

/// A guesser needs years for eight characters that are not in a list.
const PASSWORD_CHARS_MIN: usize = 8;
/// Hashing longer ones would only cost time.
const PASSWORD_CHARS_MAX: usize = 256;

/// Adds a user.
#[utoipa::path(
    post, path = "/api/v1/users", tag = "users", request_body = NewUser,
    responses(
        (status = 201, body = UserBody),
        (status = 409, description = "the name is taken", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create_user(
    access: Require<ManageUsers>,
    Json(new): Json<NewUser>,
) -> Answer<(StatusCode, Json<UserBody>)> {
    let name = new.name.trim();
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Fault::malformed("a user needs a name"));
    }
    let roles: Vec<Role> = new.roles.iter().map(|role| role.parse()).collect::<guanjia_domain::Result<_>>()?;
    if new
        .password
        .as_ref()
        .is_some_and(|password| !(PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX).contains(&password.chars().count()))
    {
        return Err(Fault::malformed(format!(
            "a password has {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters"
        )));
    }
    let user = access.store.add_user(&access.stamp(), name, &roles, new.password.as_deref()).await?;
    Ok((StatusCode::CREATED, Json(user.into())))
}
