//! Posts and who answers for them.

use guanjia_domain::{
    Date, Error, Result,
    access::Stamp,
    ids::{PostId, ProjectId},
    staff::{Answerable, Holder, POSTS_MAX, Post, Versioned, check_post, check_post_department, who_answers},
};
use serde_json::{Value as Json, json};

use super::{Told, new_version, read_all};
use crate::db::{Row, Scope};

macro_rules! post_rows {
    () => {
        concat!(
            "SELECT id, name, kind, department_id, level, duties, line_superior_id, functional_superior_id, optional, stand_in_id, ",
            "closed_on, version FROM post "
        )
    };
}

fn read_post(row: &Row) -> Result<Versioned<Post>> {
    let mut cells = row.cells();
    let record = Post {
        id: cells.take()?,
        name: cells.take()?,
        kind: cells.take()?,
        department_id: cells.take()?,
        level: cells.take()?,
        duties: cells.take()?,
        line_superior_id: cells.take()?,
        functional_superior_id: cells.take()?,
        optional: cells.take()?,
        stand_in_id: cells.take()?,
        closed_on: cells.take()?,
    };
    Ok(Versioned { record, version: cells.take()? })
}

impl Scope {
    pub(crate) async fn posts(&mut self) -> Result<Vec<Versioned<Post>>> {
        let statement = sql!(post_rows!(), "WHERE company_id = $1 ORDER BY name, id");
        let mut posts = read_all(&self.rows(statement, values![]).await?, read_post)?;
        // Stable: posts of one level stay in the order of their names.
        posts.sort_by_key(|post| std::cmp::Reverse(post.record.level));
        Ok(posts)
    }

    pub(crate) async fn post(&mut self, post: PostId) -> Result<Versioned<Post>> {
        let row = self.row(sql!(post_rows!(), "WHERE company_id = $1 AND id = $2"), values![post]).await?;
        read_post(&row.ok_or_else(|| Error::not_found("post", post))?)
    }

    async fn all_posts(&mut self) -> Result<Vec<Post>> {
        Ok(self.posts().await?.into_iter().map(|post| post.record).collect())
    }

    async fn check_post(&mut self, post: &Post, all: &[Post]) -> Result<()> {
        check_post(post, all)?;
        let department = self.department(post.department_id).await?.record;
        check_post_department(post, &department)
    }

    pub(crate) async fn add_post(&mut self, stamp: &Stamp, post: &Post) -> Result<()> {
        self.take_turn().await?;
        let all = self.all_posts().await?;
        if all.len() >= POSTS_MAX {
            return Err(Error::Conflict(format!("a company has {POSTS_MAX} posts at most")));
        }
        self.check_post(post, &all).await?;
        let statement = sql!(
            "INSERT INTO post (company_id, id, name, kind, department_id, level, duties, line_superior_id, functional_superior_id, ",
            "optional, stand_in_id, closed_on, version, created_at) ",
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13)"
        );
        let values = values![
            post.id,
            &post.name,
            &post.kind,
            post.department_id,
            post.level,
            &post.duties,
            post.line_superior_id,
            post.functional_superior_id,
            post.optional,
            post.stand_in_id,
            post.closed_on,
            stamp.at
        ];
        self.execute(statement, values).await?;
        self.tell_post(stamp, "post.add", "post.added", Json::Null, post).await
    }

    pub(crate) async fn change_post(&mut self, stamp: &Stamp, post: &Post, seen: i64) -> Result<i64> {
        self.take_turn().await?;
        let before = self.post(post.id).await?;
        let all = self.all_posts().await?;
        self.check_post(post, &all).await?;
        if let Some(closed_on) = post.closed_on {
            let held = sql!(
                "SELECT s.name FROM post_assignment a JOIN staff s ON s.id = a.staff_id ",
                "WHERE a.company_id = $1 AND a.post_id = $2 AND (a.ends_on IS NULL OR a.ends_on > $3) LIMIT 1"
            );
            if let Some(row) = self.row(held, values![post.id, closed_on]).await? {
                let sentence = format!("{} holds it after that day: end the assignment first", row.only::<String>()?);
                return Err(Error::refused("post-in-use", sentence));
            }
        }
        let statement = sql!(
            "UPDATE post SET name = $4, kind = $5, department_id = $6, level = $7, duties = $8, line_superior_id = $9, ",
            "functional_superior_id = $10, optional = $11, stand_in_id = $12, closed_on = $13, version = version + 1 ",
            "WHERE company_id = $1 AND id = $2 AND version = $3 RETURNING version"
        );
        let values = values![
            post.id,
            seen,
            &post.name,
            &post.kind,
            post.department_id,
            post.level,
            &post.duties,
            post.line_superior_id,
            post.functional_superior_id,
            post.optional,
            post.stand_in_id,
            post.closed_on
        ];
        let version = new_version(self.row(statement, values).await?, "post")?;
        self.tell_post(stamp, "post.change", "post.changed", json!(before.record), post).await?;
        Ok(version)
    }

    async fn tell_post(
        &mut self,
        stamp: &Stamp,
        action: &'static str,
        event: &'static str,
        before: Json,
        post: &Post,
    ) -> Result<()> {
        let told = Told {
            action,
            event,
            what: "post",
            id: post.id.to_string(),
            project: None,
            before,
            after: json!(post),
            payload: &json!({ "post": post.id, "kind": post.kind, "department": post.department_id }),
        };
        self.note_change(stamp, told).await
    }

    pub(crate) async fn answerable(
        &mut self,
        post: PostId,
        project: Option<ProjectId>,
        day: Date,
    ) -> Result<Answerable> {
        self.post(post).await?;
        if let Some(project) = project {
            self.require_project(project).await?;
        }
        let posts = self.all_posts().await?;
        let statement = sql!(
            "SELECT post_id, staff_id, project_id FROM post_assignment WHERE company_id = $1 AND starts_on <= $2 ",
            "AND (ends_on IS NULL OR ends_on > $2) AND (project_id IS NULL OR project_id = $3) ORDER BY is_primary DESC, id"
        );
        let holders = read_all(&self.rows(statement, values![day, project]).await?, |row| {
            let mut cells = row.cells();
            Ok(Holder { post_id: cells.take()?, staff_id: cells.take()?, project_id: cells.take()? })
        })?;
        Ok(who_answers(post, project, &posts, &holders))
    }
}
