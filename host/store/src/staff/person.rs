//! People: in lists, by themselves, and when they leave.

use guanjia_domain::{
    Date, Error, Result,
    access::Stamp,
    ids::{ProjectId, StaffId, UserId},
    ports::{Page, PostName, StaffRow, StaffSearch},
    staff::{Skill, Span, Staff, Versioned, day_start},
};
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use uuid::Uuid;

use super::{PAGE_ROWS_MAX, Told, column, new_version, page_of, read_all};
use crate::{
    db::{Cells, Row, Scope},
    estate::{natural_key, read_cursor, search_pattern, write_cursor},
};

macro_rules! staff_columns {
    () => {
        concat!(
            "SELECT s.id, s.staff_no, s.name, s.phone, s.born_on, s.education, s.in_trade_since, s.joined_on, s.left_on, s.user_id, ",
            "s.version, s.sort_key FROM staff s "
        )
    };
}

/// The last figures of a phone number that the audit trail keeps: enough to tell two numbers apart.
const PHONE_FIGURES_KEPT: usize = 4;

fn read_staff(cells: &mut Cells<'_>) -> Result<Versioned<Staff>> {
    let record = Staff {
        id: cells.take()?,
        staff_no: cells.take()?,
        name: cells.take()?,
        phone: cells.take()?,
        born_on: cells.take()?,
        education: cells.take()?,
        in_trade_since: cells.take()?,
        joined_on: cells.take()?,
        left_on: cells.take()?,
        user_id: cells.take()?,
    };
    Ok(Versioned { record, version: cells.take()? })
}

/// What the audit trail keeps of somebody: it is never deleted, and holds no more of a person than is needed to follow a change.
fn kept(staff: &Staff) -> Json {
    let phone = staff.phone.as_deref().map(|phone| {
        let figures: Vec<char> = phone.chars().collect();
        let last = figures.len().saturating_sub(PHONE_FIGURES_KEPT);
        format!("…{}", figures[last..].iter().collect::<String>())
    });
    let mut kept = json!(staff);
    kept["phone"] = json!(phone);
    if let Some(fields) = kept.as_object_mut() {
        fields.remove("born_on");
    }
    kept
}

impl Scope {
    pub(crate) async fn staff_member(&mut self, staff: StaffId) -> Result<Versioned<Staff>> {
        let row = self.row(sql!(staff_columns!(), "WHERE s.company_id = $1 AND s.id = $2"), values![staff]).await?;
        read_staff(&mut row.ok_or_else(|| Error::not_found("staff", staff))?.cells())
    }

    pub(crate) async fn staff_by_no(&mut self, staff_no: &str) -> Result<Option<Versioned<Staff>>> {
        let statement = sql!(staff_columns!(), "WHERE s.company_id = $1 AND s.staff_no = $2");
        self.row(statement, values![staff_no]).await?.map(|row| read_staff(&mut row.cells())).transpose()
    }

    pub(crate) async fn staff_page(
        &mut self,
        search: &StaffSearch,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<StaffRow>> {
        let limit = limit.clamp(1, PAGE_ROWS_MAX);
        let (after_key, after) = cursor.map_or(Ok((String::new(), Uuid::nil())), read_cursor)?;
        let by_post = search.department_id.is_some() || search.post_id.is_some() || search.project_id.is_some();
        let statement = sql!(
            staff_columns!(),
            "WHERE s.company_id = $1 AND (s.sort_key, s.id) > ($2, $3) ",
            "AND ($4 = '' OR LOWER(s.name) LIKE $4 ESCAPE '\\' OR LOWER(s.staff_no) LIKE $4 ESCAPE '\\' ",
            "OR ($5 AND s.phone LIKE $4 ESCAPE '\\')) ",
            "AND ($6 IS NULL OR (s.joined_on <= $6 AND (s.left_on IS NULL OR s.left_on > $6))) ",
            "AND (NOT $7 OR EXISTS (SELECT 1 FROM post_assignment a JOIN post p ON p.id = a.post_id WHERE a.staff_id = s.id ",
            "AND ($6 IS NULL OR (a.starts_on <= $6 AND (a.ends_on IS NULL OR a.ends_on > $6))) ",
            "AND ($8 IS NULL OR p.department_id = $8) AND ($9 IS NULL OR a.post_id = $9) ",
            "AND ($10 IS NULL OR a.project_id IS NULL OR a.project_id = $10))) ",
            "AND ($11 IS NULL OR EXISTS (SELECT 1 FROM staff_skill k WHERE k.staff_id = s.id AND k.code = $11)) ",
            "ORDER BY s.sort_key, s.id LIMIT $12"
        );
        let values = values![
            after_key,
            after,
            search_pattern(&search.text),
            search.personal_data,
            search.day,
            by_post,
            search.department_id,
            search.post_id,
            search.project_id,
            &search.skill,
            limit + 1
        ];
        let rows = self.rows(statement, values).await?;
        let people = read_all(&rows, |row| {
            let mut cells = row.cells();
            Ok((read_staff(&mut cells)?, cells.take::<String>()?))
        })?;
        let page = page_of(people, limit, |(person, key)| write_cursor(key, person.record.id.0));
        let ids: Vec<_> = page.items.iter().map(|(person, _)| person.record.id.0).collect();
        let mut posts = match search.day {
            Some(day) => self.post_names(&ids, day).await?,
            None => HashMap::new(),
        };
        let row = |(person, _): (Versioned<Staff>, String)| StaffRow {
            posts: posts.remove(&person.record.id).unwrap_or_default(),
            staff: person.record,
            version: person.version,
        };
        Ok(Page { items: page.items.into_iter().map(row).collect(), next: page.next })
    }

    /// What each of these people holds on a day, primary first.
    async fn post_names(&mut self, staff: &[Uuid], day: Date) -> Result<HashMap<StaffId, Vec<PostName>>> {
        let statement = sql!(
            "SELECT a.staff_id, p.name, j.name, a.starts_on, a.ends_on FROM post_assignment a JOIN post p ON p.id = a.post_id ",
            "LEFT JOIN project j ON j.id = a.project_id WHERE a.company_id = $1 AND a.staff_id IN ({list}) ",
            "ORDER BY a.is_primary DESC, a.starts_on, a.id"
        );
        let mut names: HashMap<StaffId, Vec<PostName>> = HashMap::new();
        for row in self.rows_of(statement, staff).await? {
            let mut cells = row.cells();
            let staff: StaffId = cells.take()?;
            let name = PostName { post: cells.take()?, project: cells.take()? };
            if Span::new(cells.take()?, cells.take()?).contains(day) {
                names.entry(staff).or_default().push(name);
            }
        }
        Ok(names)
    }

    /// # Errors
    /// `NotFound` for a login that is unknown or another company's.
    async fn require_user(&mut self, user: Option<UserId>) -> Result<()> {
        let Some(user) = user else { return Ok(()) };
        let row = self.row(sql!("SELECT id FROM app_user WHERE company_id = $1 AND id = $2"), values![user]).await?;
        row.map(|_| ()).ok_or_else(|| Error::not_found("user", user))
    }

    pub(crate) async fn add_person(&mut self, stamp: &Stamp, staff: &Staff) -> Result<()> {
        self.require_user(staff.user_id).await?;
        let statement = sql!(
            "INSERT INTO staff (company_id, id, staff_no, sort_key, name, phone, born_on, education, in_trade_since, joined_on, ",
            "left_on, user_id, version, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13)"
        );
        let values = values![
            staff.id,
            &staff.staff_no,
            natural_key(&staff.staff_no),
            &staff.name,
            &staff.phone,
            staff.born_on,
            &staff.education,
            staff.in_trade_since,
            staff.joined_on,
            staff.left_on,
            staff.user_id,
            stamp.at
        ];
        self.execute(statement, values).await?;
        self.tell_staff(stamp, "staff.add", "staff.added", staff.id, Json::Null, kept(staff)).await
    }

    pub(crate) async fn change_staff(&mut self, stamp: &Stamp, staff: &Staff, seen: i64) -> Result<i64> {
        self.take_turn().await?;
        let before = self.staff_member(staff.id).await?.record;
        if staff.left_on != before.left_on {
            return Err(Error::Conflict("that somebody leaves is told by itself".into()));
        }
        self.require_user(staff.user_id).await?;
        let held = sql!(
            "SELECT 1 FROM post_assignment WHERE company_id = $1 AND staff_id = $2 AND starts_on < $3 ",
            "UNION ALL SELECT 1 FROM service_area_steward WHERE company_id = $1 AND staff_id = $2 AND starts_on < $3"
        );
        if staff.joined_on > before.joined_on && self.row(held, values![staff.id, staff.joined_on]).await?.is_some() {
            let sentence = "a post or an area is theirs before that day: change it first";
            return Err(Error::refused("in-use-before", sentence));
        }
        let statement = sql!(
            "UPDATE staff SET staff_no = $4, sort_key = $5, name = $6, phone = $7, born_on = $8, education = $9, ",
            "in_trade_since = $10, joined_on = $11, user_id = $12, version = version + 1 ",
            "WHERE company_id = $1 AND id = $2 AND version = $3 RETURNING version"
        );
        let values = values![
            staff.id,
            seen,
            &staff.staff_no,
            natural_key(&staff.staff_no),
            &staff.name,
            &staff.phone,
            staff.born_on,
            &staff.education,
            staff.in_trade_since,
            staff.joined_on,
            staff.user_id
        ];
        let version = new_version(self.row(statement, values).await?, "person")?;
        self.tell_staff(stamp, "staff.change", "staff.changed", staff.id, kept(&before), kept(staff)).await?;
        Ok(version)
    }

    pub(crate) async fn end_employment(
        &mut self,
        stamp: &Stamp,
        staff: StaffId,
        left_on: Date,
        seen: i64,
    ) -> Result<i64> {
        self.take_turn().await?;
        let before = self.staff_member(staff).await?.record;
        if let Some(left) = before.left_on {
            return Err(Error::refused("left-already", format!("{} leaves on {left} already", before.name)));
        }
        let statement = sql!(
            "UPDATE staff SET left_on = $4, version = version + 1 WHERE company_id = $1 AND id = $2 AND version = $3 ",
            "RETURNING version"
        );
        let version = new_version(self.row(statement, values![staff, seen, left_on]).await?, "person")?;
        let assignments = self.end_assignments(staff, left_on).await?;
        let areas = self.end_stewardships(staff, left_on).await?;
        let shifts = self.drop_shifts(staff, left_on).await?;
        let ended = json!({
            "left_on": left_on, "assignments": assignments, "service_areas": areas, "shifts": shifts,
        });
        self.tell_staff(stamp, "staff.leave", "staff.left", staff, json!({ "left_on": before.left_on }), ended).await?;
        Ok(version)
    }

    /// How many ended earlier than they would have, or never began.
    async fn end_assignments(&mut self, staff: StaffId, left_on: Date) -> Result<u64> {
        let never = sql!("DELETE FROM post_assignment WHERE company_id = $1 AND staff_id = $2 AND starts_on >= $3");
        let ended = sql!(
            "UPDATE post_assignment SET ends_on = $3, version = version + 1 WHERE company_id = $1 AND staff_id = $2 ",
            "AND (ends_on IS NULL OR ends_on > $3)"
        );
        Ok(self.execute(never, values![staff, left_on]).await? + self.execute(ended, values![staff, left_on]).await?)
    }

    async fn end_stewardships(&mut self, staff: StaffId, left_on: Date) -> Result<u64> {
        let never =
            sql!("DELETE FROM service_area_steward WHERE company_id = $1 AND staff_id = $2 AND starts_on >= $3");
        let ended = sql!(
            "UPDATE service_area_steward SET ends_on = $3 WHERE company_id = $1 AND staff_id = $2 ",
            "AND (ends_on IS NULL OR ends_on > $3)"
        );
        Ok(self.execute(never, values![staff, left_on]).await? + self.execute(ended, values![staff, left_on]).await?)
    }

    /// Takes shifts off that start on the day of leaving or later, each where its project is.
    async fn drop_shifts(&mut self, staff: StaffId, left_on: Date) -> Result<u64> {
        let projects = sql!("SELECT DISTINCT project_id FROM shift WHERE company_id = $1 AND staff_id = $2");
        let projects: Vec<ProjectId> = column(&self.rows(projects, values![staff]).await?)?;
        let mut dropped = 0;
        for project in projects {
            let midnight = day_start(&self.require_project(project).await?, left_on)?;
            let statement = sql!(
                "DELETE FROM shift WHERE company_id = $1 AND staff_id = $2 AND project_id = $3 AND starts_at >= $4"
            );
            dropped += self.execute(statement, values![staff, project, midnight]).await?;
        }
        Ok(dropped)
    }

    pub(crate) async fn skills(&mut self, staff: StaffId) -> Result<Vec<Skill>> {
        self.staff_member(staff).await?;
        let statement =
            sql!("SELECT code, level FROM staff_skill WHERE company_id = $1 AND staff_id = $2 ORDER BY code");
        read_all(&self.rows(statement, values![staff]).await?, read_skill)
    }

    pub(crate) async fn set_skills(
        &mut self,
        stamp: &Stamp,
        staff: StaffId,
        skills: &[Skill],
        seen: i64,
    ) -> Result<i64> {
        self.take_turn().await?;
        let before = self.skills(staff).await?;
        let statement = sql!(
            "UPDATE staff SET version = version + 1 WHERE company_id = $1 AND id = $2 AND version = $3 RETURNING version"
        );
        let version = new_version(self.row(statement, values![staff, seen]).await?, "person")?;
        self.execute(sql!("DELETE FROM staff_skill WHERE company_id = $1 AND staff_id = $2"), values![staff]).await?;
        for skill in skills {
            let statement = sql!(
                "INSERT INTO staff_skill (company_id, staff_id, code, level, created_at) VALUES ($1, $2, $3, $4, $5)"
            );
            self.execute(statement, values![staff, &skill.code, skill.level, stamp.at]).await?;
        }
        self.tell_staff(stamp, "staff.skills", "staff.changed", staff, json!(before), json!(skills)).await?;
        Ok(version)
    }

    async fn tell_staff(
        &mut self,
        stamp: &Stamp,
        action: &'static str,
        event: &'static str,
        staff: StaffId,
        before: Json,
        after: Json,
    ) -> Result<()> {
        let told = Told {
            action,
            event,
            what: "staff",
            id: staff.to_string(),
            project: None,
            before,
            after,
            payload: &json!({ "staff": staff }),
        };
        self.note_change(stamp, told).await
    }
}

pub(super) fn read_skill(row: &Row) -> Result<Skill> {
    let mut cells = row.cells();
    Ok(Skill { code: cells.take()?, level: cells.take()? })
}
