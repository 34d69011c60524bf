//! Copenhagen Networks Study: 24,333 text messages among some 700 real students over 28 days, and who befriended whom.
//!
//! Separate, because its reading is its own: `ts,src,dst` with seconds from the start of the study. Facebook friendship
//! stands for the address book, so `in_contacts` is known. The students knew each other before the study, and only
//! messages inside the cohort were kept, so `first_contact` and age are unknown and stay so; a `reply` is told at a
//! pair's first answer in the set. Calls are no messages and are not converted.

use schema::{Body, Chat, Event, Message};

use super::table::Table;
use super::{Counts, Emit, Friends, Memory, Options, Step};
use crate::error::Error;
use crate::source::Source;

/// Where the study's second 0 is put: Sunday 2014-02-02T00:00:00Z. The set tells only that it began at a midnight, in
/// 2014; days of the week and hours of the day stay true, the date is ours.
pub const START_MS: u64 = 1_391_299_200_000;

/// Converts the table of messages, with the table of friendships.
///
/// # Errors
/// If a table is not as documented, or `emit` fails.
pub fn convert(sms: Source, friends: Source, options: Options, emit: Emit<'_>) -> Result<Counts, Error> {
    let friends = read_friends(friends)?;
    let mut table = Table::open(sms, ["ts", "src", "dst"])?;
    let mut memory = Memory::default();
    let mut counts = Counts::default();
    while let Some([ts_s, from, to]) = table.next()? {
        let (from, to) = (table.account(from)?, table.account(to)?);
        let ts = START_MS.saturating_add(ts_s.saturating_mul(1_000));
        counts.rows += 1;
        let step = memory.step(from, to);
        let ages = (memory.age_h(from, ts), memory.age_h(to, ts));
        let known = |age_h: f32| options.age_from_first_event.then_some(age_h);
        let (sender, peer) = (format!("cph{from}"), format!("cph{to}"));
        let id = format!("cph-{}", counts.rows);
        let event = |id, account, age_h, body| Event { id, ts, at: None, account, age_h, idle_h: None, body };
        let message = Message {
            chat: Chat::Direct,
            peer: Some(&peer),
            group: None,
            group_size: None,
            first_contact: None,
            in_contacts: Some(friends.contains(&(from.min(to), from.max(to)))),
            forwarded: None,
            typed: None,
            size: None,
        };
        emit(&event(&id, &sender, known(ages.0), Body::Message(message)))?;
        counts.events += 1;
        if step == Step::Answer {
            let id = format!("{id}-r");
            emit(&event(&id, &peer, known(ages.1), Body::Reply { peer: &sender }))?;
            counts.events += 1;
        }
    }
    counts.accounts = memory.first_seen_ms.len() as u64;
    Ok(counts)
}

fn read_friends(source: Source) -> Result<Friends, Error> {
    let mut table = Table::open(source, ["user_a", "user_b"])?;
    let mut friends = Friends::new();
    while let Some([a, b]) = table.next()? {
        let (a, b) = (table.account(a)?, table.account(b)?);
        friends.insert((a.min(b), a.max(b)));
    }
    Ok(friends)
}
