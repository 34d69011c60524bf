//! Two policies (or models) over the same events: who is restrained by one and not by the other.
//!
//! Separate from judging one run. Invariants: an account counts once on each side, by the strongest enforced action it met;
//! accounts are listed in the order of their names, and lists that are cut say so; no result depends on hash order.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schema::{Action, Decision, Mode};
use serde_json::{Value, json};

/// Benign accounts newly restricted that are named.
const NAMED_MAX: usize = 100;
/// Words of the levels.
const WORDS: [&str; 5] = ["nothing", "warned", "challenged", "limited", "banned"];
/// From here on an account is restricted.
const RESTRICTED: usize = 2;

/// What both sides did.
#[derive(Debug, Clone, Default)]
pub struct Difference {
    levels: BTreeMap<String, [usize; 2]>,
    decisions: [u64; 2],
    /// Whether an account abuses, and its persona.
    truth: BTreeMap<String, (bool, String)>,
    last_ms: u64,
    first_ms: Option<u64>,
    /// Accounts that were deleted, and whether they were left out.
    deleted: (u64, bool),
    events: u64,
    took_s: f64,
    /// A simulated town under both sides.
    reacted: Option<[Reacted; 2]>,
}

/// What came of some accounts of a town that reacts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Group {
    /// Accounts.
    pub accounts: u64,
    /// Of them, challenged, limited or banned.
    pub restricted: u64,
    /// Of them, banned.
    pub banned: u64,
    /// First messages to somebody that were let through.
    pub new_chats: u64,
}

/// A simulated town in which what is refused does not happen, and who is stopped tries again.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Reacted {
    /// How long it was watched, hours.
    pub hours: f64,
    /// Those who abuse, sooner or later.
    pub abusive: Group,
    /// All others.
    pub benign: Group,
}

/// One persona or label.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moved {
    /// Restricted by B alone.
    pub gained: u64,
    /// Restricted by A alone.
    pub lost: u64,
    /// Restricted by both.
    pub both: u64,
    /// Met by either with any enforced action.
    pub accounts: u64,
}

impl Difference {
    /// Notes what is true of an account.
    pub fn truth(&mut self, account: &str, abusive: bool, persona: &str) {
        self.truth.insert(account.to_owned(), (abusive, persona.to_owned()));
    }

    /// Notes when an event happened, ms since the Unix epoch.
    pub fn event(&mut self, ts: u64) {
        self.last_ms = self.last_ms.max(ts);
        self.first_ms = Some(self.first_ms.map_or(ts, |first| first.min(ts)));
    }

    /// Notes a decision of side 0 (A) or 1 (B).
    pub fn decision(&mut self, side: usize, decision: &Decision) {
        if decision.mode != Mode::Enforce || decision.account.contains(':') {
            return;
        }
        self.decisions[side] += 1;
        let level = match decision.action {
            Action::Lift | Action::Review => 0,
            Action::Warn => 1,
            Action::Challenge => 2,
            Action::RateLimit => 3,
            Action::Ban => 4,
        };
        let met = self.levels.entry(decision.account.clone()).or_default();
        met[side] = met[side].max(level);
    }

    /// Notes how many accounts were deleted, and whether the replay left them out.
    pub fn missed(&mut self, deleted: u64, is_left_out: bool) {
        self.deleted = (deleted, is_left_out);
    }

    /// Notes how many events there were, and how long the replay took, s.
    pub fn took(&mut self, events: u64, took_s: f64) {
        (self.events, self.took_s) = (events, took_s);
    }

    /// Notes what came of a town that reacts, under A and under B.
    pub fn reacted(&mut self, sides: [Reacted; 2]) {
        self.reacted = Some(sides);
    }

    /// How many times faster than it happened the traffic was replayed.
    #[must_use]
    pub fn times_real_time(&self) -> f64 {
        self.span_ms() as f64 / 1000.0 / self.took_s.max(1e-6)
    }

    /// Length of the traffic, ms.
    #[must_use]
    pub fn span_ms(&self) -> u64 {
        self.last_ms - self.first_ms.unwrap_or(self.last_ms)
    }

    /// Accounts by what A did (rows) and B did (columns).
    #[must_use]
    pub fn matrix(&self) -> [[u64; 5]; 5] {
        let mut matrix = [[0; 5]; 5];
        self.levels.values().for_each(|[a, b]| matrix[*a][*b] += 1);
        matrix
    }

    /// What moved, over all accounts and by persona where it is known.
    #[must_use]
    pub fn moved(&self) -> (Moved, BTreeMap<String, Moved>) {
        let (mut all, mut by): (Moved, BTreeMap<String, Moved>) = Default::default();
        for (account, levels) in &self.levels {
            all.count(*levels);
            if let Some((abusive, persona)) = self.truth.get(account) {
                let kind = if *abusive { "abusive" } else { "benign" };
                by.entry(format!("{kind} {persona}")).or_default().count(*levels);
            }
        }
        (all, by)
    }

    /// Benign accounts that B restricts and A does not, at most 100, and how many there are.
    #[must_use]
    pub fn good_accounts_hit(&self) -> (Vec<(&str, &str)>, usize) {
        let hit = |levels: &[usize; 2]| levels[0] < RESTRICTED && levels[1] >= RESTRICTED;
        let benign = |account: &String| self.truth.get(account).filter(|(abusive, _)| !abusive);
        let found: Vec<(&str, &str)> = (self.levels.iter())
            .filter(|(_, levels)| hit(levels))
            .filter_map(|(account, _)| Some((account.as_str(), benign(account)?.1.as_str())))
            .collect();
        let count = found.len();
        (found.into_iter().take(NAMED_MAX).collect(), count)
    }

    /// For a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let (all, by) = self.moved();
        writeln!(out, "enforced decisions: A {}, B {}", self.decisions[0], self.decisions[1])?;
        writeln!(out, "restricted accounts (challenged, limited or banned): {} by both", all.both)?;
        writeln!(out, "  gained by B {:>9}\n  lost by B   {:>9}", all.gained, all.lost)?;
        writeln!(out, "accounts by the strongest action of A (down) and B (across)")?;
        writeln!(out, "{:>12}{}", "", WORDS.map(|word| format!("{word:>12}")).concat())?;
        for (word, row) in WORDS.iter().zip(self.matrix()) {
            writeln!(out, "{word:>12}{}", row.map(|count| format!("{count:>12}")).concat())?;
        }
        if !by.is_empty() {
            writeln!(out, "by persona (gained, lost, both)")?;
            for (persona, moved) in &by {
                writeln!(out, "  {:>7} {:>7} {:>7}  {persona}", moved.gained, moved.lost, moved.both)?;
            }
        }
        let (named, count) = self.good_accounts_hit();
        if count > 0 {
            writeln!(out, "benign accounts that B alone restricts: {count}, the first {}", named.len())?;
            named.iter().try_for_each(|(account, persona)| writeln!(out, "  {account}  ({persona})"))?;
        }
        if let (deleted @ 1.., is_left_out) = self.deleted {
            let what = if is_left_out {
                "left out, as if they had never been"
            } else {
                "in it until they were deleted"
            };
            writeln!(
                out,
                "deleted accounts: {deleted}, {what}; of those deleted before the log begins nothing is known"
            )?;
        }
        writeln!(
            out,
            "{} events in {:.1} s, {:.0} times faster than they happened",
            self.events,
            self.took_s,
            self.times_real_time()
        )?;
        let (_, is_what_if) = self.deleted;
        if is_what_if {
            writeln!(
                out,
                "Recorded traffic did not react to B: who is stopped by it would have sent less, and attackers would have adapted."
            )?;
        }
        let Some([a, b]) = &self.reacted else { return Ok(()) };
        let title = format!("A simulated town that reacts, {:.0} hours under each side", a.hours);
        writeln!(out, "{title:<60}{:>12}{:>12}", "A", "B")?;
        for (name, of) in [("abusive", [a.abusive, b.abusive]), ("benign", [a.benign, b.benign])] {
            let figures = [
                ("accounts (who is banned comes back)", of.map(|group| group.accounts)),
                ("restricted", of.map(|group| group.restricted)),
                ("banned", of.map(|group| group.banned)),
                ("first messages let through", of.map(|group| group.new_chats)),
            ];
            for (what, [a, b]) in figures {
                writeln!(out, "  {:<58}{a:>12}{b:>12}", format!("{name} {what}"))?;
            }
        }
        Ok(())
    }

    /// For machines; `recorded`: how the replay differs from what was decided then, if that is known.
    #[must_use]
    pub fn json(&self, recorded: Option<Value>) -> String {
        let (all, by) = self.moved();
        let moved = |moved: &Moved| json!({ "gained": moved.gained, "lost": moved.lost, "both": moved.both, "accounts": moved.accounts });
        let personas: serde_json::Map<String, Value> =
            by.iter().map(|(persona, one)| (persona.clone(), moved(one))).collect();
        let (named, count) = self.good_accounts_hit();
        let named: Vec<Value> = (named.into_iter())
            .map(|(account, persona)| json!({ "account": account, "persona": persona }))
            .collect();
        let value = json!({
            "decisions": self.decisions, "restricted": moved(&all), "levels": WORDS, "matrix": self.matrix(),
            "personas": personas, "good_accounts_hit": count, "good_accounts_named": named,
            "traffic_ms": self.span_ms(), "events": self.events, "times_real_time": self.times_real_time(),
            "deleted_accounts": self.deleted.0, "recorded": recorded,
            "closed_loop": self.reacted.map(|sides| sides.map(|side| json!({
                "hours": side.hours, "abusive": group(side.abusive), "benign": group(side.benign),
            }))),
        });
        value.to_string() + "\n"
    }
}

fn group(group: Group) -> Value {
    json!({
        "accounts": group.accounts, "restricted": group.restricted, "banned": group.banned, "new_chats": group.new_chats,
    })
}

impl Moved {
    fn count(&mut self, [a, b]: [usize; 2]) {
        self.accounts += u64::from(a + b > 0);
        let place = match (a >= RESTRICTED, b >= RESTRICTED) {
            (false, false) => return,
            (false, true) => &mut self.gained,
            (true, false) => &mut self.lost,
            (true, true) => &mut self.both,
        };
        *place += 1;
    }
}
