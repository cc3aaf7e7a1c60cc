//! Files on records: kept once for a company, counted, removed by a mark.

use guanjia_domain::{
    Error,
    attachment::{Attachment, Attachments, FILES_MAX, TOO_MANY},
    entity::{Entity, RecordRef},
    ids::AttachmentId,
};

use super::{fixture::*, on_both};

const PDF: &[u8] = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n";

fn unit(fixture: &Fixture, number: usize) -> RecordRef {
    fixture.changes.units.insert[number].id.into()
}

async fn add(fixture: &Fixture, record: RecordRef, name: &str) -> guanjia_domain::Result<Attachment> {
    Attachments::new(fixture.store.clone()).add(&fixture.stamp, record, name, PDF.to_vec()).await
}

async fn files(db: &super::server::TestDb) -> i64 {
    let count = sql_unscoped!("counts the files of all companies in a test", "SELECT COUNT(*) FROM attachment_file");
    db.store.db.read().await.unwrap().row(count, values![]).await.unwrap().unwrap().only().unwrap()
}

on_both! {
    async fn a_file_is_kept_once_for_each_company(db) {
        let fixture = Fixture::new(&db.store, 2).await;
        let other = Fixture::named(&db.store, "other", 1).await;
        let first = add(&fixture, unit(&fixture, 0), "a.pdf").await.unwrap();
        let second = add(&fixture, unit(&fixture, 1), "../../b.pdf").await.unwrap();
        assert_eq!((first.digest.as_str(), files(&db).await), (second.digest.as_str(), 1));
        add(&other, unit(&other, 0), "c.pdf").await.unwrap();
        assert_eq!(files(&db).await, 2, "what another company has is its own");
        assert_eq!(fixture.store.attachment_bytes(second.id).await.unwrap(), PDF);
        let listed = fixture.store.attachments(unit(&fixture, 1)).await.unwrap();
        assert_eq!(listed.iter().map(|file| file.id).collect::<Vec<_>>(), [second.id]);
        assert_eq!(second.name, "../../b.pdf", "a name is data");
        let trail = fixture.store.audit(None, 1).await.unwrap().remove(0);
        assert_eq!((trail.action.as_str(), trail.after["digest"].as_str()), ("attachment.add", Some(second.digest.as_str())));
        assert!(!trail.after.to_string().contains("b.pdf"));
        // Another company's ids.
        for outcome in [
            other.store.attachments(unit(&fixture, 0)).await.map(|_| ()),
            other.store.attachment(first.id).await.map(|_| ()),
            other.store.attachment_bytes(first.id).await.map(|_| ()),
            other.store.remove_attachment(&other.stamp, first.id, "").await.map(|_| ()),
            add(&other, unit(&fixture, 0), "d.pdf").await.map(|_| ()),
            add(&fixture, RecordRef { entity: Entity::Ticket, id: first.record.id }, "d.pdf").await.map(|_| ()),
            add(&fixture, RecordRef { entity: Entity::Party, id: first.record.id }, "d.pdf").await.map(|_| ()),
        ] {
            assert!(matches!(outcome, Err(Error::NotFound { .. })), "{outcome:?}");
        }
        fixture.assert_consistent().await;
    }

    async fn removing_is_a_mark(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let file = add(&fixture, unit(&fixture, 0), "a.pdf").await.unwrap();
        let removed = fixture.store.remove_attachment(&fixture.stamp, file.id, "wrong unit").await.unwrap();
        assert_eq!(removed.removed.as_ref().map(|removal| removal.reason.as_str()), Some("wrong unit"));
        assert_eq!(fixture.store.attachment(file.id).await.unwrap().removed.unwrap().by, fixture.stamp.actor.name);
        assert_eq!(fixture.store.attachments(unit(&fixture, 0)).await.unwrap(), []);
        assert!(matches!(fixture.store.attachment_bytes(file.id).await, Err(Error::NotFound { .. })));
        let again = fixture.store.remove_attachment(&fixture.stamp, file.id, "").await;
        assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
        assert_eq!(fixture.store.audit(None, 1).await.unwrap()[0].action, "attachment.remove");
        assert!(matches!(fixture.store.attachment(AttachmentId::generate()).await, Err(Error::NotFound { .. })));
        fixture.assert_consistent().await;
    }

    async fn a_record_has_so_many_files_and_no_more(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let record = unit(&fixture, 0);
        let mut last = None;
        for number in 0..FILES_MAX {
            last = Some(add(&fixture, record, &format!("{number}.pdf")).await.unwrap());
        }
        let before = fixture.store.audit(None, 1).await.unwrap()[0].seq;
        let refused = add(&fixture, record, "more.pdf").await;
        assert!(matches!(refused, Err(Error::Refused { code: TOO_MANY, .. })), "{refused:?}");
        assert_eq!(fixture.store.audit(None, 1).await.unwrap()[0].seq, before, "what is refused leaves nothing");
        fixture.store.remove_attachment(&fixture.stamp, last.unwrap().id, "").await.unwrap();
        add(&fixture, record, "more.pdf").await.unwrap();
    }
}
