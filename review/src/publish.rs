//! Putting versions in force, and the kill switch: who may, and in which steps.
//!
//! Separate from the page. Invariants: who proposes a version does not put it in force, neither for the first time nor again after others went back from it; going
//! back to a version that was in force before, and the kill switch, need one person alone, since they are what is done in an emergency; each needs its name typed; each is
//! in the audit chain before it is sent.

use rusqlite::{Connection, OptionalExtension as _, Row};
use schema::Mode;
use schema::control::{Control, KILL_NAME};
use schema::desk::{Shelved, Untaken};
use schema::event::ControlKind;

use crate::audit;
use crate::desk::Desk;
use crate::error::Error;
use crate::people::{Viewer, secret};

/// Longest note, bytes.
pub const NOTE_BYTES_MAX: usize = 1_024;
/// Proposals that are shown.
pub const SHOWN_MAX: usize = 50;

/// A proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Its id.
    pub id: String,
    /// What is proposed.
    pub what: Shelved,
    /// Why.
    pub note: String,
    /// By whom, a pseudonym.
    pub made_by: String,
    /// When, wall ms.
    pub made_at: u64,
    /// `open`, `active` (it was put in force, now or once) or `withdrawn`.
    pub state: String,
    /// Who put it in force or withdrew it.
    pub decided_by: String,
    /// Whether a model is to score beside what decides, and to decide nothing.
    pub is_shadow: bool,
}

const COLUMNS: &str = "id, kind, name, version, note, made_by, made_at, state, decided_by, is_shadow";

fn proposal(row: &Row<'_>) -> rusqlite::Result<Proposal> {
    let kind = row.get::<_, String>(1)?;
    let unknown = || rusqlite::Error::InvalidColumnType(1, kind.clone(), rusqlite::types::Type::Text);
    let what = Shelved {
        kind: ControlKind::from_word(&kind).ok_or_else(unknown)?,
        name: row.get(2)?,
        version: row.get(3)?,
    };
    Ok(Proposal {
        id: row.get(0)?,
        what,
        note: row.get(4)?,
        made_by: row.get(5)?,
        made_at: row.get::<_, i64>(6)? as u64,
        state: row.get(7)?,
        decided_by: row.get(8)?,
        is_shadow: row.get(9)?,
    })
}

fn one(db: &Connection, id: &str) -> Result<Option<Proposal>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM proposals WHERE id = ?1");
    Ok(db.prepare_cached(&sql)?.query_row([id], proposal).optional()?)
}

impl Desk {
    /// Proposals, newest first.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub(crate) fn proposals(&self) -> Result<Vec<Proposal>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM proposals ORDER BY made_at DESC, id LIMIT {SHOWN_MAX}");
        self.store.read(|db| {
            let mut query = db.prepare_cached(&sql)?;
            Ok(query.query_map([], proposal)?.collect::<Result<_, _>>()?)
        })
    }

    /// A proposal.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub(crate) fn proposal(&self, id: &str) -> Result<Option<Proposal>, Error> {
        self.store.read(|db| one(db, id))
    }

    /// Proposes a version that lies ready; gives the id.
    ///
    /// # Errors
    /// [`Error::Refused`] if it does not, has no reason, or is to be a shadow and is no model.
    pub(crate) fn propose(
        &self,
        viewer: &Viewer,
        what: &Shelved,
        (note, is_shadow): (&str, bool),
    ) -> Result<String, Error> {
        if is_shadow && what.kind != ControlKind::Model {
            return Err(Error::Refused("control.shadow_model"));
        }
        if note.trim().is_empty() || note.len() > NOTE_BYTES_MAX {
            return Err(Error::Refused("control.note_missing"));
        }
        let shelf = self.given.insight.shelf().map_err(|_| Error::Refused("control.shelf_down"))?;
        if !shelf.contains(what) {
            return Err(Error::Refused("control.not_there"));
        }
        let id = format!("p_{}", secret::hex(&secret::random::<8>()));
        let Shelved { kind, name, version } = what;
        let subject = format!("{kind} {name} {version}{}", if is_shadow { " shadow" } else { "" });
        self.noted(viewer, ("propose", &subject, note), |db| {
            let sql =
                "INSERT INTO proposals (id, kind, name, version, note, made_by, made_at, state, is_shadow)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'open', ?8)";
            let now = self.wall() as i64;
            db.prepare_cached(sql)?.execute((
                &id,
                kind.word(),
                name,
                version,
                note.trim(),
                &viewer.id,
                now,
                is_shadow,
            ))?;
            Ok(())
        })?;
        Ok(id)
    }

    /// Puts a proposal in force, or what was in force by one before. `typed`: its version, typed by whoever does it.
    ///
    /// # Errors
    /// [`Error::Refused`] if it is one's own and no return from what was proposed after it, was withdrawn, or the version is not typed; or
    /// the log does not take it.
    pub(crate) fn activate(&self, viewer: &Viewer, id: &str, typed: &str) -> Result<(), Error> {
        let proposal = self.proposal(id)?.ok_or(Error::Refused("control.gone"))?;
        let what = match &*proposal.state {
            "open" if proposal.made_by == viewer.id => return Err(Error::Refused("control.own")),
            "open" => "activate",
            "active" if proposal.made_by == viewer.id && !self.is_return(&proposal)? => {
                return Err(Error::Refused("control.own"));
            }
            "active" => "roll_back",
            _ => return Err(Error::Refused("control.gone")),
        };
        if typed != proposal.what.version {
            return Err(Error::Refused("control.typed_wrong"));
        }
        let Shelved { kind, name, version } = &proposal.what;
        self.audit(viewer, what, &format!("{kind} {name} {version}"), &proposal.id)?;
        let mode = proposal.is_shadow.then_some(Mode::Shadow);
        self.want(viewer, (*kind, name, version), (mode, None))?;
        let sql = "UPDATE proposals SET state = 'active', decided_by = ?2, decided_at = ?3 WHERE id = ?1";
        self.store.writer().prepare_cached(sql)?.execute((id, &viewer.id, self.wall() as i64))?;
        Ok(())
    }

    /// Whether what the desk put in force last, of the same kind, was proposed after it: one of policies and of models decides, and as many
    /// lists as have names.
    fn is_return(&self, proposal: &Proposal) -> Result<bool, Error> {
        let Shelved { kind, name, .. } = &proposal.what;
        let is_one = matches!(kind, ControlKind::Policy | ControlKind::Model);
        let sql =
            "SELECT made_at > ?1 FROM proposals WHERE state = 'active' AND kind = ?2 AND (?3 OR name = ?4)
            AND is_shadow = ?5 ORDER BY decided_at DESC, made_at DESC LIMIT 1";
        self.store.read(|db| {
            let values = (proposal.made_at as i64, kind.word(), is_one, name, proposal.is_shadow);
            Ok(db.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?.unwrap_or(false))
        })
    }

    /// Takes a proposal back, one's own or another's.
    ///
    /// # Errors
    /// [`Error::Refused`] if it is not open.
    pub(crate) fn withdraw(&self, viewer: &Viewer, id: &str) -> Result<(), Error> {
        self.noted(viewer, ("withdraw", id, ""), |db| {
            let sql = "UPDATE proposals SET state = 'withdrawn', decided_by = ?2, decided_at = ?3 WHERE id = ?1 AND state = 'open'";
            match db.prepare_cached(sql)?.execute((id, &viewer.id, self.wall() as i64))? {
                1 => Ok(()),
                _ => Err(Error::Refused("control.gone")),
            }
        })
    }

    /// Turns the kill switch. `typed`: its name.
    ///
    /// # Errors
    /// [`Error::Refused`] if the name is not typed or there is no reason; or the log does not take it.
    pub(crate) fn kill(&self, viewer: &Viewer, on: bool, (typed, reason): (&str, &str)) -> Result<(), Error> {
        if typed != KILL_NAME {
            return Err(Error::Refused("control.typed_wrong"));
        }
        if reason.trim().is_empty() || reason.len() > NOTE_BYTES_MAX {
            return Err(Error::Refused("control.note_missing"));
        }
        let version = if on { "on" } else { "off" };
        self.audit(viewer, "kill_switch", version, reason)?;
        self.want(viewer, (ControlKind::Kill, KILL_NAME, version), (None, None))
    }

    /// Takes out a model that scores beside what decides. It changes no decision, so one person alone may.
    ///
    /// # Errors
    /// If the log does not take it.
    pub(crate) fn retire(&self, viewer: &Viewer, name: &str, version: &str) -> Result<(), Error> {
        self.audit(viewer, "retire_shadow", &format!("model {name} {version}"), "")?;
        self.want(viewer, (ControlKind::Model, name, version), (None, Some(0.0)))
    }

    fn want(
        &self,
        viewer: &Viewer,
        (kind, name, version): (ControlKind, &str, &str),
        (mode, share): (Option<Mode>, Option<f32>),
    ) -> Result<(), Error> {
        let control = Control {
            id: format!("c_{}", secret::hex(&secret::random::<12>())),
            at: self.given.insight.now(),
            by: viewer.id.clone(),
            kind,
            name: name.to_owned(),
            version: version.to_owned(),
            sha256: None,
            url: None,
            mode,
            share,
        };
        match self.given.outlet.control(&control) {
            Ok(_) => Ok(()),
            Err(Untaken::Refused(refusal)) => {
                tracing::warn!(%refusal, kind = %kind, name, version, "a version was not taken");
                Err(Error::Refused("control.not_taken"))
            }
            Err(Untaken::Unavailable(detail)) => {
                tracing::error!(detail, "the log takes no control");
                Err(Error::Refused("control.log_down"))
            }
        }
    }

    /// Notes that somebody asked who an account is, with the reason that they gave.
    ///
    /// # Errors
    /// [`Error::Refused`] without a reason; or the store cannot be written: then nothing may be shown.
    pub(crate) fn reveal(&self, viewer: &Viewer, account: &str, reason: &str) -> Result<(), Error> {
        if reason.trim().chars().count() < 5 || reason.len() > NOTE_BYTES_MAX {
            return Err(Error::Refused("reveal.reason_missing"));
        }
        self.audit(viewer, "reveal_account", &audit::account(account), reason.trim())
    }
}

#[cfg(test)]
mod tests;
