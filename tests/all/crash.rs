//! Killed at any point and started again, the host ends where an undisturbed one ends: nothing lost, doubled or unbalanced.
//!
//! Goal: kills over import, preview and posting on both databases. Method: start the demo, kill it after a random time, start
//! it again on the same data, until it has been killed often enough; whenever it comes to its end, the figures must be the
//! undisturbed ones and every check must hold, and a fresh one begins.

use crate::host::Host;
use guanjia_harness::Kind;
use rstest::rstest;
use std::{
    io::Read,
    process::Stdio,
    time::{Duration, Instant},
};

/// Over both databases this makes 200.
const KILLS: u32 = 100;

/// A small generator of its own (xorshift), so that a failing sequence can be run again from its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn finished(host: &Host) {
    let summary = host.json(&["demo", "--no-serve"]);
    assert_eq!(
        (summary["charges"].as_i64(), summary["posted_fen"].as_i64()),
        (Some(852), Some(13_998_672)),
        "{summary}"
    );
    assert_eq!(summary["journal_sum_fen"], 0);
    host.assert_consistent();
}

#[rstest]
#[tokio::test]
async fn a_killed_host_goes_on_where_it_stopped(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ kind as u64);
    let mut host = Host::fresh(kind).await;
    let mut undisturbed = demo_takes(&host);
    finished(&host);
    host = Host::fresh(kind).await;
    let mut kills = 0;
    while kills < KILLS {
        // Kills fall anywhere within the fastest undisturbed run: a slow first one would let most others come to their end.
        let wait = Duration::from_micros(random.below(u64::try_from(undisturbed.as_micros()).unwrap()));
        if killed_after(&host, wait) {
            kills += 1;
            continue;
        }
        finished(&host);
        host = Host::fresh(kind).await;
        if kills % 10 == 0 {
            undisturbed = undisturbed.min(demo_takes(&host));
            host = Host::fresh(kind).await;
        }
    }
    finished(&host);
}

fn demo_takes(host: &Host) -> Duration {
    let started = Instant::now();
    host.json(&["demo", "--no-serve"]);
    started.elapsed()
}

/// Starts the demo and kills it after a time; `false` when it came to its end before.
fn killed_after(host: &Host, wait: Duration) -> bool {
    let mut child =
        host.command(&["demo", "--no-serve", "--json"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    while started.elapsed() < wait {
        if let Some(status) = child.try_wait().unwrap() {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            assert!(status.success(), "{status}: {said}");
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    true
}
