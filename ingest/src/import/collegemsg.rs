//! CollegeMsg: 59,835 private messages of 1,899 real people on a network where strangers may be written to.
//!
//! Separate, because its reading is its own: `src,dst,ts` with seconds since 1970. The network was new and empty when the
//! set begins, so the first message of a pair in the set is the first between them, and `first_contact` is known.
//! Unknown, and left so: ages (unless asked for), contacts, typing, sizes, devices, blocks and reports.

use schema::{Body, Chat, Event, Message};

use super::table::Table;
use super::{Counts, Emit, Memory, Options, Step};
use crate::error::Error;
use crate::source::Source;

/// Converts the table, row by row: a `message` of the sender, and at the first answer of a pair a `reply` to the opener.
///
/// # Errors
/// If the table is not as documented, or `emit` fails.
pub fn convert(table: Source, options: Options, emit: Emit<'_>) -> Result<Counts, Error> {
    let mut table = Table::open(table, ["src", "dst", "ts"])?;
    let mut memory = Memory::default();
    let mut counts = Counts::default();
    while let Some([from, to, ts_s]) = table.next()? {
        let (from, to) = (table.account(from)?, table.account(to)?);
        let ts = ts_s.saturating_mul(1_000);
        counts.rows += 1;
        let step = memory.step(from, to);
        let ages = (memory.age_h(from, ts), memory.age_h(to, ts));
        let known = |age_h: f32| options.age_from_first_event.then_some(age_h);
        let (sender, peer) = (format!("cm{from}"), format!("cm{to}"));
        let id = format!("cm-{}", counts.rows);
        let event = |id, account, age_h, body| Event { id, ts, at: None, account, age_h, idle_h: None, body };
        let message = Message {
            chat: Chat::Direct,
            peer: Some(&peer),
            group: None,
            group_size: None,
            first_contact: Some(step == Step::Opening),
            in_contacts: None,
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
