//! Golden items: what two people agreed on blind comes back now and then, to somebody who gave neither answer.
//!
//! Separate from cases that are about something. Invariants: it looks like a blind audit to whoever answers; its answer is no label and
//! no decision, only a figure of quality; neither of the two who gave the known answer is asked; so many are kept, the newest.

use rusqlite::OptionalExtension as _;
use schema::{Label, Review};

use super::{Case, Cause, Error, Fold};
use crate::desk::case::{State, case_id};
use crate::desk::quality::meant;

/// Most that are kept.
const KEPT_MAX: i64 = 1_000;

impl Fold<'_> {
    /// Keeps what a blind second label agreed on with the first.
    pub(super) fn agreed(&self, case: &Case, review: &Review, at: u64) -> Result<(), Error> {
        let Some(label) = review.label.filter(|label| *label != Label::CannotTell) else { return Ok(()) };
        if self.first_said(case)? != Some(label) {
            return Ok(());
        }
        let sql = "INSERT OR REPLACE INTO golden (account, answer, first, second, made_at) VALUES (?1, ?2, ?3, ?4, ?5)";
        let values = (&case.account, label.word(), &case.excluded, &review.actor, at as i64);
        self.db.prepare_cached(sql)?.execute(values)?;
        let sql = "DELETE FROM golden WHERE account IN
            (SELECT account FROM golden ORDER BY made_at DESC, account LIMIT -1 OFFSET ?1)";
        self.db.prepare_cached(sql)?.execute([KEPT_MAX])?;
        Ok(())
    }

    /// What the first of two people said of an account, as a label.
    pub(super) fn first_said(&self, second: &Case) -> Result<Option<Label>, Error> {
        let Some(first) = Case::load(self.db, &second.of_case)? else { return Ok(None) };
        let sql = "SELECT label FROM labels WHERE case_id = ?1 ORDER BY at DESC, review LIMIT 1";
        let said: Option<String> =
            self.db.prepare_cached(sql)?.query_row([&first.id], |row| row.get(0)).optional()?;
        Ok(said.as_deref().and_then(Label::from_word).or_else(|| meant(&first.outcome)))
    }

    /// Puts one into the queue when so many cases were taken.
    pub(super) fn mix_in(&self, claims: i64, at: u64) -> Result<(), Error> {
        let every = i64::from(self.habits.slots_a_golden);
        if every == 0 || claims % every != 0 {
            return Ok(());
        }
        let sql = "SELECT account, first, second FROM golden WHERE NOT EXISTS
            (SELECT 1 FROM cases WHERE cases.account = golden.account AND state = 0) ORDER BY used_at, account LIMIT 1";
        let found = self.db.prepare_cached(sql)?.query_row([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        });
        let Some((account, first, second)) = found.optional()? else { return Ok(()) };
        let by = format!("golden {claims}");
        let id = case_id(&account, Cause::Golden, &by);
        if !self.is_new(&id, &account)? {
            return Ok(());
        }
        let mut case = Case::new(id, &account, Cause::Golden, at);
        case.due_at = at.saturating_add(self.habits.stretched(Cause::Golden.due_ms()));
        case.excluded = format!("{first}\n{second}");
        self.hear(&mut case)?;
        case.store(self.db)?;
        self.db
            .prepare_cached("UPDATE golden SET used_at = ?2 WHERE account = ?1")?
            .execute((&account, at as i64))?;
        Ok(())
    }

    /// Notes an answer to one, and closes it; whether it was one. What somebody said first counts for good: once it is stored they see what
    /// others said, so that an undo and a better answer would show nothing.
    pub(super) fn answered(&self, review: &Review, case: &mut Case, at: u64) -> Result<bool, Error> {
        let Some(said) = review.label.filter(|_| case.is_free_for(&review.actor, at)) else {
            return Ok(false);
        };
        let sql = "INSERT OR IGNORE INTO golden_answers
            SELECT ?1, ?2, account, ?3, ?4, answer, ?5 FROM golden WHERE account = ?6
            AND NOT EXISTS (SELECT 1 FROM golden_answers WHERE case_id = ?2 AND actor = ?3)";
        let values = (&review.id, &case.id, &review.actor, at as i64, said.word(), &case.account);
        self.db.prepare_cached(sql)?.execute(values)?;
        case.close(State::Decided, said.word(), at);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;
    use schema::Act;

    use crate::desk::acts::Wanted;
    use crate::desk::case::Case;
    use crate::desk::cause::Cause;
    use crate::desk::queue::{self, Filter};
    use crate::desk::scene::{World, decision, review};
    use crate::desk::{Habits, quality};

    /// Labels it benign, with what was on the screen.
    fn benign() -> Wanted {
        Wanted {
            act: Act::Label,
            verdict: None,
            scope: None,
            limit: None,
            expires: None,
            policy: "no_violation".to_owned(),
            reason: "nothing".to_owned(),
            label: Some(schema::Label::Benign),
            batch: None,
        }
    }

    #[test]
    fn what_two_agreed_on_blind_comes_back_unseen_to_a_third_and_makes_no_label() {
        let folder = tempfile::tempdir().expect("a folder");
        let habits = Habits {
            audits_per_10_000: 0,
            seconds_per_10_000: 10_000,
            slots_a_golden: 1,
            ..Habits::default()
        };
        let (world, desk) = World::desk(folder.path(), habits);
        let open = |account: &str| desk.store.read(|db| Case::open_of(db, account)).expect("readable");
        let id = |account: &str| open(account).expect("an open case").id;
        world.arrive(decision("d1", "a", "review", ""));
        world.arrive(review("r1", (&id("a"), "a"), ("x", "verdict"), r#","verdict":"ban""#));
        world.arrive(review("r2", (&id("a"), "a"), ("y", "label"), r#","label":"abusive""#));
        assert_eq!(open("a"), None);
        // The next case that is taken for the first time brings it back.
        world.arrive(decision("d2", "b", "review", ""));
        world.arrive(review("r3", (&id("b"), "b"), ("z", "claim"), ""));
        let golden = open("a").expect("it is back");
        assert_eq!(
            (golden.cause, golden.cause.word(), golden.cause.is_blind()),
            (Cause::Golden, "audit", true)
        );
        let next = |actor: &str| {
            let seeker = desk.seeker(actor, false);
            let found = desk.store.read(|db| queue::next(db, &seeker, &Filter::default(), &[]));
            found.expect("readable").map(|case| case.account)
        };
        assert_ne!(next("x").as_deref(), Some("a"), "who gave the answer is not asked");
        assert_ne!(next("y").as_deref(), Some("a"));
        assert_eq!(next("w").as_deref(), Some("a"));
        desk.act(&golden, "z", (&benign(), "once")).expect("it is answered as any blind case is");
        let counted = |sql: &str| {
            let read = |db: &Connection| Ok(db.query_row(sql, [], |row| row.get::<_, i64>(0))?);
            desk.store.read(read).expect("readable")
        };
        assert_eq!(counted("SELECT count(*) FROM labels WHERE actor = 'z'"), 0);
        assert_eq!(counted("SELECT count(*) FROM said WHERE actor = 'z' AND act IN ('label', 'verdict')"), 0);
        let found = desk.store.read(quality::quality).expect("readable");
        let of_z = found.golden.iter().find(|(actor, _)| actor == "z").expect("it counts");
        assert_eq!((of_z.1.judged, of_z.1.overturned), (1, 1), "it was abusive, z said benign");
        assert_eq!(open("a"), None);
        // Whoever looks at what the others said and then says it, too, answers no better.
        let said = "SELECT review FROM golden_answers WHERE actor = 'z'";
        let said = desk.store.read(|db| Ok(db.query_row(said, [], |row| row.get::<_, String>(0))?));
        let undo = format!(r#","undoes":"{}""#, said.expect("it is kept"));
        world.arrive(review("r4", (&golden.id, "a"), ("z", "undo"), &undo));
        let again = open("a").expect("it is open again");
        let abusive = Wanted { label: Some(schema::Label::Abusive), ..benign() };
        desk.act(&again, "z", (&abusive, "twice")).expect("it is answered once more");
        let found = desk.store.read(quality::quality).expect("readable");
        let of_z = found.golden.iter().find(|(actor, _)| actor == "z").expect("it counts");
        assert_eq!((of_z.1.judged, of_z.1.overturned), (1, 1), "the first answer counts");
    }
}
