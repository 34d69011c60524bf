//! From accounts to the report.
//!
//! Separate from streaming: it runs once, at the end.

use super::account::{Account, NEVER};
use super::builder::JudgeBuilder;
use super::report::{Level, Messages, PersonaRow, Precision, Report, Side};
use super::stats::{Share, precision, quantile};
use crate::measure::{Scored, quality};

/// What is summed over some accounts.
#[derive(Default)]
struct Sum {
    side: Side,
    accounts: u64,
    left_out: Share,
    contacts: Vec<u32>,
    recipients: Vec<u32>,
}

impl Sum {
    fn add(&mut self, account: &Account, acts_min: u32, epoch: u64) {
        self.accounts += 1;
        let restricted = account.first[0] != NEVER;
        if left_out(account, acts_min) {
            self.left_out.add(restricted);
            return;
        }
        for (level, share) in self.side.levels.iter_mut().enumerate() {
            share.add(account.first[level] != NEVER);
        }
        self.side.felt.add(account.felt && restricted);
        for (level, share) in self.side.user_days.iter_mut().enumerate() {
            let (days, hits) = account.day_counts(level, epoch);
            share.of += days;
            share.hits += hits;
        }
        if restricted {
            self.contacts.push(account.contacts);
        }
        if account.first[2] != NEVER {
            self.recipients.push(account.recipients);
        }
    }
}

fn left_out(account: &Account, acts_min: u32) -> bool {
    account.abusive && account.acts < acts_min
}

fn messages(mut values: Vec<u32>) -> Messages {
    values.sort_unstable();
    Messages { median: quantile(&values, 0.5), p90: quantile(&values, 0.9) }
}

/// The report on all that the builder saw.
pub(super) fn report(judge: &JudgeBuilder) -> Report {
    let epoch = judge.epoch.unwrap_or(0);
    let acts_min = judge.settings.acts_min;
    let names = judge.persona_names();
    let mut sides = [Sum::default(), Sum::default()];
    // A persona name may stand for both labels: two rows.
    let mut rows: Vec<[Sum; 2]> = names.iter().map(|_| Default::default()).collect();
    let (mut bans_unreported, mut at_registration) = (Share::default(), Share::default());
    let mut early = 0;
    for account in &judge.accounts {
        let side = usize::from(!account.abusive);
        sides[side].add(account, acts_min, epoch);
        rows[account.persona as usize][side].add(account, acts_min, epoch);
        early += u64::from(account.early);
        let counts = !left_out(account, acts_min);
        if counts && account.first[2] != NEVER {
            bans_unreported.add(!account.reported);
        }
        if counts && account.abusive && account.first[0] != NEVER {
            at_registration.add(account.registered && account.acts_before == 0);
        }
    }
    let personas = personas(&names, rows);
    let [abusive, benign] = sides;
    let counts = judge.counts;
    let mut listed = judge.listed.clone();
    listed.sort_by(|a, b| (&a.account, a.issued).cmp(&(&b.account, b.issued)));
    let listed_all = listed.len() as u64;
    listed.truncate(judge.settings.listed_max);
    listed.iter_mut().for_each(|one| one.persona = names[one.number as usize].to_owned());
    Report {
        events: counts.events,
        events_without_truth: counts.events_without_truth,
        decisions: counts.decisions,
        decisions_without_truth: counts.decisions_without_truth,
        shadow: counts.shadow,
        left_out: abusive.left_out,
        acts_min,
        early,
        bans_unreported,
        at_registration,
        precision: precisions(&judge.settings.base_rates, &abusive.side, &benign.side),
        worst_benign: worst(&personas),
        personas,
        messages: messages(abusive.contacts),
        recipients: messages(abusive.recipients),
        abusive: abusive.side,
        benign: benign.side,
        listed,
        listed_all,
        scores: scores(&judge.accounts, acts_min),
    }
}

fn personas(names: &[&str], rows: Vec<[Sum; 2]>) -> Vec<PersonaRow> {
    let mut personas = Vec::new();
    for (name, sums) in names.iter().zip(rows) {
        for (side, sum) in sums.into_iter().enumerate().filter(|(_, sum)| sum.accounts > 0) {
            personas.push(PersonaRow {
                persona: (*name).to_owned(),
                abusive: side == 0,
                accounts: sum.accounts,
                left_out: sum.left_out.of,
                levels: sum.side.levels,
                felt: sum.side.felt,
                messages: messages(sum.contacts),
                recipients: messages(sum.recipients),
                user_days: sum.side.user_days,
            });
        }
    }
    personas.sort_by(|a, b| (!a.abusive, &a.persona).cmp(&(!b.abusive, &b.persona)));
    personas
}

/// The benign persona with the largest share restricted; of equals the larger, then the first by name.
fn worst(personas: &[PersonaRow]) -> Option<usize> {
    let hit = |row: &PersonaRow| !row.abusive && row.levels[0].hits > 0;
    let candidates = personas.iter().enumerate().filter(|(_, row)| hit(row));
    candidates
        .max_by(|(i, a), (j, b)| {
            let (a, b) = (a.levels[0], b.levels[0]);
            a.value().total_cmp(&b.value()).then(a.of.cmp(&b.of)).then(j.cmp(i))
        })
        .map(|(index, _)| index)
}

fn precisions(base_rates: &[f64], abusive: &Side, benign: &Side) -> Vec<Precision> {
    let mut all = Vec::new();
    for &base_rate in base_rates {
        for user_days in [false, true] {
            for (index, level) in Level::ALL.into_iter().enumerate() {
                let of = |side: &Side| if user_days { side.user_days[index] } else { side.levels[index] };
                let (caught, alarms) = (of(abusive), of(benign));
                let ((least, most), (fewest, highest)) = (caught.interval(), alarms.interval());
                all.push(Precision {
                    base_rate,
                    level,
                    user_days,
                    value: precision(base_rate, caught.value(), alarms.value()),
                    low: precision(base_rate, least, highest),
                    high: precision(base_rate, most, fewest),
                });
            }
        }
    }
    all
}

fn scores(accounts: &[Account], acts_min: u32) -> Option<crate::measure::Quality> {
    if accounts.iter().all(|account| account.score < 0.0) {
        return None;
    }
    let scored = |account: &Account| Scored {
        score: f64::from(account.score.max(0.0)),
        abusive: account.abusive,
        weight: 1.0,
    };
    Some(quality(accounts.iter().filter(|account| !left_out(account, acts_min)).map(scored).collect()))
}
