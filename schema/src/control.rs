//! Control: which version of something is wanted, and what it becomes in the accounts' own logs.
//!
//! Separate from whoever writes it down (a writer on Kafka, the server of a journal) and from the engines that obey. Invariants:
//! what is wanted changes nothing until it lies in `weir.events` as `activate`; the same control gives the same events, however
//! often it is sent; what an engine would pass over in silence is refused.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::decision::{Action, Mode};
use crate::event::{Activate, Body, ControlKind, Event, Scope};
use crate::limits::{ID_BYTES_MAX, TEXT_BYTES_MAX};
use crate::reject::{Refusal, RejectReason};
use crate::standing::{ENFORCEMENT_KEY, Restriction, Standing};

/// Name of the kill switch among controls.
pub const KILL_NAME: &str = "enforcement";
/// Version of weights that takes out those in force: the champion is as it was trained.
pub const NO_WEIGHTS: &str = "none";

/// One line of `weir.control`, key = [`Control::key`]: what is wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// Unique id; activation is idempotent by it.
    pub id: String,
    /// When, ms since the Unix epoch.
    pub at: u64,
    /// Who, a pseudonym.
    pub by: String,
    /// What kind of thing.
    pub kind: ControlKind,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its bytes, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Where its bytes are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// `enforce` or `shadow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Share of accounts, 0..1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f32>,
}

impl Control {
    /// Whether it keeps the contract and can be carried out.
    ///
    /// # Errors
    /// If it cannot, with the field and the reason.
    pub fn check(&self) -> Result<(), Refusal> {
        for (field, text) in
            [("id", &self.id), ("by", &self.by), ("name", &self.name), ("version", &self.version)]
        {
            if text.is_empty() {
                return Err(Refusal::new(RejectReason::EmptyId, format!("{field}: empty")));
            }
            if text.len() > ID_BYTES_MAX {
                let detail = format!("{field}: {} bytes; at most {ID_BYTES_MAX}", text.len());
                return Err(Refusal::new(RejectReason::IdTooLong, detail));
            }
        }
        if self.url.as_ref().is_some_and(|url| url.len() > TEXT_BYTES_MAX) {
            return Err(Refusal::new(
                RejectReason::OutOfRange,
                format!("url: at most {TEXT_BYTES_MAX} bytes"),
            ));
        }
        let is_digest = |text: &String| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if self.sha256.as_ref().is_some_and(|text| !is_digest(text)) {
            return Err(Refusal::new(RejectReason::OutOfRange, "sha256: 64 hexadecimal digits"));
        }
        self.check_role()?;
        let is_switch = self.name == KILL_NAME && matches!(self.version.as_str(), "on" | "off");
        if self.kind == ControlKind::Kill && !is_switch {
            let detail = format!("the kill switch is {KILL_NAME}, on or off");
            return Err(Refusal::new(RejectReason::UnknownWord, detail));
        }
        Ok(())
    }

    /// Models alone may live beside others; rules have a mode and a share of their own, in the policy.
    fn check_role(&self) -> Result<(), Refusal> {
        let wrong = |detail: &str| Err(Refusal::new(RejectReason::OutOfRange, detail));
        let is_partial = self.mode == Some(Mode::Shadow) || self.share.is_some_and(|share| share != 1.0);
        if is_partial && self.kind != ControlKind::Model {
            return wrong(
                "mode, share: a version is put in force for all accounts; write mode and share into the policy's rules",
            );
        }
        if self.share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            return wrong("share: 0 (it goes) to 1 (all accounts)");
        }
        if self.mode == Some(Mode::Shadow) && self.share.is_some() {
            return wrong("share: a shadow decides about nobody and sees all accounts; give no share");
        }
        Ok(())
    }

    /// Whether it speaks of a model beside the champion.
    #[must_use]
    pub fn is_beside(&self) -> bool {
        self.mode == Some(Mode::Shadow) || self.share.is_some_and(|share| share < 1.0)
    }

    /// Its key in `weir.control`, of which the newest is kept: the name; of a model beside the champion, `NAME/beside`.
    #[must_use]
    pub fn key(&self) -> String {
        if self.is_beside() { format!("{}/beside", self.name) } else { self.name.clone() }
    }

    /// The id of the event that it becomes in a partition.
    #[must_use]
    pub fn event_id(&self, partition: u32) -> String {
        format!("c_{:016x}_{partition}", xxh3_64(self.id.as_bytes()))
    }

    /// What it becomes in the log of `account`, one of weir's own; `ts` in ms since the Unix epoch.
    #[must_use]
    pub fn activation<'a>(&'a self, id: &'a str, account: &'a str, ts: u64) -> Event<'a> {
        let Control { id: control, kind, name, version, mode, share, sha256, .. } = self;
        let (mode, share, sha256) = (*mode, *share, sha256.as_deref());
        let activate = Activate { control, what: *kind, name, version, mode, share, sha256 };
        Event { id, ts, at: None, account, age_h: None, idle_h: None, body: Body::Activate(activate) }
    }

    /// What gateways are told of the kill switch: while it is on, they suspend every restriction that is not a human's. `seq`:
    /// higher than that of the one before; `at` in ms since the Unix epoch.
    #[must_use]
    pub fn enforcement(&self, seq: u64, at: u64) -> Standing {
        let switch = Restriction {
            scope: Scope::All,
            action: Action::Lift,
            limit: None,
            expires: None,
            decision: self.id.clone(),
            reason: "kill_switch".to_owned(),
            message: String::new(),
            human: false,
        };
        let restrictions = if self.version == "on" { vec![switch] } else { Vec::new() };
        Standing { account: ENFORCEMENT_KEY.to_owned(), seq, as_of: at, restrictions }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(kind: ControlKind, name: &str, version: &str) -> Control {
        Control {
            id: "c_1".to_owned(),
            at: 1,
            by: "r_1".to_owned(),
            kind,
            name: name.to_owned(),
            version: version.to_owned(),
            sha256: None,
            url: None,
            mode: None,
            share: None,
        }
    }

    #[test]
    fn what_could_not_be_carried_out_is_refused() {
        let reason = |control: Control| control.check().map_err(|refusal| refusal.reason).err();
        assert_eq!(reason(control(ControlKind::Kill, "enforcement", "on")), None);
        assert_eq!(reason(control(ControlKind::Policy, "strict", "7")), None);
        let perhaps = control(ControlKind::Kill, "enforcement", "perhaps");
        assert_eq!(reason(perhaps), Some(RejectReason::UnknownWord));
        assert_eq!(reason(control(ControlKind::Policy, "", "7")), Some(RejectReason::EmptyId));
        assert_eq!(reason(control(ControlKind::Policy, &"x".repeat(65), "7")), Some(RejectReason::IdTooLong));
        let model = || control(ControlKind::Model, "m", "1");
        let shadow = |control| Control { mode: Some(Mode::Shadow), ..control };
        assert_eq!(reason(shadow(model())), None);
        assert_eq!(reason(Control { share: Some(0.5), ..model() }), None);
        assert_eq!(reason(Control { share: Some(1.5), ..model() }), Some(RejectReason::OutOfRange));
        assert_eq!(reason(Control { share: Some(0.5), ..shadow(model()) }), Some(RejectReason::OutOfRange));
        let policy = control(ControlKind::Policy, "strict", "7");
        assert_eq!(reason(shadow(policy)), Some(RejectReason::OutOfRange));
        assert_eq!(
            reason(Control { sha256: Some("00".to_owned()), ..model() }),
            Some(RejectReason::OutOfRange)
        );
        assert_eq!(reason(Control { mode: Some(Mode::Enforce), share: Some(1.0), ..model() }), None);
    }

    #[test]
    fn the_switch_is_one_entry_while_it_is_on_and_nothing_when_it_is_off() {
        let on = control(ControlKind::Kill, KILL_NAME, "on");
        let told = on.enforcement(9, 8);
        assert_eq!((told.account.as_str(), told.seq, told.as_of), (ENFORCEMENT_KEY, 9, 8));
        assert_eq!(told.restrictions.iter().map(|one| one.human).collect::<Vec<_>>(), [false]);
        let off = Control { version: "off".to_owned(), ..on };
        assert_eq!(off.enforcement(10, 10).restrictions, []);
    }

    #[test]
    fn the_same_control_is_the_same_event_and_partitions_have_their_own() {
        let control = control(ControlKind::Policy, "strict", "7");
        assert_eq!(control.event_id(3), control.clone().event_id(3));
        assert_ne!(control.event_id(3), control.event_id(4));
        let id = control.event_id(0);
        assert_eq!(control.activation(&id, "!control-0", 5).body.kind(), "activate");
    }
}
