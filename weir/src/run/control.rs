//! The control writer: what is wanted becomes an `activate` record in every partition of events.
//!
//! Separate from those who want and from those who obey. It is the owner of the one partition of `weir.control`, so there is
//! one writer at a time. Invariants: the record for a partition has an id that follows from the control's, so a repeat after
//! a crash is one that engines know; the kill switch is told to gateways at once, however far behind a partition is.

use ingest::kafka::{Message, partition_of};
use schema::limits::ID_BYTES_MAX;
use schema::{
    Action, Activate, Body, Control, ControlKind, ENFORCEMENT_KEY, Event, Refusal, RejectReason, Restriction,
    Scope, Standing,
};
use xxhash_rust::xxh3::xxh3_64;

use super::line::{Stop, Work};
use super::outlet::{Outlet, ticket};

/// Name of the kill switch among controls.
pub const KILL_NAME: &str = "enforcement";

/// Writes activations.
pub struct Controller {
    /// The account under which each partition is told: one that belongs there.
    addresses: Vec<String>,
}

impl Controller {
    /// A writer to so many partitions.
    pub fn new(partitions: u32) -> Self {
        Self { addresses: (0..partitions).map(|partition| address(partition, partitions)).collect() }
    }

    fn activate(&self, control: &Control, place: (u64, u64), outlet: &mut Outlet<'_>) -> Result<u32, Stop> {
        let (offset, at) = place;
        outlet.look_at_the_clock()?;
        let mut outputs = 0;
        if control.kind == ControlKind::Kill {
            outputs += outlet.enforcement(&enforcement(control, at), offset)?;
        }
        for (partition, account) in self.addresses.iter().enumerate() {
            let id = format!("c_{:016x}_{partition}", xxh3_64(control.id.as_bytes()));
            let activate = Activate {
                control: &control.id,
                what: control.kind,
                name: &control.name,
                version: &control.version,
            };
            let body = Body::Activate(activate);
            let event = Event { id: &id, ts: at, at: None, account, age_h: None, idle_h: None, body };
            outlet.producer.internal_event(&event, ticket(offset))?;
            outputs += 1;
        }
        tracing::info!(
            control = control.id,
            kind = %control.kind,
            name = control.name,
            version = control.version,
            by = control.by,
            "a version was activated"
        );
        Ok(outputs)
    }
}

impl Work for Controller {
    fn record(&mut self, message: &Message<'_>, outlet: &mut Outlet<'_>) -> Result<u32, Stop> {
        let (offset, at) = (message.offset(), message.record().at.unwrap_or(0));
        if message.record().value.is_none() {
            return Ok(0); // A tombstone: nothing is wanted of that name any more.
        }
        match control(message.value()) {
            Ok(control) => self.activate(&control, (offset, at), outlet),
            Err(refusal) => outlet.reject(refusal, (offset, at), message.value()),
        }
    }
}

/// Reads and checks a control record.
pub fn control(value: &[u8]) -> Result<Control, Refusal> {
    let control: Control = serde_json::from_slice(value)
        .map_err(|error| Refusal::new(RejectReason::Malformed, format!("no control record: {error}")))?;
    for (field, text) in [("id", &control.id), ("name", &control.name), ("version", &control.version)] {
        if text.is_empty() {
            return Err(Refusal::new(RejectReason::EmptyId, format!("{field}: empty")));
        }
        if text.len() > ID_BYTES_MAX {
            return Err(Refusal::new(RejectReason::IdTooLong, format!("{field}: {} bytes", text.len())));
        }
    }
    let is_switch = control.name == KILL_NAME && matches!(control.version.as_str(), "on" | "off");
    if control.kind == ControlKind::Kill && !is_switch {
        let detail = format!("the kill switch is {KILL_NAME}, on or off");
        return Err(Refusal::new(RejectReason::UnknownWord, detail));
    }
    Ok(control)
}

/// What gateways are told: while it is on, they suspend every restriction that is not a human's.
pub fn enforcement(control: &Control, at: u64) -> Standing {
    let switch = Restriction {
        scope: Scope::All,
        action: Action::Lift,
        limit: None,
        expires: None,
        decision: control.id.clone(),
        reason: "kill_switch".to_owned(),
        message: String::new(),
        human: false,
    };
    let restrictions = if control.version == "on" { vec![switch] } else { Vec::new() };
    Standing { account: ENFORCEMENT_KEY.to_owned(), seq: at, as_of: at, restrictions }
}

/// An account name of weir's own that belongs to the partition.
fn address(partition: u32, partitions: u32) -> String {
    let names = (0_u64..).map(|n| format!("!control-{n}"));
    let mut own = names.filter(|name| partition_of(name.as_bytes(), partitions) == partition);
    own.next().expect("a hash reaches every partition sooner or later")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_has_an_address_that_belongs_there() {
        for partitions in [1, 3, 48] {
            let controller = Controller::new(partitions);
            for (partition, account) in (0..).zip(&controller.addresses) {
                assert_eq!(partition_of(account.as_bytes(), partitions), partition);
            }
        }
    }

    #[test]
    fn a_control_record_that_says_nothing_is_refused() {
        let record = |kind: &str, name: &str, version: &str| {
            format!(r#"{{"id":"c","at":1,"by":"r","kind":"{kind}","name":"{name}","version":"{version}"}}"#)
        };
        let reason = |text: &str| control(text.as_bytes()).map_err(|refusal| refusal.reason).err();
        assert_eq!(reason(&record("kill", "enforcement", "on")), None);
        assert_eq!(reason(&record("policy", "strict", "7")), None);
        assert_eq!(reason(&record("kill", "enforcement", "perhaps")), Some(RejectReason::UnknownWord));
        assert_eq!(reason(&record("policy", "", "7")), Some(RejectReason::EmptyId));
        assert_eq!(reason(&record("policy", &"x".repeat(65), "7")), Some(RejectReason::IdTooLong));
        assert_eq!(reason("{"), Some(RejectReason::Malformed));
    }

    #[test]
    fn the_switch_is_one_entry_while_it_is_on_and_nothing_when_it_is_off() {
        let text = r#"{"id":"c","at":1,"by":"r","kind":"kill","name":"enforcement","version":"on"}"#;
        let on = control(text.as_bytes()).expect("a control record");
        let told = enforcement(&on, 9);
        assert_eq!((told.account.as_str(), told.seq, told.restrictions.len()), ("!enforcement", 9, 1));
        assert!(!told.restrictions[0].human);
        let off = Control { version: "off".to_owned(), ..on };
        assert_eq!(enforcement(&off, 10).restrictions, []);
    }
}
