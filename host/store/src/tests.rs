//! The same suite on both databases.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]

mod access;
mod activation;
mod audit;
mod billing;
mod calendar;
mod estate;
mod fixture;
mod idempotency;
mod installation;
mod job;
mod journal;
mod plugin;
mod rerate;
mod schema;
mod server;
mod ticket;
mod trial;
mod trust;
mod watch;

/// One test that runs on SQLite and on PostgreSQL, each with a database of its own.
macro_rules! on_both {
    ($($(#[doc = $doc:literal])* async fn $name:ident($db:ident) $body:block)*) => {$(
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            $(#[doc = $doc])*
            async fn test($db: $crate::tests::server::TestDb) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                test($crate::tests::server::TestDb::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                test($crate::tests::server::TestDb::postgres().await).await;
            }
        }
    )*};
}
use on_both;
