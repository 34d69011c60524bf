//! What was in force, taken over without the records that put it there.
//!
//! Separate from checkpoints, which know everything: this is for an engine that has none. A standing as the wire says it knows
//! restrictions, their ends and who made them; past strikes, humans' words and answers to decisions before are gone. Invariants:
//! a standing never takes the place of a newer one; ends are told as if the engine had decided; the kill switch counts.

use schema::{ENFORCEMENT_KEY, Standing};

use super::Engine;

impl Engine {
    /// Puts in force what a standing says; whether it was news. Before the first record.
    pub fn adopt(&mut self, standing: &Standing) -> bool {
        if !self.standing.adopt(standing) {
            return false;
        }
        if standing.account == ENFORCEMENT_KEY {
            self.activations.note_switch(!standing.restrictions.is_empty());
        }
        true
    }
}
