//! Threads for a pure crate's jobs.
//!
//! Separate, because pure crates start none. Invariant: all jobs are done when `run` returns; who did which hangs on chance,
//! and nothing else may.

use std::sync::Mutex;

use models::workers::Job;
use models::{Alone, Workers};

/// At most so many threads, started for each list of jobs.
#[derive(Debug, Clone, Copy)]
pub struct Threads(usize);

impl Threads {
    /// As many as asked for, or as the machine has processors.
    pub fn new(asked: Option<usize>) -> Self {
        let processors = || std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        Self(asked.unwrap_or_else(processors).max(1))
    }
}

impl Workers for Threads {
    fn run<'a>(&self, jobs: Vec<Job<'a>>) {
        if self.0 == 1 || jobs.len() < 2 {
            Alone.run(jobs);
            return;
        }
        let threads = self.0.min(jobs.len());
        let left = Mutex::new(jobs.into_iter());
        let work = || {
            loop {
                let next = left.lock().expect("taking a job does not panic").next();
                let Some(job) = next else { break };
                job();
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_done_once() {
        for threads in [1, 2, 7] {
            let mut done = vec![0; 100];
            let jobs = done.iter_mut().map(|place| Box::new(move || *place += 1) as Job<'_>);
            Threads::new(Some(threads)).run(jobs.collect());
            assert_eq!(done, [1; 100]);
        }
    }
}
