//! The store and the relation engine as others see them: events in, vectors and facts out.
//!
//! Separate from unit tests, which look inside. One binary, so that it links once. Invariant: only the public interface.

mod checkpoint;
mod facts;
mod feedback;
mod make;
mod state;
mod windows;
