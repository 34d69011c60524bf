//! People who come by a provider: who they are here.
//!
//! Separate from the flow, which knows no person. Invariants: a person is found by issuer and subject alone, never by a name or mail
//! address; nobody is linked to a person that exists but by that person, signed in; who came by the provider has the role that the
//! provider says, anew each time; who was linked keeps theirs; the last administrator stays one.

use rusqlite::{Connection, OptionalExtension as _};

use super::oidc::Identified;
use super::oidc::logout::Ended;
use super::{Role, password, secret, sessions, users};
use crate::audit;
use crate::desk::Desk;
use crate::error::Error;

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Entered {
    /// The token of a session.
    Yes(String),
    /// The person who was signed in comes this way from now on.
    Linked,
    /// They do not come in: the key of a text.
    No(&'static str),
}

/// Somebody who was here before.
struct Known {
    user: String,
    /// They were made by the provider's word.
    by_provider: bool,
}

fn known(db: &Connection, issuer: &str, subject: &str) -> Result<Option<Known>, Error> {
    let sql = "SELECT user, by_provider FROM identities WHERE issuer = ?1 AND subject = ?2";
    let found = db
        .prepare_cached(sql)?
        .query_row((issuer, subject), |row| Ok(Known { user: row.get(0)?, by_provider: row.get(1)? }));
    Ok(found.optional()?)
}

/// Whether somebody comes by a provider.
pub fn is_linked(db: &Connection, user: &str) -> Result<bool, Error> {
    Ok(db.prepare_cached("SELECT 1 FROM identities WHERE user = ?1")?.exists([user])?)
}

fn link(
    db: &Connection,
    (issuer, subject): (&str, &str),
    (user, by_provider): (&str, bool),
    now: u64,
) -> Result<(), Error> {
    let sql =
        "INSERT INTO identities (issuer, subject, user, by_provider, made_at) VALUES (?1, ?2, ?3, ?4, ?5)";
    db.prepare_cached(sql)?.execute((issuer, subject, user, by_provider, now as i64))?;
    Ok(())
}

/// A name that the provider gave, as names are here.
fn name_of(who: &Identified) -> String {
    let plain = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '.' | '-' | '_' | '@');
    let name: String = who.name.chars().filter(plain).take(users::NAME_CHARS_MAX).collect();
    let name = name.trim().to_owned();
    if name.is_empty() { format!("p-{}", &secret::hex(&secret::hash(&who.subject))[..8]) } else { name }
}

impl Desk {
    /// Lets in whom a provider identified, or links whoever is signed in.
    ///
    /// # Errors
    /// If the store cannot be read or written.
    pub(crate) fn enter_by_provider(&self, who: &Identified, agent: &str) -> Result<Entered, Error> {
        let issuer = self.provider.as_ref().map_or("", |provider| &*provider.settings.issuer);
        // Nobody knows the password of who comes by a provider.
        let nobodys = password::hash(&secret::token());
        let now = self.wall();
        let mut db = self.store.writer();
        let transaction = db.transaction()?;
        let (entered, user) = entered(&transaction, (issuer, who), (&nobodys, agent, now))?;
        let what = match &entered {
            Entered::Yes(_) => "sign_in",
            Entered::Linked => "provider_linked",
            Entered::No(_) => "sign_in_failed",
        };
        let (actor, subject) = match &entered {
            Entered::No(_) => ("", if user.is_empty() { "unknown" } else { &*user }),
            _ => (&*user, &*user),
        };
        let detail =
            if let Entered::No(why) = &entered { format!("provider: {why}") } else { "provider".to_owned() };
        audit::append(&transaction, &audit::Entry::new(now, actor, what, subject, &detail))?;
        transaction.commit()?;
        Ok(entered)
    }

    /// The provider says that somebody's sign-in ended: so do their sessions here.
    ///
    /// # Errors
    /// If the store cannot be read or written.
    pub(crate) fn leave_by_provider(&self, ended: &Ended) -> Result<Left, Error> {
        let issuer = self.provider.as_ref().map_or("", |provider| &*provider.settings.issuer);
        let now = self.wall();
        let mut db = self.store.writer();
        let transaction = db.transaction()?;
        transaction.prepare_cached("DELETE FROM logouts WHERE good_until <= ?1")?.execute([now as i64])?;
        let sql = "INSERT OR IGNORE INTO logouts VALUES (?1, ?2)";
        let kept = (ended.number.as_slice(), ended.good_until as i64);
        if transaction.prepare_cached(sql)?.execute(kept)? == 0 {
            return Ok(Left::Before);
        }
        let found = known(&transaction, issuer, &ended.subject)?;
        if let Some(Known { user, .. }) = &found {
            sessions::end_all(&transaction, user)?;
            audit::append(&transaction, &audit::Entry::new(now, user, "sign_out", user, "provider"))?;
        }
        transaction.commit()?;
        Ok(if found.is_some() { Left::Now } else { Left::Nobody })
    }
}

/// What came of the provider's word that a sign-in ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Their sessions ended.
    Now,
    /// It is nobody of ours.
    Nobody,
    /// The same word was heard before.
    Before,
}

/// Who it is and what comes of it; the person's pseudonym, or nothing.
fn entered(
    db: &Connection,
    (issuer, who): (&str, &Identified),
    (nobodys, agent, now): (&str, &str, u64),
) -> Result<(Entered, String), Error> {
    let found = known(db, issuer, &who.subject)?;
    if let Some(asked) = &who.link {
        return Ok(match found {
            _ if !sessions::is_live(db, &asked.session, &asked.user, now)? => {
                (Entered::No("oidc.no_door"), String::new())
            }
            Some(known) if known.user == asked.user => (Entered::Linked, known.user),
            Some(known) => (Entered::No("oidc.of_another"), known.user),
            None => {
                link(db, (issuer, &who.subject), (&asked.user, false), now)?;
                (Entered::Linked, asked.user.clone())
            }
        });
    }
    let id = match found {
        Some(Known { user, by_provider }) => {
            let person = users::by_id(db, &user)?.filter(|person| person.active);
            let Some(person) = person else { return Ok((Entered::No("oidc.inactive"), user)) };
            if by_provider {
                let Some(role) = who.role else { return Ok((Entered::No("oidc.no_role"), user)) };
                follow(db, (&user, person.role), role, now)?;
            }
            user
        }
        None => {
            let Some(role) = who.role else { return Ok((Entered::No("oidc.no_role"), String::new())) };
            let name = name_of(who);
            let Some(id) = users::make(db, (&name, nobodys), role, now)? else {
                return Ok((Entered::No("oidc.name_taken"), String::new()));
            };
            link(db, (issuer, &who.subject), (&id, true), now)?;
            audit::append(
                db,
                &audit::Entry::new(now, "", "person_made", &id, &format!("provider: {}", role.word())),
            )?;
            id
        }
    };
    let token = sessions::start(db, &id, agent, now)?;
    Ok((Entered::Yes(token), id))
}

/// Gives somebody the role that the provider says now.
fn follow(db: &Connection, (user, had): (&str, Role), role: Role, now: u64) -> Result<(), Error> {
    if had == role {
        return Ok(());
    }
    let changed = users::change(db, user, role, true)?;
    let detail = if changed {
        format!("provider: {}", role.word())
    } else {
        "provider: the last administrator stays one".to_owned()
    };
    audit::append(db, &audit::Entry::new(now, "", "change_role", user, &detail))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::desk::Habits;
    use crate::desk::scene::World;
    use crate::people::oidc::{Fetch, Linking, Provider, Settings};

    struct Silent;

    impl Fetch for Silent {
        fn get(&self, _: &str) -> Result<Vec<u8>, String> {
            Err("nobody asks".to_owned())
        }
        fn post(&self, _: &str, _: &str, _: Option<&str>) -> Result<Vec<u8>, String> {
            Err("nobody asks".to_owned())
        }
    }

    fn who(subject: &str, name: &str, role: Option<Role>) -> Identified {
        let next = "/review/".to_owned();
        Identified { subject: subject.to_owned(), name: name.to_owned(), role, next, link: None }
    }

    #[test]
    fn a_word_that_a_sign_in_ended_is_heard_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_world, desk) = World::desk(folder.path(), Habits::default());
        let desk = Arc::into_inner(desk).expect("nobody else holds it");
        let settings = Settings { issuer: "https://id.example".to_owned(), ..Settings::default() };
        let desk = desk.with_provider(Provider::new(settings, Arc::new(Silent)));
        let enter = || match desk.enter_by_provider(&who("s1", "Bea", Some(Role::Reviewer)), "a browser") {
            Ok(Entered::Yes(token)) => token,
            _ => panic!("nobody came in"),
        };
        let is_in =
            |token: &str| desk.viewer(token, crate::strings::Language::English).expect("readable").is_some();
        let ended = |number: u8, subject: &str| Ended {
            subject: subject.to_owned(),
            number: [number; 32],
            good_until: desk.wall() + 1,
        };
        let said =
            |number: u8, subject: &str| desk.leave_by_provider(&ended(number, subject)).expect("written");
        let token = enter();
        assert_eq!((said(1, "s1"), is_in(&token)), (Left::Now, false));
        let token = enter();
        assert_eq!((said(1, "s1"), is_in(&token)), (Left::Before, true), "sent again by whoever saw it");
        assert_eq!(said(2, "s2"), Left::Nobody);
        assert_eq!((said(3, "s1"), is_in(&token)), (Left::Now, false));
    }

    #[test]
    fn people_are_found_by_subject_have_the_role_that_is_said_and_take_nobodys_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_world, desk) = World::desk(folder.path(), Habits::default());
        let desk = Arc::into_inner(desk).expect("nobody else holds it");
        let settings = Settings { issuer: "https://id.example".to_owned(), ..Settings::default() };
        let desk = desk.with_provider(Provider::new(settings, Arc::new(Silent)));
        let enter = |who: &Identified| desk.enter_by_provider(who, "a browser").expect("the store works");
        let role =
            |name: &str| desk.store.read(|db| users::by_name(db, name)).expect("told").map(|user| user.role);
        let kept = password::hash("river holds the debris back");
        users::make(&desk.store.writer(), ("Ada", &kept), Role::Admin, 1)
            .expect("made")
            .expect("a name that is free");

        assert_eq!(enter(&who("s1", "Bea", None)), Entered::No("oidc.no_role"));
        assert_eq!(role("Bea"), None);
        assert!(matches!(enter(&who("s1", "Bea", Some(Role::Reviewer))), Entered::Yes(_)));
        assert_eq!(role("Bea"), Some(Role::Reviewer));
        assert!(matches!(enter(&who("s1", "Another name", Some(Role::Lead))), Entered::Yes(_)));
        assert_eq!(
            (role("Bea"), role("Another name")),
            (Some(Role::Lead), None),
            "the same person, with what is said now"
        );
        assert_eq!(
            enter(&who("s1", "Bea", None)),
            Entered::No("oidc.no_role"),
            "the provider takes the role away"
        );
        for name in ["Ada", "ADA", "Bea"] {
            assert_eq!(enter(&who("s2", name, Some(Role::Admin))), Entered::No("oidc.name_taken"), "{name}");
        }

        // Ada, signed in, links herself; her role stays hers.
        let ada = desk.store.read(|db| users::by_name(db, "Ada")).expect("told").expect("there").id;
        let token = sessions::start(&desk.store.writer(), &ada, "a browser", desk.wall()).expect("started");
        let link = Linking { user: ada.clone(), session: secret::hash(&token) };
        let linking = Identified { link: Some(link), ..who("s3", "whoever", Some(Role::Reviewer)) };
        assert_eq!(enter(&linking), Entered::Linked);
        assert!(matches!(enter(&who("s3", "whoever", None)), Entered::Yes(_)));
        assert_eq!(role("Ada"), Some(Role::Admin));
        let of_another = Identified { subject: "s1".to_owned(), ..linking.clone() };
        assert_eq!(enter(&of_another), Entered::No("oidc.of_another"));
        sessions::end_all(&desk.store.writer(), &ada).expect("ended");
        let late = Identified { subject: "s4".to_owned(), ..linking };
        assert_eq!(enter(&late), Entered::No("oidc.no_door"), "who has signed out meanwhile is not linked");
    }
}
