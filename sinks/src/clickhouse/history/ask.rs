//! Asking ClickHouse, for a while.
//!
//! Separate from what is asked. Invariants: nobody waits longer than was agreed, and nobody waits for each of many questions: a server
//! that did not answer in time is left alone for a moment; questions about one account, which pages need at once, give up sooner and
//! keep the others from nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use schema::history::{HistoryError, Told};
use serde_json::{Map, Value};

use super::{Error, History, failed, told};

/// How long a server that did not answer in time is not asked again: a page asks many questions.
const REST: Duration = Duration::from_secs(5);

/// How long a kind of question waits, and whether it is asked at all.
pub(super) struct Patience {
    wait: Duration,
    /// It was not answered in time a moment ago.
    rests: Arc<AtomicBool>,
}

impl Patience {
    /// So long.
    pub(super) fn of(wait: Duration) -> Self {
        Self { wait, rests: Arc::default() }
    }
}

impl History {
    /// The answer as JSON objects, one a row.
    pub(in crate::clickhouse) fn ask(&self, sql: &str, values: &[&str]) -> Told<Vec<Map<String, Value>>> {
        self.asked(&self.late, sql, values)
    }

    /// The same, to a question about one account.
    pub(super) fn ask_soon(&self, sql: &str, values: &[&str]) -> Told<Vec<Map<String, Value>>> {
        if self.late.rests.load(Ordering::Relaxed) {
            return Err(late());
        }
        self.asked(&self.soon, sql, values)
    }

    fn asked(&self, patience: &Patience, sql: &str, values: &[&str]) -> Told<Vec<Map<String, Value>>> {
        let Patience { wait, rests } = patience;
        if rests.load(Ordering::Relaxed) {
            return Err(late());
        }
        let ask = async {
            let mut query = self.client.query(sql);
            for value in values {
                query = query.bind(*value);
            }
            let mut lines = query.fetch_bytes("JSONEachRow")?;
            lines.collect().await.map_err(Error::from)
        };
        let answer = self.runtime.block_on(async { tokio::time::timeout(*wait, ask).await });
        let Ok(answer) = answer else {
            rests.store(true, Ordering::Relaxed);
            let rests = Arc::clone(rests);
            self.runtime.spawn(async move {
                tokio::time::sleep(REST).await;
                rests.store(false, Ordering::Relaxed);
            });
            return Err(late());
        };
        let answer = answer.map_err(|error| told(&error))?;
        let lines = answer.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).map_err(failed)).collect()
    }
}

fn late() -> HistoryError {
    HistoryError::Unavailable("ClickHouse did not answer in time".to_owned())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::atomic::AtomicUsize;

    use schema::history::{History as _, Span};

    use super::super::super::client::Server;
    use super::*;

    #[test]
    fn a_server_that_is_frozen_is_waited_for_once_and_then_left_alone_for_a_while() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        // It accepts, reads nothing and says nothing.
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                counted.fetch_add(1, Ordering::Relaxed);
                held.push(stream);
            }
        });
        let server =
            Server { url, database: "weir".to_owned(), user: String::new(), password: String::new() };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let late = Patience::of(Duration::from_millis(200));
        let history = History { late, ..History::new(&server, runtime.handle().clone()) };
        let history = history.for_pages(Duration::from_millis(50));
        let span = Span { from: 0, to: 1 };
        for _ in 0..50 {
            assert!(matches!(history.decisions("a", span, 1), Err(HistoryError::Unavailable(_))));
        }
        // A page about an account did not wait for long: what may take longer is asked all the same.
        for _ in 0..50 {
            assert!(matches!(history.freshness(), Err(HistoryError::Unavailable(_))));
        }
        assert_eq!(calls.load(Ordering::Relaxed), 2, "nobody waits for each of many questions");
        history.soon.rests.store(false, Ordering::Relaxed);
        assert!(matches!(history.decisions("a", span, 1), Err(HistoryError::Unavailable(_))));
        assert_eq!(
            calls.load(Ordering::Relaxed),
            2,
            "who does not answer in a long time does not in a short one"
        );
    }
}
