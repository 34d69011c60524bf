//! What a campaign's members have in common: things they were seen on, whom they wrote to, and when. Out of the history.
//!
//! Separate from the campaign itself, which the fold knows without a history. Invariants: so many members and events are looked at, and
//! it is said how many; what the history does not tell now is said to be missing, never guessed.

use std::collections::{BTreeMap, BTreeSet};

use schema::{Body, EntityKind, History, Span};

use super::Desk;

/// Members that are looked at.
const LOOKED_AT: usize = 60;
/// Events of each: the latest.
const EVENTS: usize = 400;
/// How far back is looked, ms of log time.
const BACK_MS: u64 = 14 * 24 * 60 * 60 * 1_000;
/// Most shared things and common targets that are told.
const TOLD: usize = 40;
/// Steps of the chart of timing.
pub const STEPS: u64 = 48;

/// Something that at least two members were seen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// Its kind.
    pub kind: EntityKind,
    /// Its pseudonym.
    pub key: String,
    /// Who, by place among those looked at.
    pub by: Vec<usize>,
}

/// Somebody to whom at least two members wrote first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The peer.
    pub peer: String,
    /// Who, by place.
    pub by: Vec<usize>,
    /// First and last time, ms.
    pub between: (u64, u64),
}

/// What they have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Company {
    /// Members that were looked at, in the campaign's order.
    pub members: Vec<String>,
    /// Shared things: devices before networks and ranges, then by how many share them.
    pub shared: Vec<Shared>,
    /// Common targets, the most common first.
    pub targets: Vec<Target>,
    /// Chats opened with common targets: how many in each of [`STEPS`] steps.
    pub opened: Vec<u64>,
    /// First and last instant of the steps, ms; the same: there is nothing.
    pub between: (u64, u64),
    /// Whether the history did not answer, or there is none.
    pub is_stale: bool,
}

/// What one member was seen to do.
#[derive(Default)]
struct Seen {
    on: BTreeSet<(EntityKind, String)>,
    wrote: Vec<(String, u64)>,
}

impl Desk {
    /// Looks at the first of a campaign's members.
    pub(crate) fn company(&self, accounts: &[String]) -> Company {
        let members: Vec<String> = accounts.iter().take(LOOKED_AT).cloned().collect();
        let Some(history) = &self.given.history else {
            return Company { members, is_stale: true, ..Company::default() };
        };
        let now = self.now();
        let span = Span { from: now.saturating_sub(BACK_MS), to: now + 1 };
        let (mut seen, mut is_stale) = (Vec::new(), false);
        for account in &members {
            match look(&**history, account, span) {
                Some(one) => seen.push(one),
                None => {
                    is_stale = true;
                    break;
                }
            }
        }
        Company { members, is_stale, ..common(&seen) }
    }
}

fn look(history: &(dyn History + Send + Sync), account: &str, span: Span) -> Option<Seen> {
    let events = match history.events(account, span, EVENTS) {
        Ok(events) => events,
        Err(error) => {
            tracing::warn!(%error, "a campaign is shown without what the history knows");
            return None;
        }
    };
    let mut seen = Seen::default();
    for archived in events.iter().rev() {
        let Ok(raw) = archived.decode() else { continue };
        let Ok(Some(event)) = raw.event() else { continue };
        match &event.body {
            Body::Message(message) if message.first_contact != Some(false) => {
                seen.wrote.extend(message.peer.map(|peer| (peer.to_owned(), event.ts)));
            }
            Body::Registration(session) | Body::Session(session) => {
                let on = [
                    (EntityKind::Device, session.device),
                    (EntityKind::Prefix, session.ip_prefix),
                    (EntityKind::NumberRange, session.number_range),
                ];
                seen.on.extend(on.into_iter().filter_map(|(kind, key)| Some((kind, key?.to_owned()))));
            }
            _ => {}
        }
    }
    Some(seen)
}

/// What at least two have.
fn common(seen: &[Seen]) -> Company {
    let mut things: BTreeMap<&(EntityKind, String), Vec<usize>> = BTreeMap::new();
    let mut peers: BTreeMap<&str, (BTreeSet<usize>, Vec<u64>)> = BTreeMap::new();
    for (place, one) in seen.iter().enumerate() {
        one.on.iter().for_each(|thing| things.entry(thing).or_default().push(place));
        for (peer, ts) in &one.wrote {
            let (by, times) = peers.entry(peer).or_default();
            by.insert(place);
            times.push(*ts);
        }
    }
    let things = things.into_iter().filter(|(_, by)| by.len() > 1);
    let mut shared: Vec<Shared> =
        things.map(|((kind, key), by)| Shared { kind: *kind, key: key.clone(), by }).collect();
    shared.sort_by_key(|one| (one.kind != EntityKind::Device, std::cmp::Reverse(one.by.len())));
    shared.truncate(TOLD);
    peers.retain(|_, (by, _)| by.len() > 1);
    let times: Vec<u64> = peers.values().flat_map(|(_, times)| times.iter().copied()).collect();
    let (from, to) = (times.iter().min().copied().unwrap_or(0), times.iter().max().copied().unwrap_or(0));
    let step = (to - from) / STEPS + 1;
    let mut opened = vec![0; STEPS as usize];
    times.iter().for_each(|ts| opened[((ts - from) / step) as usize] += 1);
    let target = |(peer, (by, times)): (&str, (BTreeSet<usize>, Vec<u64>))| Target {
        peer: peer.to_owned(),
        by: by.into_iter().collect(),
        between: (
            times.iter().min().copied().unwrap_or_default(),
            times.iter().max().copied().unwrap_or_default(),
        ),
    };
    let mut targets: Vec<Target> = peers.into_iter().map(target).collect();
    targets.sort_by(|a, b| b.by.len().cmp(&a.by.len()).then_with(|| a.peer.cmp(&b.peer)));
    targets.truncate(TOLD);
    Company { shared, targets, opened, between: (from, to), ..Company::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(device: &str, wrote: &[(&str, u64)]) -> Seen {
        Seen {
            on: [(EntityKind::Device, device.to_owned()), (EntityKind::Prefix, "10.0.0.0/24".to_owned())]
                .into(),
            wrote: wrote.iter().map(|(peer, ts)| ((*peer).to_owned(), *ts)).collect(),
        }
    }

    #[test]
    fn what_two_have_in_common_is_told_and_what_one_has_is_not() {
        let all = [
            seen("d1", &[("p1", 1_000), ("own", 1_000)]),
            seen("d1", &[("p1", 1_500), ("p2", 2_000)]),
            seen("d2", &[("p1", 2_000), ("p2", 49_000)]),
        ];
        let found = common(&all);
        let shared: Vec<(&str, &[usize])> = found.shared.iter().map(|one| (&*one.key, &*one.by)).collect();
        assert_eq!(shared, [("d1", &[0, 1][..]), ("10.0.0.0/24", &[0, 1, 2][..])]);
        let targets: Vec<(&str, usize)> =
            found.targets.iter().map(|one| (&*one.peer, one.by.len())).collect();
        assert_eq!(targets, [("p1", 3), ("p2", 2)]);
        assert_eq!(found.targets[1].between, (2_000, 49_000));
        assert_eq!((found.opened.iter().sum::<u64>(), found.between), (5, (1_000, 49_000)));
        assert_eq!(common(&[]).opened.iter().sum::<u64>(), 0);
    }
}
