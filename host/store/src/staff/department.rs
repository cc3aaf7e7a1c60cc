//! Departments and the names of their kinds.

use guanjia_domain::{
    Error, Result,
    access::Stamp,
    ids::DepartmentId,
    staff::{DEPARTMENTS_MAX, Department, DepartmentAlias, Versioned, check_department, folded},
};
use serde_json::{Value as Json, json};

use super::{Told, new_version, read_all};
use crate::db::{Row, Scope};

fn read_department(row: &Row) -> Result<Versioned<Department>> {
    let mut cells = row.cells();
    let record = Department {
        id: cells.take()?,
        name: cells.take()?,
        kind: cells.take()?,
        parent_id: cells.take()?,
        closed_on: cells.take()?,
    };
    Ok(Versioned { record, version: cells.take()? })
}

impl Scope {
    pub(crate) async fn departments(&mut self) -> Result<Vec<Versioned<Department>>> {
        let statement = sql!(
            "SELECT id, name, kind, parent_id, closed_on, version FROM department WHERE company_id = $1 ORDER BY name, id"
        );
        read_all(&self.rows(statement, values![]).await?, read_department)
    }

    pub(crate) async fn department(&mut self, department: DepartmentId) -> Result<Versioned<Department>> {
        let statement = sql!(
            "SELECT id, name, kind, parent_id, closed_on, version FROM department WHERE company_id = $1 AND id = $2"
        );
        let row = self.row(statement, values![department]).await?;
        read_department(&row.ok_or_else(|| Error::not_found("department", department))?)
    }

    async fn all_departments(&mut self) -> Result<Vec<Department>> {
        Ok(self.departments().await?.into_iter().map(|department| department.record).collect())
    }

    pub(crate) async fn add_department(&mut self, stamp: &Stamp, department: &Department) -> Result<()> {
        self.take_turn().await?;
        let all = self.all_departments().await?;
        if all.len() >= DEPARTMENTS_MAX {
            return Err(Error::Conflict(format!("a company has {DEPARTMENTS_MAX} departments at most")));
        }
        check_department(department, &all)?;
        let statement = sql!(
            "INSERT INTO department (company_id, id, name, kind, parent_id, closed_on, version, created_at) ",
            "VALUES ($1, $2, $3, $4, $5, $6, 1, $7)"
        );
        let values = values![
            department.id,
            &department.name,
            &department.kind,
            department.parent_id,
            department.closed_on,
            stamp.at
        ];
        self.execute(statement, values).await?;
        self.tell_department(stamp, "department.add", "department.added", Json::Null, department).await
    }

    pub(crate) async fn change_department(&mut self, stamp: &Stamp, department: &Department, seen: i64) -> Result<i64> {
        self.take_turn().await?;
        let before = self.department(department.id).await?;
        check_department(department, &self.all_departments().await?)?;
        if let Some(closed_on) = department.closed_on {
            let used = sql!(
                "SELECT name FROM post WHERE company_id = $1 AND department_id = $2 AND (closed_on IS NULL OR closed_on > $3) ",
                "ORDER BY name LIMIT 1"
            );
            if let Some(row) = self.row(used, values![department.id, closed_on]).await? {
                let sentence = format!("the post {} goes on in it: close it first", row.only::<String>()?);
                return Err(Error::refused("department-in-use", sentence));
            }
        }
        let statement = sql!(
            "UPDATE department SET name = $4, kind = $5, parent_id = $6, closed_on = $7, version = version + 1 ",
            "WHERE company_id = $1 AND id = $2 AND version = $3 RETURNING version"
        );
        let values = values![
            department.id,
            seen,
            &department.name,
            &department.kind,
            department.parent_id,
            department.closed_on
        ];
        let version = new_version(self.row(statement, values).await?, "department")?;
        let before = json!(before.record);
        self.tell_department(stamp, "department.change", "department.changed", before, department).await?;
        Ok(version)
    }

    async fn tell_department(
        &mut self,
        stamp: &Stamp,
        action: &'static str,
        event: &'static str,
        before: Json,
        department: &Department,
    ) -> Result<()> {
        let told = Told {
            action,
            event,
            what: "department",
            id: department.id.to_string(),
            project: None,
            before,
            after: json!(department),
            payload: &json!({ "department": department.id, "kind": department.kind }),
        };
        self.note_change(stamp, told).await
    }

    pub(crate) async fn department_aliases(&mut self) -> Result<Vec<DepartmentAlias>> {
        let statement = sql!("SELECT kind, alias FROM department_alias WHERE company_id = $1 ORDER BY kind, alias");
        read_all(&self.rows(statement, values![]).await?, |row| {
            let mut cells = row.cells();
            Ok(DepartmentAlias { kind: cells.take()?, alias: cells.take()? })
        })
    }

    pub(crate) async fn add_department_alias(&mut self, stamp: &Stamp, alias: &DepartmentAlias) -> Result<()> {
        let statement = sql!(
            "INSERT INTO department_alias (company_id, alias, folded, kind, created_at) VALUES ($1, $2, $3, $4, $5)"
        );
        self.execute(statement, values![alias.alias.trim(), folded(&alias.alias), &alias.kind, stamp.at]).await?;
        self.tell_alias(stamp, "department-alias.add", "department-alias.added", Json::Null, json!(alias)).await
    }

    pub(crate) async fn remove_department_alias(&mut self, stamp: &Stamp, alias: &str) -> Result<()> {
        let statement =
            sql!("DELETE FROM department_alias WHERE company_id = $1 AND folded = $2 RETURNING kind, alias");
        let row = self.row(statement, values![folded(alias)]).await?;
        let row = row.ok_or_else(|| Error::not_found("department alias", alias))?;
        let mut cells = row.cells();
        let before = DepartmentAlias { kind: cells.take()?, alias: cells.take()? };
        self.tell_alias(stamp, "department-alias.remove", "department-alias.removed", json!(before), Json::Null).await
    }

    async fn tell_alias(
        &mut self,
        stamp: &Stamp,
        action: &'static str,
        event: &'static str,
        before: Json,
        after: Json,
    ) -> Result<()> {
        let payload = if after.is_null() { before.clone() } else { after.clone() };
        let id = payload["alias"].as_str().unwrap_or_default().to_owned();
        let told =
            Told { action, event, what: "department-alias", id, project: None, before, after, payload: &payload };
        self.note_change(stamp, told).await
    }
}
