//! What the desk knows of what is in force, out of the log: standings, what was wanted, what partitions were told.
//!
//! Separate from folding cases, which needs none of it. Invariants: the newest word of the log counts; nothing is told before the
//! compacted topics were read whole; controls are bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schema::desk::Vitals;
use schema::history::Told;
use schema::limits::{CONTROLS_MAX, PARTITIONS_MAX};
use schema::{
    Control, ControlKind, ENFORCEMENT_KEY, HistoryError, InForce, Mode, Standing, VersionInForce, Versions,
};
use sinks::sqlite::Latest;

use super::intake::News;
use crate::insight::Known;

/// Most places of activations, and of refused ones, that are remembered: each control has one a partition.
const PLACES_MAX: usize = 16 * PARTITIONS_MAX;

/// Out of a log on Kafka.
pub struct FromLog {
    standings: Latest,
    /// Whether the compacted topics were read up to where they ended at the start.
    is_whole: AtomicBool,
    heard: Mutex<Heard>,
    changed: Condvar,
    /// Log time of the newest record of any topic, ms; 0: none was read.
    newest_at: AtomicU64,
    /// Records that engines and the archive have not committed, as brokers say.
    behind: Mutex<[Option<u64>; 2]>,
    /// Partitions of events.
    partitions: u32,
}

#[derive(Default)]
struct Heard {
    /// The newest of each kind and name, with its place in the log.
    wanted: BTreeMap<(ControlKind, String), (u64, Control)>,
    /// What it follows: it decides until every partition was told of the newer one.
    followed: BTreeMap<(ControlKind, String), (u64, Control)>,
    /// Places of activations in events, by partition and offset, with the control's id; and those that engines refused.
    places: BTreeMap<(u32, u64), String>,
    refused: BTreeSet<(u32, u64)>,
    /// Which partitions were told of a control since the start.
    told: BTreeMap<String, BTreeSet<u32>>,
    /// Controls that lay in the log at the start: partitions were told of them before.
    before: BTreeSet<String>,
    versions: Versions,
}

impl FromLog {
    /// Nothing was heard yet.
    pub fn new(standings: Latest, partitions: u32) -> Self {
        let (is_whole, heard) = (AtomicBool::new(false), Mutex::new(Heard::default()));
        let (changed, newest_at) = (Condvar::new(), AtomicU64::new(0));
        Self { standings, is_whole, heard, changed, newest_at, behind: Mutex::default(), partitions }
    }

    /// Takes records of `weir.standing`.
    pub fn stand<'a>(
        &self,
        records: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>,
    ) -> Result<(), sinks::Error> {
        self.standings.take(records)
    }

    /// A record of this log time was read.
    pub fn reached(&self, at: u64) {
        self.newest_at.fetch_max(at, Ordering::Relaxed);
    }

    /// So many records are not committed by engines, and by the archive; `None`: nobody says.
    pub fn others_are_behind(&self, records: [Option<u64>; 2]) {
        *self.behind.lock().unwrap_or_else(PoisonError::into_inner) = records;
    }

    /// Hears something; `offset`: its place in its partition.
    pub fn hear(&self, news: News, offset: u64) {
        let mut heard = self.lock();
        match news {
            News::Deciding(versions) => heard.versions = versions,
            News::Refused { partition, offset } => {
                if heard.refused.len() >= PLACES_MAX {
                    heard.refused.pop_first();
                }
                heard.refused.insert((partition, offset));
            }
            News::Told { control, partition } => {
                if heard.places.len() >= PLACES_MAX {
                    heard.places.pop_first();
                }
                heard.places.insert((partition, offset), control.clone());
                if heard.told.len() >= CONTROLS_MAX && !heard.told.contains_key(&control) {
                    heard.told.pop_first();
                }
                heard.told.entry(control).or_default().insert(partition);
            }
            News::Wanted(control) => {
                if !self.is_whole() {
                    heard.before.insert(control.id.clone());
                }
                let place = (control.kind, control.key());
                if heard.wanted.len() < CONTROLS_MAX || heard.wanted.contains_key(&place) {
                    let before = heard.wanted.insert(place.clone(), (offset, control));
                    let stood = before.filter(|(_, before)| is_told(&heard, &before.id, self.partitions));
                    heard.followed.extend(stood.map(|before| (place, before)));
                }
            }
        }
        self.changed.notify_all();
    }

    /// What decides, as the files say that were given to this process; a decision of the log says it better.
    pub fn suppose(&self, versions: Versions) {
        let mut heard = self.lock();
        if heard.versions == Versions::default() {
            heard.versions = versions;
        }
    }

    /// The compacted topics were read.
    pub fn is_read_whole(&self) {
        self.is_whole.store(true, Ordering::Release);
    }

    /// Whether they were.
    pub fn is_whole(&self) -> bool {
        self.is_whole.load(Ordering::Acquire)
    }

    /// Whether a control of this id lies in the log.
    pub fn knows(&self, id: &str) -> bool {
        self.lock().wanted.values().any(|(_, control)| control.id == id)
    }

    /// Waits until every partition was told of a control, or one refused it; whether that was within `most`.
    pub fn wait_until_told(&self, id: &str, most: Duration) -> bool {
        self.wait(most, |heard| is_told(heard, id, self.partitions) || is_refused(heard, id))
    }

    /// Waits whether some engine refuses a control; whether one did within `most`.
    pub fn wait_until_refused(&self, id: &str, most: Duration) -> bool {
        self.wait(most, |heard| is_refused(heard, id))
    }

    fn wait(&self, most: Duration, holds: impl Fn(&Heard) -> bool) -> bool {
        let heard = self.lock();
        let waits = |heard: &mut Heard| !holds(heard);
        let (_heard, ended) =
            self.changed.wait_timeout_while(heard, most, waits).unwrap_or_else(PoisonError::into_inner);
        !ended.timed_out()
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was told of a key of `weir.standing`.
    fn newest(&self, key: &str) -> Told<Option<Standing>> {
        if !self.is_whole() {
            return Err(HistoryError::Unavailable("what is in force is still being read".to_owned()));
        }
        let away = |error: sinks::Error| HistoryError::Unavailable(error.to_string());
        let found = self.standings.get(key).map_err(away)?.map(|body| serde_json::from_slice(&body));
        found.transpose().map_err(|error| HistoryError::Failed(error.to_string()))
    }
}

fn is_refused(heard: &Heard, id: &str) -> bool {
    heard.refused.iter().any(|place| heard.places.get(place).is_some_and(|control| control == id))
}

fn is_told(heard: &Heard, id: &str, partitions: u32) -> bool {
    if is_refused(heard, id) {
        return false;
    }
    heard.before.contains(id)
        || heard.told.get(id).is_some_and(|told| told.len() as u64 >= u64::from(partitions))
}

/// What a control puts in force; `None`: it takes something out, or is the kill switch.
fn version(control: &Control) -> Option<VersionInForce> {
    let goes = control.share == Some(0.0);
    let Control { kind, name, version, mode, share, .. } = control.clone();
    let mode = mode.filter(|mode| *mode == Mode::Shadow);
    let share = share.filter(|share| *share < 1.0);
    (kind != ControlKind::Kill && !goes).then_some(VersionInForce { kind, name, version, mode, share })
}

impl Known for FromLog {
    fn in_force(&self) -> Told<InForce> {
        let switch = self.newest(ENFORCEMENT_KEY)?;
        let killed = switch.is_some_and(|standing| !standing.restrictions.is_empty());
        let (versions, active) = self.deciding();
        let heard = self.lock();
        let mut wanted: Vec<(u64, Control)> = heard.wanted.values().cloned().collect();
        wanted.sort_by_key(|(offset, _)| std::cmp::Reverse(*offset));
        let wanted = wanted.into_iter().map(|(_, control)| control).collect();
        Ok(InForce { wanted, active, versions, killed })
    }

    fn standing(&self, account: &str) -> Told<Option<Standing>> {
        self.newest(account)
    }

    fn vitals(&self) -> Vitals {
        let newest_at = Some(self.newest_at.load(Ordering::Relaxed)).filter(|at| *at > 0);
        let fault = (!self.is_whole()).then(|| "the topics are still being read".to_owned());
        let [engine_behind, history_behind] = *self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        Vitals { newest_at, fault, engine_behind, history_behind, ..Vitals::default() }
    }

    fn deciding(&self) -> (Versions, Vec<VersionInForce>) {
        let heard = self.lock();
        let mut newest: BTreeMap<(ControlKind, bool, &str), &(u64, Control)> = BTreeMap::new();
        let is_told = |(_, control): &&(u64, Control)| is_told(&heard, &control.id, self.partitions);
        for told in heard.wanted.values().chain(heard.followed.values()).filter(is_told) {
            let control = &told.1;
            // Of policies and champions there is one, whatever its name; lists and models beside the champion are many.
            let is_one =
                matches!(control.kind, ControlKind::Policy | ControlKind::Model | ControlKind::Weights)
                    && !control.is_beside();
            let name = if is_one { "" } else { control.name.as_str() };
            let place = newest.entry((control.kind, control.is_beside(), name)).or_insert(told);
            if told.0 > place.0 {
                *place = told;
            }
        }
        let active = newest.values().filter_map(|(_, control)| version(control)).collect();
        (heard.versions.clone(), active)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(id: &str, kind: &str, name: &str, version: &str) -> Control {
        let text = format!(
            r#"{{"id":"{id}","at":1762128000000,"by":"r","kind":"{kind}","name":"{name}","version":"{version}"}}"#
        );
        crate::wanted::control(text.as_bytes()).expect("a control")
    }

    fn known() -> (tempfile::TempDir, FromLog) {
        let folder = tempfile::tempdir().expect("a folder");
        let standings = Latest::create(&folder.path().join("standings.db")).expect("made");
        (folder, FromLog::new(standings, 2))
    }

    #[test]
    fn nothing_is_told_before_all_was_read_and_then_the_newest() {
        let (_folder, known) = known();
        let standing = r#"{"account":"a","seq":1,"as_of":1,"restrictions":[]}"#;
        known.stand(std::iter::once(("a", Some(standing.as_bytes())))).expect("taken");
        assert!(known.standing("a").is_err() && known.in_force().is_err());
        known.is_read_whole();
        assert_eq!(known.standing("a").expect("told").expect("there").seq, 1);
        assert_eq!(known.standing("b"), Ok(None));
        assert!(!known.in_force().expect("told").killed);
        let switch = control("k", "kill", "enforcement", "on").enforcement(9, 9);
        let switch = serde_json::to_vec(&switch).expect("JSON");
        known.stand(std::iter::once((ENFORCEMENT_KEY, Some(&*switch)))).expect("taken");
        assert!(known.in_force().expect("told").killed);
    }

    #[test]
    fn a_version_is_in_force_once_every_partition_was_told() {
        let (_folder, known) = known();
        known.hear(News::Wanted(control("c1", "policy", "main", "1")), 0);
        known.is_read_whole();
        let active = |known: &FromLog| -> Vec<String> {
            known.deciding().1.into_iter().map(|one| format!("{} {}", one.name, one.version)).collect()
        };
        assert_eq!(active(&known), ["main 1"]);
        known.hear(News::Wanted(control("c2", "policy", "strict", "7")), 1);
        assert_eq!((known.knows("c2"), active(&known)), (true, vec!["main 1".to_owned()]));
        for partition in 0..2 {
            assert!(!known.wait_until_told("c2", Duration::ZERO));
            known.hear(News::Told { control: "c2".to_owned(), partition }, 5);
        }
        assert!(known.wait_until_told("c2", Duration::ZERO));
        assert_eq!(active(&known), ["strict 7"]);
        // What an engine refuses is not in force, and what it was to follow is.
        known.hear(News::Wanted(control("c3", "policy", "strict", "8")), 2);
        for (partition, offset) in [(0, 9), (1, 9)] {
            known.hear(News::Told { control: "c3".to_owned(), partition }, offset);
        }
        assert_eq!(active(&known), ["strict 8"]);
        known.hear(News::Refused { partition: 0, offset: 8 }, 0);
        assert!(!known.wait_until_refused("c3", Duration::ZERO), "another activation");
        known.hear(News::Refused { partition: 1, offset: 9 }, 1);
        assert!(known.wait_until_refused("c3", Duration::ZERO));
        assert_eq!(active(&known), ["strict 7"]);
        let wanted = known.in_force().expect("told").wanted;
        assert_eq!(wanted.iter().map(|one| &*one.id).collect::<Vec<_>>(), ["c3", "c1"]);
    }
}
