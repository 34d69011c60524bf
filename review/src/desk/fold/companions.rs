//! What decisions with companions do: they make campaigns, let them grow and join them.
//!
//! Separate from cases: a campaign is looked at as one, so its decisions open no case of their own. Invariants: an account is in one
//! campaign; campaigns are the connected parts of who named whom, as far as the bound on members lets them; what nobody added to for
//! long goes.

use rusqlite::OptionalExtension as _;
use schema::Decision;
use xxhash_rust::xxh3::xxh3_64;

use super::{DAY_MS, Error, Fold};

/// Most members of a campaign; who comes later is left out.
pub const MEMBERS_MAX: i64 = 1_000;
/// How long a campaign stays that nobody is added to, ms of log time.
const STAYS_MS: u64 = 30 * DAY_MS;

impl Fold<'_> {
    /// Takes a decision that names companions.
    pub(super) fn companions(&self, decision: &Decision, at: u64) -> Result<(), Error> {
        let new = format!("g_{:016x}", xxh3_64(decision.id.as_bytes()));
        if !self.is_new(&new, &decision.account)? {
            return Ok(());
        }
        let accounts = || [&decision.account].into_iter().chain(&decision.companions);
        let campaign = match self.joined(accounts())? {
            Some(campaign) => campaign,
            None => {
                let sql = "INSERT INTO campaigns (id, opened_at, grown_at) VALUES (?1, ?2, ?2)";
                self.db.prepare_cached(sql)?.execute((&new, at as i64))?;
                new
            }
        };
        for account in accounts() {
            let told = *account == decision.account;
            if self.members(&campaign)? >= MEMBERS_MAX && !told {
                continue;
            }
            let score = decision.score.filter(|_| told).map(f64::from);
            let sql =
                "INSERT INTO campaign_members VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (account) DO UPDATE
                SET told = max(told, excluded.told), score = coalesce(excluded.score, score)";
            self.db.prepare_cached(sql)?.execute((account, &campaign, at as i64, told, score))?;
        }
        for companion in &decision.companions {
            let sql = "INSERT OR IGNORE INTO campaign_links VALUES (?1, ?2)";
            self.db.prepare_cached(sql)?.execute((&decision.account, companion))?;
        }
        self.db
            .prepare_cached("UPDATE campaigns SET grown_at = ?2 WHERE id = ?1")?
            .execute((&campaign, at as i64))?;
        Ok(())
    }

    /// The campaign that these accounts are in: the oldest of theirs, into which the others are merged as far as there is room.
    fn joined<'a>(&self, accounts: impl Iterator<Item = &'a String>) -> Result<Option<String>, Error> {
        let mut found: Vec<(i64, String)> = Vec::new();
        for account in accounts {
            let sql = "SELECT opened_at, id FROM campaigns WHERE id =
                (SELECT campaign FROM campaign_members WHERE account = ?1)";
            let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            found.extend(self.db.prepare_cached(sql)?.query_row([account], read).optional()?);
        }
        found.sort();
        found.dedup();
        let mut found = found.into_iter().map(|(_, id)| id);
        let Some(oldest) = found.next() else { return Ok(None) };
        for other in found {
            if self.members(&oldest)? + self.members(&other)? > MEMBERS_MAX {
                continue;
            }
            for sql in [
                "UPDATE campaign_members SET campaign = ?1 WHERE campaign = ?2",
                "UPDATE campaigns SET merged_into = ?1 WHERE id = ?2 OR merged_into = ?2",
            ] {
                self.db.prepare_cached(sql)?.execute((&oldest, &other))?;
            }
        }
        Ok(Some(oldest))
    }

    fn members(&self, campaign: &str) -> Result<i64, Error> {
        let mut query =
            self.db.prepare_cached("SELECT count(*) FROM campaign_members WHERE campaign = ?1")?;
        Ok(query.query_row([campaign], |row| row.get(0))?)
    }

    /// Lets campaigns go that nobody was added to for long.
    pub(super) fn forget_campaigns(&self, at: u64) -> Result<(), Error> {
        let before = at.saturating_sub(STAYS_MS) as i64;
        for sql in [
            "DELETE FROM campaign_links WHERE account IN (SELECT account FROM campaign_members WHERE campaign IN
                (SELECT id FROM campaigns WHERE grown_at < ?1 AND merged_into = ''))",
            "DELETE FROM campaign_members WHERE campaign IN
                (SELECT id FROM campaigns WHERE grown_at < ?1 AND merged_into = '')",
            "DELETE FROM campaigns WHERE grown_at < ?1",
        ] {
            self.db.prepare_cached(sql)?.execute([before])?;
        }
        Ok(())
    }
}
