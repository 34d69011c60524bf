//! Ctrl-C: ends a run after the record at hand, so that nothing that was decided is lost.
//!
//! Separate, because signals are the one piece of global state. Invariant: the first signal asks, the second one kills.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};

/// Whether somebody wants the run to end.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens for Ctrl-C and for the system's request to end. Where it cannot listen, they kill as ever.
    pub fn listen() -> Self {
        let interrupt = Self::default();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the flag is looked at before it is set, so that only the second signal kills.
            let killed =
                signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&interrupt.0));
            if killed.is_err() || signal_hook::flag::register(signal, Arc::clone(&interrupt.0)).is_err() {
                break;
            }
        }
        interrupt
    }

    /// Whether it was asked for.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
