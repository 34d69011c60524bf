//! Views of the queue that somebody saved: a name and a filter as a query.
//!
//! Separate from the queue, which knows no people. Invariant: so many a person.

use rusqlite::Connection;

use crate::error::Error;

/// Most views of one person.
const VIEWS_MAX: i64 = 24;

/// A person's views by name: name and query.
pub fn of(db: &Connection, owner: &str) -> Result<Vec<(String, String)>, Error> {
    let mut query = db.prepare_cached("SELECT name, query FROM views WHERE owner = ?1 ORDER BY name")?;
    let rows = query.query_map([owner], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
}

/// Saves one, or changes it.
pub fn save(db: &Connection, owner: &str, (name, query): (&str, &str)) -> Result<(), Error> {
    let mut count = db.prepare_cached("SELECT count(*) FROM views WHERE owner = ?1 AND name <> ?2")?;
    if count.query_row((owner, name), |row| row.get::<_, i64>(0))? >= VIEWS_MAX {
        return Err(Error::Refused("queue.views_full"));
    }
    let sql = "INSERT INTO views VALUES (?1, ?2, ?3) ON CONFLICT (owner, name) DO UPDATE SET query = excluded.query";
    db.prepare_cached(sql)?.execute((owner, name, query))?;
    Ok(())
}

/// Lets one go.
pub fn delete(db: &Connection, owner: &str, name: &str) -> Result<(), Error> {
    db.prepare_cached("DELETE FROM views WHERE owner = ?1 AND name = ?2")?.execute((owner, name))?;
    Ok(())
}
