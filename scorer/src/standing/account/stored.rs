//! One account's standing into a checkpoint and back.
//!
//! Separate from what a standing means. Invariants: every field is written; words of closed sets by their place, which never
//! changes; lists longer than their limits are refused.

use features::checkpoint::{Error, Reader, Tag, put_text};
use schema::limits::RESTRICTIONS_MAX;
use schema::{Action, Limit, Restriction, Scope};

use super::{AccountStanding, HumanWord, InForce, SHADOWS_MAX, Shadow};
use crate::keyed::Stored;

const DAMAGED: Error = Error::Damaged("a standing that cannot be");

fn put_option(out: &mut Vec<u8>, value: Option<u64>) {
    out.push(u8::from(value.is_some()));
    out.extend_from_slice(&value.unwrap_or(0).to_le_bytes());
}

fn take_option(reader: &mut Reader<'_>) -> Result<Option<u64>, Error> {
    let (is, value) = (reader.bool()?, reader.u64()?);
    Ok(is.then_some(value))
}

fn take_count(reader: &mut Reader<'_>, most: usize) -> Result<usize, Error> {
    let count = usize::from(reader.u8()?);
    if count > most { Err(DAMAGED) } else { Ok(count) }
}

fn take_word<W: Copy>(reader: &mut Reader<'_>, all: &[W]) -> Result<W, Error> {
    all.get(usize::from(reader.u8()?)).copied().ok_or(DAMAGED)
}

fn take_text(reader: &mut Reader<'_>) -> Result<String, Error> {
    Ok(reader.text(usize::from(u16::MAX))?.to_owned())
}

impl InForce {
    fn put(&self, out: &mut Vec<u8>) {
        let Self { restriction, issued, by_human, victim, previous } = self;
        let Restriction { scope, action, limit, expires, decision, reason, message, human } = restriction;
        out.extend_from_slice(&[*scope as u8, *action as u8]);
        let limit = limit.map(|limit| u64::from(limit.max) << 32 | u64::from(limit.per_s));
        put_option(out, limit);
        put_option(out, *expires);
        out.extend_from_slice(&issued.to_le_bytes());
        out.extend_from_slice(&[*human, *by_human, *victim, previous.is_some()].map(u8::from));
        for text in [decision, reason, message, previous.as_ref().unwrap_or(&String::new())] {
            put_text(out, text);
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let (scope, action) = (take_word(reader, Scope::ALL)?, take_word(reader, Action::ALL)?);
        let limit = take_option(reader)?;
        let limit = limit.map(|limit| Limit { max: (limit >> 32) as u32, per_s: limit as u32 });
        let (expires, issued) = (take_option(reader)?, reader.u64()?);
        let (human, by_human) = (reader.bool()?, reader.bool()?);
        let (victim, has_previous) = (reader.bool()?, reader.bool()?);
        let (decision, reason, message) = (take_text(reader)?, take_text(reader)?, take_text(reader)?);
        let previous = Some(take_text(reader)?).filter(|_| has_previous);
        let restriction = Restriction { scope, action, limit, expires, decision, reason, message, human };
        Ok(Self { restriction, issued, by_human, victim, previous })
    }
}

impl Shadow {
    fn put(&self, out: &mut Vec<u8>) {
        let Self { rule, action, scope, issued, expires, decision } = self;
        out.extend_from_slice(&[*scope as u8, *action as u8]);
        for number in [rule, issued, expires] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        put_text(out, decision);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let (scope, action) = (take_word(reader, Scope::ALL)?, take_word(reader, Action::ALL)?);
        let (rule, issued, expires) = (reader.u64()?, reader.u64()?, reader.u64()?);
        Ok(Self { rule, action, scope, issued, expires, decision: take_text(reader)? })
    }
}

impl HumanWord {
    fn put(&self, out: &mut Vec<u8>) {
        let Self { scope, at, exempt_until, ends } = self;
        out.push(*scope as u8);
        out.extend_from_slice(&at.to_le_bytes());
        put_option(out, *exempt_until);
        out.extend_from_slice(&ends.to_le_bytes());
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let (scope, at) = (take_word(reader, Scope::ALL)?, reader.u64()?);
        Ok(Self { scope, at, exempt_until: take_option(reader)?, ends: reader.u64()? })
    }
}

impl Stored for AccountStanding {
    const TAGS: (Tag, Tag) = (Tag::Standings, Tag::StandingsGone);

    fn put(&self, out: &mut Vec<u8>) {
        let Self { seq, in_force, shadows, words, appealed, .. } = self;
        let Self { episode_ms, passed_ms, review_ms, urgent_ms, keep_ms, end_ms, .. } = self;
        for number in [seq, episode_ms, passed_ms, review_ms, urgent_ms, keep_ms, end_ms] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let counts = [in_force.len(), shadows.len(), words.len(), appealed.len()];
        out.extend_from_slice(&counts.map(|count| count as u8));
        in_force.iter().for_each(|r| r.put(out));
        shadows.iter().for_each(|s| s.put(out));
        words.iter().for_each(|w| w.put(out));
        appealed.iter().for_each(|told| put_text(out, told));
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let mut numbers = [0; 7];
        for number in &mut numbers {
            *number = reader.u64()?;
        }
        let [seq, episode_ms, passed_ms, review_ms, urgent_ms, keep_ms, end_ms] = numbers;
        let in_force = take_count(reader, RESTRICTIONS_MAX)?;
        let shadows = take_count(reader, SHADOWS_MAX)?;
        let words = take_count(reader, Scope::ALL.len())?;
        let appealed = take_count(reader, RESTRICTIONS_MAX)?;
        Ok(Self {
            seq,
            in_force: (0..in_force).map(|_| InForce::take(reader)).collect::<Result<_, _>>()?,
            shadows: (0..shadows).map(|_| Shadow::take(reader)).collect::<Result<_, _>>()?,
            words: (0..words).map(|_| HumanWord::take(reader)).collect::<Result<_, _>>()?,
            episode_ms,
            passed_ms,
            review_ms,
            urgent_ms,
            appealed: (0..appealed).map(|_| take_text(reader)).collect::<Result<_, _>>()?,
            keep_ms,
            end_ms,
        })
    }
}
