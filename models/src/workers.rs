//! Who does independent pieces of work: one after the other here, on threads where the shell brings some.
//!
//! Separate, because a pure crate starts no threads but must not keep a caller from having several. Invariant: whoever
//! hands out jobs must get the same result in whatever order and on whatever thread they run.

/// A piece of work that no other piece waits for.
pub type Job<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Whoever carries out jobs.
pub trait Workers: Sync {
    /// Carries out all jobs and returns when the last is done.
    fn run<'a>(&self, jobs: Vec<Job<'a>>);
}

/// The caller's own thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alone;

impl Workers for Alone {
    fn run<'a>(&self, jobs: Vec<Job<'a>>) {
        jobs.into_iter().for_each(|job| job());
    }
}
