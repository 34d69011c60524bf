//! Checkpoints: whatever happens while they are written, what comes back goes on as if nothing had happened.
//!
//! Separate, because one property over any schedule says it all. Invariant: the schedule decides when a checkpoint begins, how
//! much of it is written between two events, and whether it is abandoned.

use features::checkpoint::{Frame, Part, frames};
use features::{
    DuplicateRestore, DuplicateWindow, FeatureVector, OwnedFact, RelationLimits, Relations, RelationsRestore,
    Store, StoreLimits, StoreRestore, Toucher,
};
use proptest::prelude::*;
use schema::{Body, Contact, Event, Origin, Session, Touch};

use crate::make::{T0_MS, feedback, first, group_message, message, reply, report, session};

const LIMITS: StoreLimits = StoreLimits { accounts_max: 12 };
const RELATIONS: RelationLimits = RelationLimits { entities_max: 5, contacts_max: 16 };
const IDS: usize = 150;

/// One step of a schedule.
#[derive(Debug, Clone)]
enum Step {
    /// An event of an account, by numbers: account, kind, other, seconds since the one before.
    Event(u8, u8, u8, u32),
    /// The account is deleted.
    Forget(u8),
    /// A checkpoint begins.
    Begin(bool),
    /// Some of it is written.
    Write(usize),
    /// It comes to nothing.
    Abandon,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        30 => (0..20_u8, 0..14_u8, 0..20_u8, prop_oneof![8 => 0..600_u32, 1 => 600..200_000_u32])
            .prop_map(|(account, kind, other, gap)| Step::Event(account, kind, other, gap)),
        1 => (0..20_u8).prop_map(Step::Forget),
        2 => any::<bool>().prop_map(Step::Begin),
        6 => (1..3_000_usize).prop_map(Step::Write),
        1 => Just(Step::Abandon),
    ]
}

/// Store, relations and ids, as an engine drives them.
#[derive(Debug)]
struct World {
    store: Store,
    relations: Relations,
    ids: DuplicateWindow,
}

/// What one event led to, to the bit.
type Told = (bool, Vec<u32>, Vec<OwnedFact>);

impl World {
    fn new() -> Self {
        let (store, relations) = (Store::new(LIMITS), Relations::new(RELATIONS));
        Self { store, relations, ids: DuplicateWindow::new(IDS) }
    }

    fn parts(&mut self) -> [&mut dyn Part; 3] {
        [&mut self.store, &mut self.relations, &mut self.ids]
    }

    fn event(&mut self, (account, kind, other): (u8, u8, u8), ts: u64, offset: u64) -> Told {
        let (account, other) = (format!("a{account}"), format!("a{other}"));
        let device = format!("d{}", offset % 3);
        let body = match kind {
            0..=2 => message(&other),
            3..=5 => first(&other),
            6 => group_message(&other),
            7 => reply(&other),
            8 => Body::Registration(Session { asn: Some(7), ..session(&device, &other) }),
            9 => Body::Session(session(&device, &other)),
            10 => Body::Block(feedback(&other, Some(Contact::Account))),
            11 => report(feedback(&other, None)),
            12 => Body::Unblock { peer: &other },
            _ => Body::Undelivered { peer: Some(&other) },
        };
        let event = Event {
            id: &format!("e{offset}"),
            ts,
            at: None,
            account: &account,
            age_h: None,
            idle_h: None,
            body,
        };
        // Every seventh id repeats an old one.
        let old = format!("e{}", offset.saturating_sub(100));
        if self.ids.is_repeat(if offset.is_multiple_of(7) { &old } else { event.id }) {
            return (true, Vec::new(), Vec::new());
        }
        let applied = self.store.apply(&event, ts);
        let (origin, mut facts) = (Origin { partition: 0, offset, n: 0 }, Vec::new());
        self.relations.touch_event(&event, applied.relations, origin, &mut facts);
        if offset.is_multiple_of(11) {
            self.store.record_strike(applied.slot, ts);
            let by = Toucher { account: &account, ts, what: Touch::Restricted, origin };
            self.relations.restrict(&self.store.entities(applied.slot), &by, &mut facts);
        }
        for fact in &facts {
            let body = Body::Entity(fact.lend());
            let fact =
                Event { id: "f", ts, at: None, account: &fact.account, age_h: None, idle_h: None, body };
            self.store.apply(&fact, ts);
        }
        (false, self.read(&account, ts), facts)
    }

    fn read(&self, account: &str, ts: u64) -> Vec<u32> {
        let mut vector = FeatureVector::unknown();
        let Some(slot) = self.store.slot_of(account) else { return Vec::new() };
        self.store.vector(slot, ts, &mut vector);
        vector.0.iter().map(|value| value.to_bits()).collect()
    }

    fn forget(&mut self, account: u8) -> Told {
        let account = format!("a{account}");
        if let Some(slot) = self.store.slot_of(&account) {
            let on = self.store.entities(slot);
            self.relations.forget(&on, &account);
        }
        (self.store.forget(&account), Vec::new(), Vec::new())
    }

    fn step(&mut self, step: &Step, ts: u64, offset: u64) -> Option<Told> {
        match step {
            Step::Event(account, kind, other, _) => Some(self.event((*account, *kind, *other), ts, offset)),
            Step::Forget(account) => Some(self.forget(*account)),
            _ => None,
        }
    }

    fn write(&mut self, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        let mut done = true;
        for part in self.parts() {
            done &= part.write(bytes_max, out);
        }
        done
    }

    /// Everything in it: one frame a record, in a fixed order.
    fn content(&mut self) -> Vec<(u8, Vec<u8>)> {
        self.parts().into_iter().for_each(|part| part.begin(true));
        let mut out = Vec::new();
        while !self.write(1, &mut out) {}
        let mut content: Vec<(u8, Vec<u8>)> = frames(&out)
            .map(|frame| frame.expect("we wrote it"))
            .map(|f| (f.tag as u8, f.records.to_vec()))
            .collect();
        content.sort();
        content
    }

    fn restore(layers: &[Vec<u8>]) -> Result<Self, features::checkpoint::Error> {
        let (mut store, mut relations) = (StoreRestore::new(LIMITS), RelationsRestore::new(RELATIONS));
        let mut ids = DuplicateRestore::new(IDS);
        for layer in layers.iter().rev() {
            for frame in frames(layer) {
                let frame: Frame<'_> = frame?;
                // A flipped tag may name a table of the engine's, which is none of these: whoever reads refuses it, as the engine does.
                if !(store.take(&frame)? | relations.take(&frame)? | ids.take(&frame)?) {
                    return Err(features::checkpoint::Error::Damaged(
                        "a frame of another kind of checkpoint",
                    ));
                }
            }
            store.end_layer();
            relations.end_layer();
        }
        Ok(Self { store: store.finish()?, relations: relations.finish()?, ids: ids.finish()? })
    }
}

/// What a schedule led to.
struct Run {
    /// What every step told.
    told: Vec<Option<Told>>,
    /// The layers of the newest whole checkpoint, and the step at which it began.
    layers: Vec<Vec<u8>>,
    began: usize,
    /// Times of the steps.
    times: Vec<u64>,
    world: World,
}

fn run(steps: &[Step]) -> Run {
    let mut run =
        Run { told: Vec::new(), layers: Vec::new(), began: 0, times: Vec::new(), world: World::new() };
    let mut ts = T0_MS;
    // The checkpoint under way: where it began, whether it is full, its bytes.
    let mut writing: Option<(usize, bool, Vec<u8>)> = None;
    for (at, step) in steps.iter().enumerate() {
        if let Step::Event(.., gap) = step {
            ts += u64::from(*gap) * 1_000;
        }
        run.times.push(ts);
        run.told.push(run.world.step(step, ts, at as u64));
        match step {
            Step::Begin(full) if writing.is_none() => {
                let needed = run.layers.is_empty() || run.world.parts().iter().any(|part| part.needs_full());
                run.world.parts().into_iter().for_each(|part| part.begin(*full || needed));
                writing = Some((at, *full || needed, Vec::new()));
            }
            Step::Write(bytes_max) => {
                let Some((began, full, mut out)) = writing.take() else { continue };
                if !run.world.write(*bytes_max, &mut out) {
                    writing = Some((began, full, out));
                    continue;
                }
                if full {
                    run.layers.clear();
                }
                run.layers.push(out);
                run.began = began;
            }
            Step::Abandon if writing.take().is_some() => {
                run.world.parts().into_iter().for_each(|part| part.abandon());
            }
            _ => {}
        }
    }
    if writing.is_some() {
        run.world.parts().into_iter().for_each(|part| part.abandon());
    }
    run
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn what_comes_back_goes_on_as_if_nothing_had_happened(steps in prop::collection::vec(step(), 1..700)) {
        let mut run = run(&steps);
        if run.layers.is_empty() {
            return Ok(());
        }
        let mut restored = World::restore(&run.layers).expect("nothing is damaged");
        for (at, step) in steps.iter().enumerate().skip(run.began) {
            let told = restored.step(step, run.times[at], at as u64);
            prop_assert_eq!(&told, &run.told[at], "step {} of {}", at, steps.len());
        }
        prop_assert_eq!(restored.content(), run.world.content());
    }

    #[test]
    fn no_bytes_make_it_panic(
        steps in prop::collection::vec(step(), 50..200),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut run = run(&steps);
        run.world.parts().into_iter().for_each(|part| part.begin(true));
        let mut layer = Vec::new();
        while !run.world.write(10_000, &mut layer) {}
        for (at, by) in &flips {
            let at = at.index(layer.len());
            layer[at] ^= by;
        }
        if let Some(cut) = cut {
            layer.truncate(cut.index(layer.len()));
        }
        // What was flipped may have been a count; then it is read, and used, and does not panic either.
        if let Ok(mut restored) = World::restore(&[layer]) {
            for (at, step) in steps.iter().enumerate() {
                restored.step(step, run.times[at] + 900_000_000, 1_000 + at as u64);
            }
        }
    }
}
