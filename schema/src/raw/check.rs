//! From the wire shape to an event: presence, words, lengths and ranges.
//!
//! Separate from decoding, so that JSON and Protobuf refuse the same things for the same reasons. Invariants: every
//! refusal names the field; a field that the kind does not use is not looked at; unknown kinds are `None`, not errors.

use super::{Field, RawEvent, Text};
use crate::decision::Mode;
use crate::event::{
    Activate, Body, Chat, Contact, ControlKind, EntityFact, EntityKind, Event, Feedback, GroupAdd, Limit,
    Message, Proposal, ReportReason, Scope, Session, Tier, Verdict, VerdictEvent,
};
use crate::limits::{
    CO_ACCOUNTS_MAX, COUNT_MAX, ENTITY_BYTES_MAX, GROUP_SIZE_MAX, HOURS_MAX, ID_BYTES_MAX, SIZE_BUCKET_MAX,
    TS_MS_MAX, TS_MS_MIN,
};
use crate::reject::{Refusal, RejectReason};

type Checked<T> = Result<T, Refusal>;

impl RawEvent<'_> {
    /// The validated event; `None` for a kind that is not documented, which is counted and passed over.
    ///
    /// # Errors
    /// A required field is absent, an identifier, number or time is out of bounds, or a word is unknown.
    #[inline]
    pub fn event(&self) -> Checked<Option<Event<'_>>> {
        let kind = self.kind.as_deref().ok_or_else(|| missing(Field::kind))?;
        let Some(body) = self.body(kind)? else { return Ok(None) };
        Ok(Some(Event {
            id: required(Field::id, &self.id)?,
            ts: time(Field::ts, self.ts)?.ok_or_else(|| missing(Field::ts))?,
            at: time(Field::at, self.at)?,
            account: self.account_of(&body)?,
            age_h: hours(Field::age_h, self.age_h)?,
            idle_h: hours(Field::idle_h, self.idle_h)?,
            body,
        }))
    }

    #[inline]
    fn body(&self, kind: &str) -> Checked<Option<Body<'_>>> {
        Ok(Some(match kind {
            "message" => Body::Message(self.message_body()?),
            "session" => Body::Session(self.session_body()?),
            "registration" => Body::Registration(self.session_body()?),
            "reply" => Body::Reply { peer: required_peer(&self.peer)? },
            "undelivered" => Body::Undelivered { peer: optional_peer(&self.peer)? },
            "block" => Body::Block(self.feedback_body()?),
            "unblock" => Body::Unblock { peer: required_peer(&self.peer)? },
            "report" => Body::Report { feedback: self.feedback_body()?, reason: self.report_reason() },
            "group_create" => Body::GroupCreate {
                group: Some(required(Field::group, &self.group)?),
                group_size: at_most(Field::group_size, self.group_size, GROUP_SIZE_MAX)?,
            },
            "group_add" => Body::GroupAdd(self.group_add_body()?),
            "group_leave" => Body::GroupLeave {
                peer: required_peer(&self.peer)?,
                group: Some(required(Field::group, &self.group)?),
            },
            "lookup" => {
                let count = self.required_count()?;
                Body::Lookup { count, hits: at_most(Field::hits, self.hits, count)? }
            }
            "challenge_result" => Body::ChallengeResult {
                decision: required(Field::decision, &self.decision)?,
                passed: self.passed.ok_or_else(|| missing(Field::passed))?,
            },
            "refused" => Body::Refused {
                scope: known_word(Field::scope, &self.scope, Scope::from_word)?
                    .ok_or_else(|| missing(Field::scope))?,
                count: self.required_count()?,
            },
            "appeal" => Body::Appeal { decision: required(Field::decision, &self.decision)? },
            "deletion" => Body::Deletion,
            "entity" => Body::Entity(self.entity_body()?),
            "verdict" => Body::Verdict(self.verdict_body()?),
            "activate" => Body::Activate(self.activate_body()?),
            "proposal" => Body::Proposal(self.proposal_body()?),
            _ => return Ok(None),
        }))
    }

    /// The account; of a verdict it may, of a proposal it must be the key of a shared thing that can be restricted. What gateways write
    /// is about accounts alone: under the key of a device it would count for, and restrict, everybody who has the device.
    #[inline]
    fn account_of(&self, body: &Body<'_>) -> Checked<&str> {
        match (body, self.account.as_deref()) {
            (Body::Proposal(_), Some(key)) => restrictable(key),
            (Body::Verdict(_), Some(key)) if key.len() > ID_BYTES_MAX => {
                restrictable(key).map_err(|_| bad_length(Field::account, key.len(), ID_BYTES_MAX))
            }
            (body, _) if body.is_internal() => required(Field::account, &self.account),
            _ => required(Field::account, &self.account).and_then(|name| of_a_gateway(Field::account, name)),
        }
    }

    #[inline]
    fn message_body(&self) -> Checked<Message<'_>> {
        let chat =
            known_word(Field::chat, &self.chat, Chat::from_word)?.ok_or_else(|| missing(Field::chat))?;
        let group = optional(Field::group, &self.group)?;
        if chat == Chat::Group && group.is_none() {
            return Err(missing(Field::group));
        }
        let size = at_most(Field::size, self.size, u32::from(SIZE_BUCKET_MAX))?;
        Ok(Message {
            chat,
            peer: optional_peer(&self.peer)?,
            group,
            group_size: at_most(Field::group_size, self.group_size, GROUP_SIZE_MAX)?,
            first_contact: self.first_contact,
            in_contacts: self.in_contacts,
            forwarded: self.forwarded,
            typed: self.typed,
            size: size.map(|bucket| u8::try_from(bucket).expect("at most 15")),
        })
    }

    fn session_body(&self) -> Checked<Session<'_>> {
        Ok(Session {
            device: optional(Field::device, &self.device)?,
            ip_prefix: optional(Field::ip_prefix, &self.ip_prefix)?,
            asn: self.asn,
            number_range: optional(Field::number_range, &self.number_range)?,
            client: optional(Field::client, &self.client)?,
            country: country(Field::country, &self.country)?,
            ip_country: country(Field::ip_country, &self.ip_country)?,
            tier: known_word(Field::tier, &self.tier, Tier::from_word)?,
            attested: self.attested,
        })
    }

    fn feedback_body(&self) -> Checked<Feedback<'_>> {
        Ok(Feedback {
            peer: required_peer(&self.peer)?,
            contact: known_word(Field::contact, &self.contact, Contact::from_word)?,
            peer_age_h: hours(Field::peer_age_h, self.peer_age_h)?,
            peer_device: optional(Field::peer_device, &self.peer_device)?,
            peer_prefix: optional(Field::peer_prefix, &self.peer_prefix)?,
            peer_range: optional(Field::peer_range, &self.peer_range)?,
        })
    }

    /// Unknown and absent reasons read as `other`: a new reason must not lose a report.
    fn report_reason(&self) -> ReportReason {
        self.reason.as_deref().and_then(ReportReason::from_word).unwrap_or(ReportReason::Other)
    }

    fn group_add_body(&self) -> Checked<GroupAdd<'_>> {
        let count = self.required_count()?;
        Ok(GroupAdd {
            peer: optional_peer(&self.peer)?,
            group: Some(required(Field::group, &self.group)?),
            group_size: at_most(Field::group_size, self.group_size, GROUP_SIZE_MAX)?,
            count,
            known: at_most(Field::known, self.known, count)?,
        })
    }

    fn required_count(&self) -> Checked<u32> {
        at_most(Field::count, self.count, COUNT_MAX)?.ok_or_else(|| missing(Field::count))
    }

    fn entity_body(&self) -> Checked<EntityFact<'_>> {
        let entity = self.entity.as_deref().ok_or_else(|| missing(Field::entity))?;
        let kind = entity_kind(Field::entity, entity)?;
        let count =
            |field: Field, value: Option<u32>| at_most(field, value, u32::MAX)?.ok_or_else(|| missing(field));
        Ok(EntityFact {
            entity,
            kind,
            accounts_24h: count(Field::accounts_24h, self.accounts_24h)?,
            size: count(Field::size, self.size)?,
            registered_24h: count(Field::registered_24h, self.registered_24h)?,
            restricted_24h: count(Field::restricted_24h, self.restricted_24h)?,
            co_accounts: self.co_accounts_checked()?,
            origin: self.origin,
        })
    }

    fn proposal_body(&self) -> Checked<Proposal<'_>> {
        let value = self.value;
        if let Some(value) = value.filter(|value| !value.is_finite()) {
            return Err(out_of_range(Field::value, &value, &f32::MAX));
        }
        Ok(Proposal {
            rule: required(Field::name, &self.name)?,
            decision: required(Field::decision, &self.decision)?,
            feature: optional(Field::feature, &self.feature)?,
            value,
            origin: self.origin.ok_or_else(|| missing(Field::origin))?,
        })
    }

    fn co_accounts_checked(&self) -> Checked<Vec<&str>> {
        let Some(accounts) = &self.co_accounts else { return Ok(Vec::new()) };
        if accounts.len() > CO_ACCOUNTS_MAX {
            let detail = format!("co_accounts: {} items; at most {CO_ACCOUNTS_MAX}", accounts.len());
            return Err(Refusal::new(RejectReason::ListTooLong, detail));
        }
        accounts.iter().map(|account| bounded(Field::co_accounts, account, ID_BYTES_MAX)).collect()
    }

    fn verdict_body(&self) -> Checked<VerdictEvent<'_>> {
        Ok(VerdictEvent {
            verdict: known_word(Field::verdict, &self.verdict, Verdict::from_word)?
                .ok_or_else(|| missing(Field::verdict))?,
            actor: required(Field::actor, &self.actor)?,
            decision: optional(Field::decision, &self.decision)?,
            scope: known_word(Field::scope, &self.scope, Scope::from_word)?,
            limit: rate(Field::limit, self.limit)?,
            expires: time(Field::expires, self.expires)?,
            undoes: optional(Field::undoes, &self.undoes)?,
        })
    }

    fn activate_body(&self) -> Checked<Activate<'_>> {
        Ok(Activate {
            control: required(Field::control, &self.control)?,
            what: known_word(Field::what, &self.what, ControlKind::from_word)?
                .ok_or_else(|| missing(Field::what))?,
            name: required(Field::name, &self.name)?,
            version: required(Field::version, &self.version)?,
            mode: known_word(Field::mode, &self.mode, Mode::from_word)?,
            share: self.share.map_or(Ok(None), |share| {
                let is_share = (0.0..=1.0).contains(&share);
                if is_share { Ok(Some(share)) } else { Err(out_of_range(Field::share, &share, &1)) }
            })?,
            sha256: optional(Field::sha256, &self.sha256)?.map(digest).transpose()?,
        })
    }
}

#[cold]
fn reserved(field: Field, name: &str) -> Refusal {
    let detail = format!("{}: {name}: names that begin with ! or like device: are weir's own", field.name());
    Refusal::new(RejectReason::ForgedInternal, detail)
}

fn digest(text: &str) -> Checked<&str> {
    let is_digest = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let wrong = || Refusal::new(RejectReason::OutOfRange, "sha256: 64 hexadecimal digits");
    if is_digest { Ok(text) } else { Err(wrong()) }
}

#[cold]
fn missing(field: Field) -> Refusal {
    Refusal::new(RejectReason::MissingField, format!("{}: absent, but required for this kind", field.name()))
}

#[cold]
fn unknown_word(field: Field, word: &str) -> Refusal {
    let shown = &word[..word.floor_char_boundary(ID_BYTES_MAX)];
    Refusal::new(RejectReason::UnknownWord, format!("{}: {shown:?} is not a documented word", field.name()))
}

#[cold]
fn out_of_range(field: Field, value: &dyn std::fmt::Display, max: &dyn std::fmt::Display) -> Refusal {
    Refusal::new(RejectReason::OutOfRange, format!("{}: {value} is not between 0 and {max}", field.name()))
}

#[cold]
fn bad_length(field: Field, bytes: usize, max: usize) -> Refusal {
    if bytes == 0 {
        return Refusal::new(RejectReason::EmptyId, format!("{}: empty", field.name()));
    }
    Refusal::new(RejectReason::IdTooLong, format!("{}: {bytes} bytes; at most {max}", field.name()))
}

#[inline]
fn bounded(field: Field, id: &str, bytes_max: usize) -> Checked<&str> {
    if id.is_empty() || id.len() > bytes_max {
        return Err(bad_length(field, id.len(), bytes_max));
    }
    Ok(id)
}

/// The kind of `kind:pseudonym`.
fn entity_kind(field: Field, entity: &str) -> Checked<EntityKind> {
    bounded(field, entity, ENTITY_BYTES_MAX)?;
    let (kind, pseudonym) = entity.split_once(':').unwrap_or((entity, ""));
    let kind = EntityKind::from_word(kind).ok_or_else(|| unknown_word(field, kind))?;
    bounded(field, pseudonym, ID_BYTES_MAX)?;
    Ok(kind)
}

/// The key of a shared thing whose standing can change: networks and peers have none.
fn restrictable(key: &str) -> Checked<&str> {
    match entity_kind(Field::account, key)? {
        EntityKind::Device | EntityKind::NumberRange => Ok(key),
        other => Err(unknown_word(Field::account, other.word())),
    }
}

#[inline]
fn optional<'a>(field: Field, id: &'a Option<Text<'_>>) -> Checked<Option<&'a str>> {
    match id {
        Some(id) => bounded(field, id, ID_BYTES_MAX).map(Some),
        None => Ok(None),
    }
}

#[inline]
fn required<'a>(field: Field, id: &'a Option<Text<'_>>) -> Checked<&'a str> {
    optional(field, id)?.ok_or_else(|| missing(field))
}

/// A name as gateways may write it: none of weir's own, `!…` and the keys of shared things.
#[inline]
fn of_a_gateway(field: Field, name: &str) -> Checked<&str> {
    if name.starts_with('!') || name.as_bytes().contains(&b':') && is_entity(name) {
        return Err(reserved(field, name));
    }
    Ok(name)
}

fn is_entity(name: &str) -> bool {
    name.split_once(':').is_some_and(|(kind, _)| EntityKind::from_word(kind).is_some())
}

#[inline]
fn optional_peer<'a>(peer: &'a Option<Text<'_>>) -> Checked<Option<&'a str>> {
    optional(Field::peer, peer)?.map(|name| of_a_gateway(Field::peer, name)).transpose()
}

#[inline]
fn required_peer<'a>(peer: &'a Option<Text<'_>>) -> Checked<&'a str> {
    required(Field::peer, peer).and_then(|name| of_a_gateway(Field::peer, name))
}

#[inline]
fn known_word<T>(
    field: Field,
    word: &Option<Text<'_>>,
    parse: impl Fn(&str) -> Option<T>,
) -> Checked<Option<T>> {
    match word {
        Some(word) => parse(word).map(Some).ok_or_else(|| unknown_word(field, word)),
        None => Ok(None),
    }
}

#[inline]
fn at_most(field: Field, value: Option<u32>, max: u32) -> Checked<Option<u32>> {
    match value {
        Some(value) if value > max => Err(out_of_range(field, &value, &max)),
        value => Ok(value),
    }
}

#[inline]
fn hours(field: Field, value: Option<f32>) -> Checked<Option<f32>> {
    match value {
        Some(value) if !(0.0..=HOURS_MAX).contains(&value) => Err(out_of_range(field, &value, &HOURS_MAX)),
        value => Ok(value),
    }
}

#[inline]
fn time(field: Field, ms: Option<u64>) -> Checked<Option<u64>> {
    match ms {
        Some(ms) if !(TS_MS_MIN..=TS_MS_MAX).contains(&ms) => Err(bad_time(field, ms)),
        ms => Ok(ms),
    }
}

/// A rate is over at least a second: whoever divides by it need not look.
fn rate(field: Field, limit: Option<Limit>) -> Checked<Option<Limit>> {
    match limit {
        Some(Limit { per_s: 0, .. }) => {
            let detail = format!("{}: per_s is at least 1", field.name());
            Err(Refusal::new(RejectReason::OutOfRange, detail))
        }
        limit => Ok(limit),
    }
}

#[cold]
fn bad_time(field: Field, ms: u64) -> Refusal {
    let name = field.name();
    let detail =
        format!("{name}: {ms} is not a time in ms between {TS_MS_MIN} (2001) and {TS_MS_MAX} (2100)");
    Refusal::new(RejectReason::BadTime, detail)
}

fn country(field: Field, code: &Option<Text<'_>>) -> Checked<Option<[u8; 2]>> {
    match code.as_deref().map(str::as_bytes) {
        None => Ok(None),
        Some(&[a, b]) if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Ok(Some([a, b])),
        Some(_) => Err(unknown_word(field, code.as_deref().unwrap_or_default())),
    }
}
