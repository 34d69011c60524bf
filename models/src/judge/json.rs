//! The report as JSON for machines.
//!
//! Separate, and built by hand: the report is output of a command, not a contract, so it has no serialisable types.
//! Invariant: a number that does not exist (NaN) is null.

use serde_json::{Value, json};

use super::report::{Listed, Messages, PersonaRow, Report, Side};
use super::stats::Share;
use crate::measure::Quality;

impl Report {
    /// One JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        let precision: Vec<Value> = (self.precision.iter())
            .map(|one| {
                json!({
                    "base_rate": one.base_rate, "level": one.level.word(),
                    "of": if one.user_days { "user_days" } else { "accounts" },
                    "value": one.value, "low": one.low, "high": one.high,
                })
            })
            .collect();
        let value = json!({
            "events": self.events,
            "events_without_truth": self.events_without_truth,
            "decisions": self.decisions,
            "decisions_without_truth": self.decisions_without_truth,
            "decisions_shadow": self.shadow,
            "acts_min": self.acts_min,
            "left_out": share(self.left_out),
            "restricted_before_onset": self.early,
            "abusive": side(&self.abusive),
            "benign": side(&self.benign),
            "bans_without_report": share(self.bans_unreported),
            "caught_at_registration": share(self.at_registration),
            "messages_before_restriction": messages(self.messages),
            "recipients_before_ban": messages(self.recipients),
            "precision": precision,
            "personas": self.personas.iter().map(persona).collect::<Vec<Value>>(),
            "worst_benign": self.worst_benign.map(|index| self.personas[index].persona.clone()),
            "benign_restrictions": self.listed_all,
            "benign_restrictions_listed": self.listed.iter().map(listed).collect::<Vec<Value>>(),
            "scores": self.scores.as_ref().map(quality),
        });
        value.to_string()
    }
}

fn share(share: Share) -> Value {
    let (low, high) = share.interval();
    json!({ "hits": share.hits, "of": share.of, "share": share.value(), "low": low, "high": high })
}

fn levels(levels: [Share; 3]) -> Value {
    let [restricted, limited, banned] = levels.map(share);
    json!({ "restricted": restricted, "limited": limited, "banned": banned })
}

fn side(side: &Side) -> Value {
    json!({ "accounts": levels(side.levels), "felt": share(side.felt), "user_days": levels(side.user_days) })
}

fn messages(messages: Messages) -> Value {
    json!({ "median": messages.median, "p90": messages.p90 })
}

fn persona(row: &PersonaRow) -> Value {
    json!({
        "persona": row.persona,
        "label": if row.abusive { "abusive" } else { "benign" },
        "accounts": row.accounts,
        "left_out": row.left_out,
        "levels": levels(row.levels),
        "felt": share(row.felt),
        "user_days": levels(row.user_days),
        "messages_before_restriction": messages(row.messages),
        "recipients_before_ban": messages(row.recipients),
    })
}

fn listed(one: &Listed) -> Value {
    json!({
        "account": one.account, "persona": one.persona, "action": one.action.word(),
        "scope": one.scope.word(), "issued": one.issued, "rule": one.rule, "reason": one.reason,
    })
}

fn quality(found: &Quality) -> Value {
    let bin = |bin: &crate::measure::Bin| json!({ "predicted": bin.predicted, "observed": bin.observed, "weight": bin.weight });
    json!({
        "accounts": found.rows, "abusive": found.abusive, "auc": found.auc,
        "average_precision": found.average_precision, "brier": found.brier,
        "recall_at_1e-2": found.recall_at[0], "recall_at_1e-3": found.recall_at[1],
        "recall_at_1e-4": found.recall_at[2],
        "reliability": found.reliability.iter().map(bin).collect::<Vec<Value>>(),
    })
}
