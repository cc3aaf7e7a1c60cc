//! `guanjia user`, `token`, `schedule` and `check`.

use clap::Subcommand;
use guanjia_domain::{
    Error, Result,
    access::{Permission, Role},
    ids::ScheduleId,
    job,
    plugin::Language,
    ports::TokenPurpose,
};
use serde_json::json;

use super::{
    Done, Global,
    output::{self, in_words, pick},
};

#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Add a person.
    Add {
        name: String,
        /// One of admin, manager, finance, cashier, front-desk, steward, engineer, quality; may be given more than once.
        #[arg(long, required = true, value_name = "ROLE")]
        role: Vec<Role>,
        /// Password for the console, read from this environment variable rather than from the command line.
        #[arg(long, value_name = "VARIABLE")]
        password_env: Option<String>,
    },
    /// Everybody with their roles.
    List,
}

impl User {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        let office = global.office().await?;
        let stamp = office.stamp(global.acting.as_deref(), "cli").await?;
        stamp.actor.require(Permission::ManageUsers)?;
        let language = global.language(Language::En);
        match self {
            User::Add { name, role, password_env } => {
                let password = match password_env {
                    Some(variable) => Some(
                        std::env::var(variable)
                            .map_err(|_| Error::invalid(format!("the environment has no variable {variable}")))?,
                    ),
                    None => None,
                };
                let user = office.store.add_user(&stamp, name, role, password.as_deref()).await?;
                if global.json {
                    output::line(&json!(user));
                } else {
                    output::text(&format!("{} {}", user.name, user.id));
                }
            }
            User::List => {
                for user in office.store.users().await? {
                    if global.json {
                        output::line(&json!(user));
                    } else {
                        let roles: Vec<_> =
                            user.roles.iter().map(|role| in_words(language, "role", role.code())).collect();
                        output::text(&format!("{}  {}", user.name, roles.join(" ")));
                    }
                }
            }
        }
        Ok(Done::Well)
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Token {
    /// Make an API token. It is shown once.
    Create {
        #[arg(long, value_name = "NAME")]
        user: String,
    },
}

impl Token {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        let Token::Create { user } = self;
        let office = global.office().await?;
        let stamp = office.stamp(global.acting.as_deref(), "cli").await?;
        let owner = office.store.actor(user).await?.ok_or_else(|| Error::not_found("user", user))?;
        if owner.user_id != stamp.actor.user_id {
            stamp.actor.require(Permission::ManageUsers)?;
        }
        let token = office.store.issue_token(&stamp, owner.user_id, TokenPurpose::Api, None).await?;
        if global.json {
            output::line(&json!({ "token": token }))
        } else {
            output::text(&token)
        }
        Ok(Done::Well)
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Schedule {
    /// Preview the running month of a project by itself.
    Add {
        #[arg(long, value_name = "NAME")]
        project: String,
        /// Minute, hour, day of month, month, day of week, in the project's time zone.
        #[arg(long, default_value = "0 2 1 * *")]
        cron: String,
    },
    List,
    /// Stop a schedule.
    Disable {
        schedule: ScheduleId,
    },
    /// Start it again.
    Enable {
        schedule: ScheduleId,
    },
}

impl Schedule {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        let office = global.office().await?;
        let stamp = office.stamp(global.acting.as_deref(), "cli").await?;
        stamp.actor.require(Permission::PreviewCharges)?;
        match self {
            Schedule::Add { project, cron } => {
                let project = output::project(&office, project).await?;
                let next_at = job::Schedule::next_after(cron, &project.time_zone, stamp.at)?;
                let schedule = job::Schedule {
                    id: ScheduleId::generate(),
                    work: job::Scheduled::PreviewMonth { project_id: project.id },
                    cron: cron.clone(),
                    time_zone: project.time_zone,
                    enabled: true,
                    next_at,
                };
                office.store.add_schedule(&stamp, &schedule).await?;
                print_schedule(&schedule, global.json);
            }
            Schedule::List => {
                for schedule in office.store.schedules().await? {
                    print_schedule(&schedule, global.json);
                }
            }
            Schedule::Disable { schedule } => office.store.set_schedule_enabled(&stamp, *schedule, false).await?,
            Schedule::Enable { schedule } => office.store.set_schedule_enabled(&stamp, *schedule, true).await?,
        }
        Ok(Done::Well)
    }
}

fn print_schedule(schedule: &job::Schedule, json: bool) {
    if json {
        output::line(&json!(schedule));
    } else {
        let state = if schedule.enabled { "on" } else { "off" };
        output::text(&format!(
            "{}  {}  {}  {}  next {}  {state}",
            schedule.id,
            schedule.work.code(),
            schedule.cron,
            schedule.time_zone,
            schedule.next_at
        ));
    }
}

/// `guanjia check`: says what it looked at and what it found.
pub(super) async fn check(global: &Global) -> Result<Done> {
    let office = global.office().await?;
    let checks = office.store.check().await?;
    let ok = checks.iter().all(|check| check.ok);
    if global.json {
        output::line(&json!({ "ok": ok, "checks": checks }));
    } else {
        let language = global.language(Language::En);
        for check in &checks {
            let state = if check.ok { pick(language, "正常", "ok ") } else { pick(language, "异常", "BAD") };
            output::text(&format!("{state}  {}: {}", in_words(language, "check", &check.name), check.detail));
        }
    }
    Ok(if ok { Done::Well } else { Done::Badly })
}
