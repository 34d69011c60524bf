//! What an engine counts, for the closing summary and for alarms.
//!
//! Separate, so that a reader sees every counter in one place. Invariant: labels are closed words or names of the policy.

use std::collections::BTreeMap;

use schema::{Action, Decision, Mode};

/// Counters since the engine began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Records taken, whatever became of them.
    pub records: u64,
    /// Records refused.
    pub rejected: u64,
    /// Records whose id came before.
    pub duplicates: u64,
    /// Events older than one already applied to their account.
    pub late: u64,
    /// Times that the model ran.
    pub model_runs: u64,
    /// Facts about shared entities fed back.
    pub entity_facts: u64,
    /// Facts and proposals from the log that were heard before.
    pub facts_passed_over: u64,
    /// Accounts in memory.
    pub accounts: u64,
    /// Accounts whose features were evicted to make room.
    pub evicted: u64,
    /// Accounts in the standing table.
    pub standings: u64,
    /// Restrictions refused because the standing table was full: an alarm if not 0.
    pub standings_refused: u64,
    /// Bans that a budget turned into rate limits: an alarm if not 0.
    pub bans_braked: u64,
    /// Bans that became rate limits and a case for want of a second kind of evidence.
    pub bans_without_evidence: u64,
    /// Blocklist entries that were confirmed.
    pub blocklist_hits: u64,
    /// Challenge results, appeals and verdicts about decisions that are not in force.
    pub answers_passed_over: u64,
    /// Activations carried out.
    pub activations: u64,
    /// Activations whose control id came before.
    pub activations_repeated: u64,
    /// Ends of restrictions told.
    pub ends_told: u64,
    /// Decisions by mode, action and code of the leading reason.
    pub decisions: BTreeMap<(Mode, Action, String), u64>,
    /// Bytes of features held, by the store's own count.
    pub memory_bytes: u64,
}

impl Stats {
    /// What a checkpoint keeps: every counter that the engine itself counts up.
    pub(super) fn numbers(&mut self) -> [&mut u64; 13] {
        let Self {
            records,
            rejected,
            duplicates,
            late,
            model_runs,
            entity_facts,
            facts_passed_over,
            bans_without_evidence,
            blocklist_hits,
            answers_passed_over,
            activations,
            activations_repeated,
            ends_told,
            // Read from the tables whenever they are asked for.
            accounts: _,
            evicted: _,
            standings: _,
            standings_refused: _,
            bans_braked: _,
            memory_bytes: _,
            decisions: _,
        } = self;
        [
            records,
            rejected,
            duplicates,
            late,
            model_runs,
            entity_facts,
            facts_passed_over,
            bans_without_evidence,
            blocklist_hits,
            answers_passed_over,
            activations,
            activations_repeated,
            ends_told,
        ]
    }

    pub(super) fn count(&mut self, decision: &Decision) {
        let code = decision.reasons.first().map_or(String::new(), |r| r.code.clone());
        *self.decisions.entry((decision.mode, decision.action, code)).or_default() += 1;
    }
}
