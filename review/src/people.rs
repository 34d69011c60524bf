//! People: roles and rights, signing in and out, and what is kept of each.
//!
//! Separate from the pages, which know no password. Invariants: what a role may do stands in one table; whoever is not signed in has
//! no [`Viewer`]; every sign-in, failed or not, and every change of a person is in the audit chain; times are the wall's.

pub(crate) mod identities;
pub(crate) mod oidc;
pub(crate) mod password;
pub(crate) mod proxies;
pub(crate) mod secret;
pub(crate) mod sessions;
pub(crate) mod throttle;
pub(crate) mod totp;
pub(crate) mod users;

use std::net::IpAddr;

use crate::audit;
use crate::desk::Desk;
use crate::error::Error;
use crate::strings::{Language, Strings};
use users::{Accepted, Invitation};

/// What a person is here for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A role of a newer build: may do nothing.
    Nobody,
    /// Works cases.
    Reviewer,
    /// Works cases, approves bulk acts, looks after quality.
    Lead,
    /// Looks into history and figures.
    Analyst,
    /// Puts versions in force and turns the kill switch.
    Publisher,
    /// Reads the audit chain.
    Auditor,
    /// Everything, and who may come in.
    Admin,
}

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// See figures and what is in force.
    See,
    /// Look into accounts and history.
    Investigate,
    /// Work cases: claim, decide, label.
    Work,
    /// Approve, assign, see quality by reviewer.
    Lead,
    /// Propose and activate versions, turn the kill switch.
    Publish,
    /// Read the audit chain.
    Audit,
    /// Invite people, change roles.
    People,
}

impl Role {
    /// All that can be given, the weakest first.
    pub const ALL: [Role; 6] =
        [Role::Reviewer, Role::Lead, Role::Analyst, Role::Publisher, Role::Auditor, Role::Admin];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Role::Nobody => "nobody",
            Role::Reviewer => "reviewer",
            Role::Lead => "lead",
            Role::Analyst => "analyst",
            Role::Publisher => "publisher",
            Role::Auditor => "auditor",
            Role::Admin => "admin",
        }
    }

    /// The role of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.word() == word)
    }

    /// The table: what it may do.
    #[must_use]
    pub fn rights(self) -> &'static [Right] {
        use Right::{Audit, Investigate, Lead, People, Publish, See, Work};
        match self {
            Role::Nobody => &[],
            Role::Reviewer => &[See, Investigate, Work],
            Role::Lead => &[See, Investigate, Work, Lead],
            Role::Analyst => &[See, Investigate],
            Role::Publisher => &[See, Investigate, Publish],
            Role::Auditor => &[See, Investigate, Audit],
            Role::Admin => &[See, Investigate, Work, Lead, Publish, Audit, People],
        }
    }
}

/// Whoever is signed in and asks.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// Pseudonym: the actor of acts and of the audit chain.
    pub id: String,
    /// Name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// They must set up a second factor before they do anything else.
    pub lacks_factor: bool,
    /// What each form must carry.
    pub csrf: String,
    /// `light`, `dark` or empty: as the system has it.
    pub theme: String,
    /// Their texts.
    pub t: &'static Strings,
}

impl Viewer {
    /// Whether they may.
    #[must_use]
    pub fn may(&self, right: Right) -> bool {
        self.role.rights().contains(&right)
    }
}

/// A try to sign in.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// The name as it was typed.
    pub name: &'a str,
    /// The password.
    pub password: &'a str,
    /// The code of the second factor, or a recovery code; empty: none.
    pub code: &'a str,
    /// From where.
    pub address: IpAddr,
    /// What the browser calls itself.
    pub agent: &'a str,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub enum SignedIn {
    /// The token of the session.
    Yes(String),
    /// Name, password or code is wrong; which, nobody is told.
    No,
    /// Too many failures: so many ms to wait.
    Wait(u64),
}

impl Desk {
    /// Signs somebody in. Blocks for a password's hash.
    ///
    /// # Errors
    /// If the store cannot be read or written.
    pub fn sign_in(&self, attempt: &Attempt<'_>) -> Result<SignedIn, Error> {
        let now = self.wall();
        let who = throttle::Who::new(attempt.name, attempt.address);
        let user = {
            let db = self.store.writer();
            if let Some(wait) = throttle::admit(&db, &who, now)? {
                return Ok(SignedIn::Wait(wait));
            }
            users::by_name(&db, attempt.name)?.filter(|user| user.active)
        };
        // The writer is free while the hash is made.
        let right = password::is_right(attempt.password, user.as_ref().map(|user| &*user.password));
        let mut db = self.store.writer();
        let transaction = db.transaction()?;
        let passed = match &user {
            Some(user) if right => {
                users::second_factor(&transaction, user, attempt.code, now)?.then_some(user)
            }
            _ => None,
        };
        let signed_in = match passed {
            Some(user) => {
                throttle::succeeded(&transaction, &who)?;
                let token = sessions::start(&transaction, &user.id, attempt.agent, now)?;
                audit::append(&transaction, &audit::Entry::new(now, &user.id, "sign_in", &user.id, ""))?;
                SignedIn::Yes(token)
            }
            None => {
                // A name that nobody has may be a password in the wrong field: it is not kept.
                let subject = user.as_ref().map_or("unknown", |user| &*user.id);
                audit::append(&transaction, &audit::Entry::new(now, "", "sign_in_failed", subject, ""))?;
                SignedIn::No
            }
        };
        transaction.commit()?;
        Ok(signed_in)
    }

    /// Starts a session for whoever used a one-time link; gives its token.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub(crate) fn start_session(&self, id: &str, agent: &str) -> Result<String, Error> {
        sessions::start(&self.store.writer(), id, agent, self.wall())
    }

    /// Who has the session of a token. `asked`: the language that the browser asks for.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn viewer(&self, token: &str, asked: Language) -> Result<Option<Viewer>, Error> {
        self.known(token, asked, true)
    }

    /// The same; whether that is a use of the session, which puts its end off.
    pub(crate) fn known(&self, token: &str, asked: Language, is_used: bool) -> Result<Option<Viewer>, Error> {
        let now = self.wall();
        let Some(holder) = self.store.read(|db| sessions::holder(db, token, now))? else { return Ok(None) };
        if is_used && holder.is_stale {
            sessions::seen(&self.store.writer(), token, now)?;
        }
        let t = Language::of(&holder.language).unwrap_or(asked).strings();
        let csrf = secret::form_token(token);
        let lacks_factor = !holder.has_factor && self.given.settings.second_factor.contains(&holder.role);
        let sessions::Holder { id, name, role, theme, .. } = holder;
        Ok(Some(Viewer { id, name, role, lacks_factor, csrf, theme, t }))
    }

    /// Ends a session, or all of the person's.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn sign_out(&self, viewer: &Viewer, token: &str, everywhere: bool) -> Result<(), Error> {
        self.noted(
            viewer,
            (if everywhere { "sign_out_everywhere" } else { "sign_out" }, &viewer.id, ""),
            |db| {
                if everywhere { sessions::end_all(db, &viewer.id) } else { sessions::end(db, token) }
            },
        )
    }

    /// The path of a one-time link for the first administrator, if there is none yet. Links of earlier starts end.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn first_link(&self) -> Result<Option<String>, Error> {
        let db = self.store.writer();
        if !users::lacks_admin(&db)? {
            return Ok(None);
        }
        let token = users::invite_first(&db, self.wall())?;
        audit::append(&db, &audit::Entry::new(self.wall(), "", "first_link", "", ""))?;
        Ok(Some(format!("/review/welcome/{token}")))
    }

    /// What a one-time link is for, if it still works.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub(crate) fn invitation(&self, token: &str) -> Result<Option<Invitation>, Error> {
        let now = self.wall();
        self.store.read(|db| users::invitation(db, token, now))
    }

    /// Uses a one-time link. `given`: name and password, which was checked. Blocks for its hash.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub(crate) fn accept(&self, token: &str, (name, given): (&str, &str)) -> Result<Accepted, Error> {
        if self.invitation(token)?.is_none() {
            return Ok(Accepted::Gone);
        }
        let kept = password::hash(given);
        let mut db = self.store.writer();
        let transaction = db.transaction()?;
        let accepted = users::accept(&transaction, token, (name, &kept), self.wall())?;
        if let Accepted::Done(id) = &accepted {
            audit::append(&transaction, &audit::Entry::new(self.wall(), id, "link_used", id, ""))?;
        }
        transaction.commit()?;
        Ok(accepted)
    }

    /// Does something to a person or a session and notes it, both or neither.
    pub(crate) fn noted<T>(
        &self,
        viewer: &Viewer,
        (what, subject, detail): (&str, &str, &str),
        act: impl FnOnce(&rusqlite::Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut db = self.store.writer();
        let transaction = db.transaction()?;
        let done = act(&transaction)?;
        audit::append(&transaction, &audit::Entry::new(self.wall(), &viewer.id, what, subject, detail))?;
        transaction.commit()?;
        Ok(done)
    }
}

#[cfg(test)]
mod tests;
