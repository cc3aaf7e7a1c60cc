//! A job that the command line does itself.

use guanjia_domain::{Error, Result, access::Stamp, job::Job};

use super::output;
use crate::{boot::Office, worker};

/// Does a job with a progress bar; Ctrl-C asks it to stop where it can be resumed, and `again` says how.
///
/// # Errors
/// Whatever stopped the job.
pub(super) async fn do_here(office: &Office, stamp: &Stamp, job: &Job, what: &'static str, again: &str) -> Result<()> {
    let bar = output::Bar::new(what);
    let work = worker::do_here(office, stamp, job, &bar);
    tokio::pin!(work);
    let result = tokio::select! {
        result = &mut work => result,
        _ = tokio::signal::ctrl_c() => {
            office.store.request_cancel(stamp, job.id).await?;
            work.await
        }
    };
    bar.done();
    if matches!(result, Err(Error::Cancelled)) {
        output::say(again);
    }
    result
}
