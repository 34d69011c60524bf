//! Blind audits: accounts that nothing was ever decided about, drawn at random by strata of score, for a human to judge.
//!
//! Separate from deciding, of which it is the opposite: nothing speaks against these. In a day of the log every account has a number, by
//! hash, and each stratum keeps the accounts with the smallest numbers (a bottom-k sample), so that budget and memory are bounded while
//! nobody counts accounts; the smallest number that a stratum let go is the probability with which it has the others. Invariants: an account
//! counts in the highest stratum that it reached that day; whoever is drawn there was drawn with the stated probability, whatever
//! else it did before and after; who is drawn is told with the first record of the next day.

use compact_str::CompactString;
use features::checkpoint::{Error, Reader, put_text};
use schema::limits::{AUDIT_BOUNDS_MAX, AUDITS_PER_DAY_MAX, ENTITY_BYTES_MAX};
use schema::{AUDIT, Action, Decision, Mode, Reason, Row, RowWhy, Scope, Source, decision_id};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::wording::plain;
use super::{Engine, Occasion, Output};
use crate::hash::text_hash;
use crate::policy::AuditRules;

const DAY_MS: u64 = 86_400_000;

/// Who may be drawn at the end of the day.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Audits {
    /// Days since the Unix epoch.
    day: u64,
    strata: Vec<Stratum>,
    /// No number from here on is kept anywhere.
    highest: u64,
}

/// Accounts of one stratum.
#[derive(Debug, Clone, PartialEq)]
struct Stratum {
    /// Number and account, by number.
    kept: Vec<(u64, CompactString)>,
    /// Every account with a number below is kept.
    bound: u64,
}

impl Audits {
    /// When the day ends, ms since the Unix epoch.
    #[inline]
    pub fn end_ms(&self) -> u64 {
        (self.day + 1).saturating_mul(DAY_MS)
    }

    fn number(&self, account: &str) -> u64 {
        xxh3_64_with_seed(account.as_bytes(), xxh3_64_with_seed(AUDIT.as_bytes(), self.day))
    }

    /// An account without decisions was scored. `most`: of a stratum.
    #[inline]
    pub fn see(&mut self, account: &str, stratum: usize, (strata, most): (usize, usize)) {
        if self.strata.len() != strata {
            self.begin(strata);
        }
        let number = self.number(account);
        if number < self.highest {
            self.take(account, number, (stratum, most));
        }
    }

    fn begin(&mut self, strata: usize) {
        self.strata = vec![Stratum { kept: Vec::new(), bound: u64::MAX }; strata];
        self.highest = u64::MAX;
    }

    fn take(&mut self, account: &str, number: u64, (stratum, most): (usize, usize)) {
        match self.strata.iter().position(|one| one.place(number).is_ok()) {
            Some(now) if now >= stratum => return,
            Some(now) => self.strata[now].remove(number),
            None => {}
        }
        let one = &mut self.strata[stratum];
        if let (true, Err(place)) = (number < one.bound, one.place(number)) {
            one.kept.insert(place, (number, CompactString::from(account)));
            if one.kept.len() > most {
                one.bound = one.kept.pop().map_or(0, |(number, _)| number);
            }
        }
        self.highest = self.strata.iter().map(|one| one.bound).max().unwrap_or(0);
    }

    /// Something was decided about an account, or it is gone.
    #[inline]
    pub fn forget(&mut self, account: &str) {
        let number = self.number(account);
        if number < self.highest {
            self.strata.iter_mut().for_each(|one| one.remove(number));
        }
    }

    /// Ends the day: who was drawn, with which probability; by stratum and number.
    fn end(&mut self, day: u64) -> Vec<(CompactString, f32)> {
        let mut drawn = Vec::new();
        let mut bound = u64::MAX;
        // Whoever was let go in a higher stratum must not be drawn in a lower one, to which it does not belong.
        for stratum in self.strata.iter().rev() {
            bound = bound.min(stratum.bound);
            let probability =
                if bound == u64::MAX { 1.0 } else { (bound as f64 / 18_446_744_073_709_551_616.0) as f32 };
            let below = stratum.kept.iter().take_while(|(number, _)| *number < bound);
            drawn.extend(below.map(|(_, account)| (account.clone(), probability)));
        }
        self.day = day;
        self.begin(self.strata.len());
        drawn
    }

    /// Appends it to a checkpoint.
    pub fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.day.to_le_bytes());
        out.extend_from_slice(&(self.strata.len() as u32).to_le_bytes());
        for Stratum { kept, bound } in &self.strata {
            out.extend_from_slice(&bound.to_le_bytes());
            out.extend_from_slice(&(kept.len() as u32).to_le_bytes());
            for (number, account) in kept {
                out.extend_from_slice(&number.to_le_bytes());
                put_text(out, account);
            }
        }
    }

    /// Reads it from a checkpoint.
    pub fn restore(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let count = |reader: &mut Reader<'_>, most: usize| match reader.u32()? as usize {
            count if count > most => Err(Error::Damaged("a list is too long")),
            count => Ok(count),
        };
        let day = reader.u64()?;
        let mut strata = Vec::new();
        for _ in 0..count(reader, AUDIT_BOUNDS_MAX + 1)? {
            let bound = reader.u64()?;
            let one = |reader: &mut Reader<'_>| {
                Ok((reader.u64()?, CompactString::from(reader.text(ENTITY_BYTES_MAX)?)))
            };
            let kept = (0..count(reader, AUDITS_PER_DAY_MAX as usize)?).map(|_| one(reader));
            strata.push(Stratum { kept: kept.collect::<Result<_, Error>>()?, bound });
        }
        let highest = strata.iter().map(|one| one.bound).max().unwrap_or(0);
        Ok(Self { day, strata, highest })
    }
}

impl Stratum {
    fn place(&self, number: u64) -> Result<usize, usize> {
        self.kept.binary_search_by_key(&number, |(number, _)| *number)
    }

    fn remove(&mut self, number: u64) {
        if let Ok(place) = self.place(number) {
            self.kept.remove(place);
        }
    }
}

/// Cases of one stratum in one of so many partitions: each has its part, and at least one.
fn most(rules: &AuditRules, partitions: u32) -> usize {
    (rules.cases_per_day.div_ceil(partitions) as usize).div_ceil(rules.scores.len() + 1)
}

impl Engine {
    /// Takes note of an account that was scored.
    #[inline]
    pub(super) fn note_for_audit(&mut self, occasion: &Occasion<'_>) {
        let rules = &self.policy.audit;
        let account = occasion.event.account;
        if rules.cases_per_day == 0 || occasion.score.is_nan() {
            return;
        }
        if self.standing.get(account).is_some() {
            self.audits.forget(account);
        } else {
            let bounds = (rules.scores.len() + 1, most(rules, self.partitions));
            self.audits.see(account, rules.stratum(occasion.score), bounds);
        }
    }

    /// Opens the cases of the day before.
    #[cold]
    pub(super) fn tell_audits(&mut self, (at, offset): (u64, u64), output: &mut Output) {
        let of = self.audits.day;
        for (account, probability) in self.audits.end(at / DAY_MS) {
            if self.standing.get(&account).is_none() && !self.exempt.contains(&account) {
                let id = format!("audit_{of}_{:016x}", text_hash(&account));
                self.open_audit((id.as_str(), account.as_str()), (at, offset), probability, output);
            }
        }
    }

    fn open_audit(
        &mut self,
        (id, account): (&str, &str),
        (at, offset): (u64, u64),
        probability: f32,
        output: &mut Output,
    ) {
        // Of whoever is forgotten there is nothing to judge by.
        let Some(slot) = self.store.slot_of(account) else { return };
        let Some(seq) = self.standing.entry(account, at).map(|standing| standing.next_seq(at)) else {
            return;
        };
        self.store.vector(slot, at, &mut self.vector);
        let model = self.models.of(account);
        let score = model.map(|model| model.probability(&self.vector.0));
        let mut versions = self.versions.clone();
        versions.model = model.map_or(String::new(), |model| model.version().to_owned());
        let (action, scope, mode) = (Action::Review, Scope::All, Mode::Enforce);
        let decision = Decision {
            id: decision_id(account, id, (action, scope, mode), AUDIT),
            account: account.to_owned(),
            seq,
            action,
            scope,
            limit: None,
            issued: at,
            expires: None,
            event: id.to_owned(),
            score,
            reasons: vec![Reason { value: Some(probability), ..plain(AUDIT) }],
            counterfactual: None,
            source: Source::Rule,
            rule: Some(AUDIT.to_owned()),
            mode,
            supersedes: None,
            companions: Vec::new(),
            versions,
        };
        if self.rows.is_some() {
            let row = self.row_of((id, account), (at, offset), (RowWhy::Audit, 1.0 / probability));
            output.rows.push(Row { score, decisions: vec![decision.id.clone()], ..row });
        }
        self.emit(decision, output);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Strata, and how many are drawn of each.
    const BOUNDS: (usize, usize) = (3, 5);

    /// The highest stratum that an account reaches on a day, and the way there: down and up again.
    fn way(account: u64, day: u64) -> (usize, [usize; 3]) {
        let hash = text_hash(&format!("{account} {day}"));
        let highest = match hash % 100 {
            0..=9 => 2,
            10..=39 => 1,
            _ => 0,
        };
        let lower = hash as usize / 100 % (highest + 1);
        if hash.is_multiple_of(7) {
            (highest, [highest, lower, lower])
        } else {
            (highest, [lower, highest, lower])
        }
    }

    #[test]
    fn who_is_drawn_stands_for_the_others_of_its_stratum() {
        let (mut audits, mut standing_for, mut there) = (Audits::default(), [0.0; 3], [0.0; 3]);
        for day in 0..2_000 {
            drop(audits.end(day));
            for step in 0..3 {
                for account in 0..100 {
                    audits.see(&format!("a{account}"), way(account, day).1[step], BOUNDS);
                }
            }
            (0..100).for_each(|account| there[way(account, day).0] += 1.0);
            let drawn = audits.end(day + 1);
            assert!(drawn.len() <= BOUNDS.0 * BOUNDS.1, "{drawn:?}");
            for (account, probability) in drawn {
                let account = account[1..].parse().expect("a number");
                standing_for[way(account, day).0] += 1.0 / f64::from(probability);
            }
        }
        for (found, true_number) in standing_for.iter().zip(there) {
            assert!((found / true_number - 1.0).abs() < 0.05, "{standing_for:?} for {there:?}");
        }
    }

    #[test]
    fn while_there_is_room_everybody_is_drawn_for_sure_and_who_is_forgotten_is_not() {
        let mut audits = Audits::default();
        for account in ["a", "b", "c", "d"] {
            audits.see(account, 1, BOUNDS);
        }
        audits.forget("c");
        let mut bytes = Vec::new();
        audits.put(&mut bytes);
        let mut restored = Audits::restore(&mut Reader::new(&bytes)).expect("it was written by us");
        assert_eq!(restored, audits);
        let mut drawn = restored.end(1);
        drawn.sort_by(|a, b| a.0.cmp(&b.0));
        let wanted = ["a", "b", "d"].map(|account| (CompactString::from(account), 1.0));
        assert_eq!(drawn, wanted);
        assert_eq!(restored.end(2), []);
    }
}
