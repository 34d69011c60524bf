//! Tries to sign in, held back: each failure more waits longer, by name and by address.
//!
//! Separate from signing in. Invariants: a try counts before the password is looked at, so that tries at once are tries; a name that
//! does not exist is held back like one that does; what is kept is bounded, and is forgotten an hour after the last failure.

use std::net::IpAddr;

use rusqlite::{Connection, OptionalExtension as _};

use super::secret;
use crate::error::Error;

/// After this long without a failure, what was is forgotten, ms.
const MEMORY_MS: u64 = 60 * 60 * 1000;
/// Names and addresses that are remembered.
const TRIES_MAX: i64 = 100_000;

/// Whose tries are counted.
struct Kind {
    /// Failures without a wait.
    free: u32,
    /// Longest wait, ms.
    wait_ms_max: u64,
}

/// Of a name: 5 at once, then 1, 2, 4 … s, at most 5 min: fewer than 30 an hour, and its owner is not locked out for long.
const NAME: Kind = Kind { free: 5, wait_ms_max: 5 * 60 * 1000 };
/// Of an address, behind which may be an office: 20 at once, at most 15 min.
const ADDRESS: Kind = Kind { free: 20, wait_ms_max: 15 * 60 * 1000 };

/// Who tries.
pub struct Who {
    name: [u8; 32],
    address: [u8; 32],
}

impl Who {
    /// A name as it was typed, and where it comes from; IPv6 by its network of 64 bits.
    pub fn new(name: &str, address: IpAddr) -> Self {
        let place = match address.to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => address.segments()[..4].iter().map(|part| format!("{part:x}:")).collect(),
        };
        let name = secret::hash(&format!("name\0{}", name.trim().to_lowercase()));
        Self { name, address: secret::hash(&format!("address\0{place}")) }
    }
}

/// Lets a try through and counts it as a failure; or says how long to wait, ms. `now`: wall ms.
pub fn admit(db: &Connection, who: &Who, now: u64) -> Result<Option<u64>, Error> {
    let parts = [(&who.name, &NAME), (&who.address, &ADDRESS)];
    let mut wait = 0;
    for (what, _) in parts {
        let next: Option<i64> = db
            .prepare_cached("SELECT next_at FROM tries WHERE what = ?1")?
            .query_row([what.as_slice()], |row| row.get(0))
            .optional()?;
        wait = wait.max(next.map_or(0, |next| (next as u64).saturating_sub(now)));
    }
    if wait > 0 {
        return Ok(Some(wait));
    }
    for (what, kind) in parts {
        count(db, what, kind, now)?;
    }
    Ok(None)
}

/// The same for whoever is signed in already, by name alone.
pub fn admit_name(db: &Connection, who: &Who, now: u64) -> Result<Option<u64>, Error> {
    let sql = "SELECT next_at FROM tries WHERE what = ?1 AND next_at > ?2";
    let next: Option<i64> =
        db.prepare_cached(sql)?.query_row((who.name.as_slice(), now as i64), |row| row.get(0)).optional()?;
    if let Some(next) = next {
        return Ok(Some((next as u64).saturating_sub(now)));
    }
    count(db, &who.name, &NAME, now)?;
    Ok(None)
}

fn count(db: &Connection, what: &[u8; 32], kind: &Kind, now: u64) -> Result<(), Error> {
    let known: Option<(u32, i64)> = db
        .prepare_cached("SELECT failures, last_at FROM tries WHERE what = ?1")?
        .query_row([what.as_slice()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let before = known
        .filter(|(_, last)| now.saturating_sub(*last as u64) < MEMORY_MS)
        .map_or(0, |(failures, _)| failures);
    let failures = before.saturating_add(1);
    let over = failures.saturating_sub(kind.free);
    let wait = if over == 0 { 0 } else { (1_000_u64 << (over - 1).min(20)).min(kind.wait_ms_max) };
    let sql = "INSERT INTO tries VALUES (?1, ?2, ?3, ?4) ON CONFLICT (what) DO UPDATE SET
               failures = excluded.failures, last_at = excluded.last_at, next_at = excluded.next_at";
    db.prepare_cached(sql)?.execute((what.as_slice(), failures, now as i64, (now + wait) as i64))?;
    db.prepare_cached("DELETE FROM tries WHERE last_at < ?1")?
        .execute([now.saturating_sub(MEMORY_MS) as i64])?;
    let kept: i64 = db.prepare_cached("SELECT count(*) FROM tries")?.query_row([], |row| row.get(0))?;
    if kept > TRIES_MAX {
        let oldest = "DELETE FROM tries WHERE what IN (SELECT what FROM tries ORDER BY last_at LIMIT ?1)";
        db.prepare_cached(oldest)?.execute([kept - TRIES_MAX])?;
    }
    Ok(())
}

/// The try was right: the name is free again, and the address has one failure fewer.
pub fn succeeded(db: &Connection, who: &Who) -> Result<(), Error> {
    db.prepare_cached("DELETE FROM tries WHERE what = ?1")?.execute([who.name.as_slice()])?;
    let fewer =
        "UPDATE tries SET failures = failures - 1, next_at = last_at WHERE what = ?1 AND failures > 0";
    db.prepare_cached(fewer)?.execute([who.address.as_slice()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn db() -> Connection {
        let db = Connection::open_in_memory().expect("memory");
        db.execute_batch(include_str!("../../migrations/0003_people.sql")).expect("the tables");
        db
    }

    fn who(name: &str, address: &str) -> Who {
        Who::new(name, address.parse().expect("an address"))
    }

    #[test]
    fn waits_grow_by_name_from_wherever_and_end_with_success() {
        let (db, mut now, mut waits) = (db(), 1_000_000, Vec::new());
        for n in 0..12 {
            let who = who(" Eve", &format!("10.0.0.{n}"));
            if let Some(wait) = admit(&db, &who, now).expect("works") {
                waits.push(wait);
                now += wait;
                assert_eq!(admit(&db, &who, now).expect("works"), None, "after the wait");
            }
        }
        assert_eq!(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000], "{waits:?}");
        assert_eq!(
            admit(&db, &who("other", "10.0.0.1"), now).expect("works"),
            None,
            "nobody else is held back"
        );
        succeeded(&db, &who("eve", "10.0.0.1")).expect("works");
        assert_eq!(admit(&db, &who("EVE", "10.0.0.1"), now).expect("works"), None);
    }

    #[test]
    fn one_address_that_tries_many_names_is_held_back() {
        let (db, now) = (db(), 1_000_000);
        let held: Vec<u32> = (0..30)
            .filter(|n| {
                admit(&db, &who(&format!("name{n}"), "2001:db8:1:2::7"), now).expect("works").is_some()
            })
            .collect();
        assert_eq!(held, (21..30).collect::<Vec<_>>());
        let neighbour = who("x", "2001:db8:1:2:ffff::1");
        assert!(admit(&db, &neighbour, now).expect("works").is_some(), "the same network");
        assert!(admit(&db, &who("x", "2001:db8:1:3::1"), now).expect("works").is_none());
        assert!(admit(&db, &neighbour, now + MEMORY_MS).expect("works").is_none(), "forgotten after an hour");
    }

    #[test]
    fn an_hour_of_guessing_at_a_name_gives_fewer_than_a_hundred_tries() {
        let (db, mut now, mut tries) = (db(), 1_000_000, 0);
        let end = now + 60 * 60 * 1000;
        let mut n = 0_u32;
        while now < end {
            n += 1;
            let who = who("eve", &format!("10.{}.{}.{}", n >> 16, (n >> 8) & 255, n & 255));
            match admit(&db, &who, now).expect("works") {
                None => tries += 1,
                Some(wait) => now += wait,
            }
        }
        assert!((10..100).contains(&tries), "{tries}");
    }
}
