use guanjia_domain::{
    Error,
    calendar::{CalendarVersion, Calendars, WorkingCalendar},
    estate::STALE,
    ids::ProjectId,
};

use super::{fixture::*, on_both};

fn all_week() -> WorkingCalendar {
    WorkingCalendar {
        week: std::array::from_fn(|_| vec!["08:00-20:00".parse().unwrap()]),
        ..WorkingCalendar::default()
    }
}

on_both! {
    async fn a_project_has_its_own_calendar_or_the_companys(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let calendars = Calendars::new(fixture.store.clone());
        let project = Some(fixture.project.id);
        assert_eq!(calendars.of(project).await.unwrap(), CalendarVersion::default());
        let mut holiday = WorkingCalendar::default();
        holiday.days.insert(day("2025-05-01"), vec![]);
        calendars.set(&fixture.stamp, None, 0, holiday.clone()).await.unwrap();
        assert_eq!(calendars.of(project).await.unwrap().calendar, holiday);
        assert_eq!(calendars.set(&fixture.stamp, project, 0, all_week()).await.unwrap().version, 1);
        let again = calendars.set(&fixture.stamp, project, 1, holiday.clone()).await.unwrap();
        assert_eq!(calendars.of(project).await.unwrap(), again);
        assert_eq!(calendars.of(None).await.unwrap().version, 1, "the company's is another one");
        let versions: Vec<_> = calendars.versions(project).await.unwrap().into_iter().map(|kept| (kept.version, kept.calendar)).collect();
        assert_eq!(versions, [(2, holiday), (1, all_week())]);
        fixture.assert_consistent().await;
    }

    async fn a_calendar_is_written_over_the_one_that_was_seen(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let calendars = Calendars::new(fixture.store.clone());
        let set = |seen| calendars.set(&fixture.stamp, None, seen, all_week());
        assert!(matches!(set(1).await, Err(Error::Refused { code: STALE, .. })));
        let (left, right) = tokio::join!(set(0), set(0));
        assert!(left.is_ok() ^ right.is_ok(), "{left:?} {right:?}");
        assert!(matches!(left.and(right), Err(Error::Refused { code: STALE, .. })));
        let nobody = WorkingCalendar { week: Default::default(), ..all_week() };
        assert!(matches!(calendars.set(&fixture.stamp, None, 1, nobody).await, Err(Error::Invalid { .. })));
        let unknown = calendars.set(&fixture.stamp, Some(ProjectId::generate()), 0, all_week()).await;
        assert!(matches!(unknown, Err(Error::NotFound { .. })));
        let other = Fixture::named(&db.store, "other", 1).await;
        assert_eq!(other.store.calendar(None).await.unwrap(), None, "another company's is its own");
    }
}
