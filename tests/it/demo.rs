//! The demonstration's dashboard: what somebody sees within a minute of `weir up --demo`.
//!
//! Separate from the server's own tests. Invariant: nothing is set but where it listens and where the data goes, so that it is what a
//! visitor starts.

use std::time::Duration;

use harness::browser;
use harness::up::Up;

use crate::staff::Staff;

/// Until when it is to be alive.
const ALIVE: Duration = Duration::from_secs(60);

#[test]
fn within_a_minute_a_demonstration_has_rates_decisions_and_a_queue() {
    let folder = tempfile::tempdir().expect("a folder");
    // What it takes to build it does not count.
    assert!(harness::weir::binary().exists());
    let watch = harness::clock::now();
    let up = Up::demo(&folder.path().join("data"), &[]);
    let mut staff = Staff::first(&up, &browser::first_link(&up), "Visitor");
    let (mut rates, mut queue) = (None, None);
    while rates.is_none() || queue.is_none() {
        assert!(watch.elapsed() < ALIVE, "rates {rates:?}, queue {queue:?}");
        if is_lively(&staff.get("/review/overview?span=1h")) {
            rates.get_or_insert(watch.elapsed());
        }
        if staff.get("/review/").matches("data-row").count() >= 3 {
            queue.get_or_insert(watch.elapsed());
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    eprintln!("measured: living rates after {rates:?}, cases to work after {queue:?}");
    assert_eq!(up.stop().0, 0);
}

/// Whether the overview tells of events and of decisions, with plots of both, and of nothing that is broken.
fn is_lively(page: &str) -> bool {
    let figure = |label: &str| {
        let rest = page.split_once(&format!("<dt>{label}</dt><dd>")).map_or("0", |(_, rest)| rest);
        let text = rest.split('<').next().unwrap_or_default().trim().replace('\u{202f}', "");
        text.parse::<u64>().unwrap_or(0)
    };
    figure("Events") > 100
        && figure("Enforced decisions") > 0
        && page.matches("<polyline").count() >= 3
        && !page.contains("badge bad")
}
