//! From an account's state to its feature vector.
//!
//! Separate from writing, because it changes nothing: windows are summed, decays applied and shares taken at the time asked
//! for. Invariants: every value is finite and at least 0, or `NaN` where it is unknown; a share whose denominator is 0 is
//! unknown; fixed order of summation; near and far features share none, and together are all.

use schema::EntityKind;

use crate::catalog::counters::{COUNTERS, Counter, Denominator, WINDOWS, Window};
use crate::catalog::{FEATURES, computed as c};
use crate::store::arena::Arena;
use crate::store::buckets::{self, Bucketed, GROUP_BITS, PEER_BITS};
use crate::store::decay::HalfLife;
use crate::store::head::Head;
use crate::store::response::{CREDIT_ONE, Slow};
use crate::store::side::Side;
use crate::store::windows::{self, GROUP_LANES, PEER_LANES};
use crate::store::{companions, facts, identity, log, response};
use crate::vector::{FeatureSet, FeatureVector};

/// What a number of set bits says of how many distinct things set them (linear counting): `-m ln(1 - bits / m)`.
#[derive(Debug)]
pub(crate) struct Estimates {
    peers: Box<[f32]>,
    groups: Box<[f32]>,
}

impl Estimates {
    /// The tables for both sizes of bit map.
    pub fn new() -> Self {
        let table = |bits: u32| {
            let m = f64::from(bits);
            let of = |set: u32| -> f32 {
                // All bits set: as many as with one bit clear, rounded up.
                let clear = f64::from((bits - set).max(1));
                (-m * libm::log(clear / m) + 0.5) as u32 as f32
            };
            (0..=bits).map(of).collect()
        };
        Self { peers: table(PEER_BITS), groups: table(GROUP_BITS) }
    }
}

/// Part of a whole; unknown if the whole is 0.
#[inline]
fn share(part: f32, whole: f32) -> f32 {
    if whole > 0.0 { (part / whole).min(1.0) } else { f32::NAN }
}

/// Features that [`far`] computes; all others are [`near`].
const FAR: [usize; 34] = [
    c::DISTINCT_PEERS_24H,
    c::DISTINCT_GROUPS_24H,
    c::BLOCK_RATE_24H,
    c::REPORT_RATE_24H,
    c::FEEDBACK_RATE_24H,
    c::BLOCKS_7D,
    c::BLOCKS_30D,
    c::REPORTS_7D,
    c::REPORTS_30D,
    c::UNDELIVERED_7D,
    c::UNDELIVERED_30D,
    c::STRIKES_7D,
    c::STRIKES_30D,
    c::FEEDBACK_7D,
    c::DISTINCT_REPORTERS_7D,
    c::DISTINCT_BLOCKERS_7D,
    c::DEVICES_30D,
    c::PREFIXES_30D,
    c::DEVICE_CHANGES_7D,
    c::PREFIX_CHANGES_7D,
    c::DEVICE_AGE_S,
    c::DEVICE_ACCOUNTS_24H,
    c::DEVICE_REGISTERED_24H,
    c::DEVICE_RESTRICTED_24H,
    c::PREFIX_REGISTERED_SHARE,
    c::PREFIX_RESTRICTED_SHARE,
    c::ASN_RESTRICTED_SHARE,
    c::RANGE_REGISTERED_SHARE,
    c::RANGE_RESTRICTED_SHARE,
    c::RANGE_ACCOUNTS_24H,
    c::COMPANIONS,
    c::COMPANION_TARGETS,
    c::COMPANION_REPLY_SHARE,
    c::CAMPAIGN,
];

/// Features that [`near`] computes.
pub(crate) fn near_features() -> FeatureSet {
    (0..FEATURES).filter(|feature| !FAR.contains(feature)).collect()
}

/// Second and millisecond for which an account is read: `now_ms`, or its newest event if that is later.
fn time_of(head: &Head, now_ms: u64) -> (u32, u64) {
    let now_s = ((now_ms / 1_000) as u32).max(head.newest_s);
    (now_s, now_ms.max(u64::from(now_s) * 1_000))
}

/// What the account's head and windows say: all counters, and most of the rest.
pub(crate) fn near(head: &Head, arena: &Arena, now_ms: u64, into: &mut FeatureVector) {
    let (now_s, now_ms) = time_of(head, now_ms);
    let out = &mut into.0;
    let sums = windows::read(head, arena, now_s);
    for lane in 0..COUNTERS {
        for window in 0..WINDOWS {
            out[lane * WINDOWS + window] = sums.counters[window][lane] as f32;
        }
    }
    for window in Window::ALL {
        out[Counter::Feedback.at(window)] /= CREDIT_ONE;
    }
    slow(head, now_s, out);
    ratios(&sums, out);
    rhythm(head, now_ms, out);
    known_facts(head, now_s, out);
}

/// What its other blocks say, and distinct counts, in a vector that [`near`] filled for the same account and time.
pub(crate) fn far(head: &Head, arena: &Arena, estimates: &Estimates, now_ms: u64, into: &mut FeatureVector) {
    let (now_s, _) = time_of(head, now_ms);
    let out = &mut into.0;
    breadth(head, arena, estimates, now_s, out);
    let side = Side::read(arena, head.side);
    responses(head, arena, &side, now_s, out);
    seen(head, arena, now_s, out);
    shared(arena, &side, now_s, out);
}

type Values = [f32; FEATURES];

fn breadth(head: &Head, arena: &Arena, estimates: &Estimates, now_s: u32, out: &mut Values) {
    let (peers, groups) = if head.windows.is_none() {
        (0.0, 0.0)
    } else if head.flags.full() {
        let words = arena.words(head.windows, buckets::WORDS);
        let (peers, groups) = buckets::bits(words, head.newest_s, now_s);
        (estimates.peers[peers as usize], estimates.groups[groups as usize])
    } else {
        let words = arena.words(head.windows, log::words_for(head.log_size()));
        let count = |lanes| log::distinct(words, head.log_len(), now_s, lanes) as f32;
        (count(PEER_LANES), count(GROUP_LANES))
    };
    out[c::DISTINCT_PEERS_24H] = peers;
    out[c::DISTINCT_GROUPS_24H] = groups;
    let peers = peers.max(1.0);
    out[c::BLOCK_RATE_24H] = out[Counter::Blocks.at(Window::Hour24)] / peers;
    out[c::REPORT_RATE_24H] = out[Counter::Reports.at(Window::Hour24)] / peers;
    out[c::FEEDBACK_RATE_24H] = out[Counter::Feedback.at(Window::Hour24)] / peers;
}

fn slow(head: &Head, now_s: u32, out: &mut Values) {
    let left = [HalfLife::Days7.left(head.newest_s, now_s), HalfLife::Days30.left(head.newest_s, now_s)];
    out[c::NEW_CHATS_7D] = head.new_chats[0].value() * left[0];
    out[c::NEW_CHATS_30D] = head.new_chats[1].value() * left[1];
    out[c::ANSWERED_7D] = head.answered[0].value() * left[0];
    out[c::ANSWERED_30D] = head.answered[1].value() * left[1];
    out[c::ANSWERED_SHARE_7D] = share(out[c::ANSWERED_7D], out[c::NEW_CHATS_7D]);
}

fn responses(head: &Head, arena: &Arena, side: &Side, now_s: u32, out: &mut Values) {
    let read = response::read(arena, side.response, head.newest_s, now_s);
    out[c::BLOCKS_7D] = read.slow[Slow::Blocks as usize];
    out[c::BLOCKS_30D] = read.slow[Slow::Blocks as usize + 1];
    out[c::REPORTS_7D] = read.slow[Slow::Reports as usize];
    out[c::REPORTS_30D] = read.slow[Slow::Reports as usize + 1];
    out[c::UNDELIVERED_7D] = read.slow[Slow::Undelivered as usize];
    out[c::UNDELIVERED_30D] = read.slow[Slow::Undelivered as usize + 1];
    out[c::STRIKES_7D] = read.slow[Slow::Strikes as usize];
    out[c::STRIKES_30D] = read.slow[Slow::Strikes as usize + 1];
    out[c::FEEDBACK_7D] = read.slow[Slow::Feedback as usize];
    out[c::DISTINCT_REPORTERS_7D] = read.reporters as f32;
    out[c::DISTINCT_BLOCKERS_7D] = read.blockers as f32;
}

fn ratios(sums: &Bucketed, out: &mut Values) {
    let day = |counter: Counter| sums.counters[Window::Hour24 as usize][counter as usize] as f32;
    let known = |denominator: Denominator| sums.denominators[denominator as usize] as f32;
    out[c::ANSWERED_SHARE_24H] = share(day(Counter::Answered), day(Counter::NewChats));
    out[c::STRANGER_SHARE_24H] = share(day(Counter::StrangerMessages), known(Denominator::ContactsKnown));
    out[c::STRANGER_CHAT_SHARE_24H] =
        share(day(Counter::StrangerChats), known(Denominator::ChatsContactsKnown));
    out[c::TYPED_SHARE_24H] = share(known(Denominator::Typed), known(Denominator::TypedKnown));
    out[c::FORWARD_SHARE_24H] = share(day(Counter::Forwards), known(Denominator::ForwardedKnown));
    out[c::UNDELIVERED_SHARE_24H] = share(day(Counter::Undelivered), known(Denominator::Direct));
    out[c::GROUP_LEAVE_SHARE_24H] = share(day(Counter::GroupLeaves), day(Counter::GroupAdds));
    let strangers = known(Denominator::AddsKnown) - known(Denominator::AddedContacts);
    out[c::UNKNOWN_MEMBER_SHARE_24H] = share(strangers.max(0.0), known(Denominator::AddsKnown));
    out[c::LOOKUP_HIT_RATE_24H] = share(known(Denominator::LookupHits), known(Denominator::LookupsKnown));
    out[c::NEW_CHAT_SHARE_24H] = share(day(Counter::NewChats), known(Denominator::Direct));
    let minute = sums.counters[Window::Min1 as usize][Counter::Messages as usize] as f32;
    let messages = day(Counter::Messages);
    out[c::BURST_RATIO] = if messages > 0.0 { minute * 1_440.0 / messages } else { f32::NAN };
}

fn rhythm(head: &Head, now_ms: u64, out: &mut Values) {
    let known_from = |acts: u32, value: f32| if head.acts >= acts { value } else { f32::NAN };
    let mean = head.gap_mean.value();
    out[c::GAP_MEAN_S] = known_from(3, mean);
    out[c::GAP_CV] = known_from(8, head.gap_deviation.value() / mean.max(0.001));
    out[c::SIZE_REPEAT_SHARE] =
        if head.sizes >= 4 { f32::from(head.size_repeat) / 65_535.0 } else { f32::NAN };
    let act_ms = u64::from(head.act_s) * 1_000 + u64::from(head.act_ms());
    let since = now_ms.saturating_sub(act_ms) as f32 / 1_000.0;
    out[c::SINCE_LAST_ACT_S] = known_from(2, since.max(head.gap_last.value()));
    out[c::DORMANCY_H] = if head.dormancy.0 == 0 { f32::NAN } else { head.dormancy.value() };
}

fn flag(known: Option<bool>) -> f32 {
    known.map_or(f32::NAN, |yes| f32::from(u8::from(yes)))
}

/// How long ago, seconds; unknown if it is not known when.
fn since(now_s: u32, then_s: u32) -> f32 {
    if then_s == 0 { f32::NAN } else { now_s.saturating_sub(then_s) as f32 }
}

fn known_facts(head: &Head, now_s: u32, out: &mut Values) {
    out[c::AGE_S] = since(now_s, head.created_s);
    out[c::TIER] = if head.flags.tier() == 0 { f32::NAN } else { f32::from(head.flags.tier() - 1) };
    out[c::ATTESTED] = flag(head.flags.attested());
    out[c::COUNTRY_MISMATCH] = flag(head.flags.mismatch());
}

fn seen(head: &Head, arena: &Arena, now_s: u32, out: &mut Values) {
    let seen = identity::seen(arena, head.identity, head.newest_s, now_s);
    let present = identity::entities(arena, head.identity);
    let told = |is_told: bool, value: f32| if is_told { value } else { f32::NAN };
    out[c::DEVICES_30D] = told(present.device.is_some(), seen.devices as f32);
    out[c::PREFIXES_30D] = told(present.prefix.is_some(), seen.prefixes as f32);
    out[c::DEVICE_CHANGES_7D] = told(present.device.is_some(), seen.device_changes);
    out[c::PREFIX_CHANGES_7D] = told(present.prefix.is_some(), seen.prefix_changes);
    out[c::DEVICE_AGE_S] = since(now_s, seen.device_since_s);
}

fn shared(arena: &Arena, side: &Side, now_s: u32, out: &mut Values) {
    let told = |kind| facts::told(arena, side.facts, kind, now_s);
    let device = told(EntityKind::Device);
    out[c::DEVICE_ACCOUNTS_24H] = device.map_or(f32::NAN, |told| told.accounts);
    out[c::DEVICE_REGISTERED_24H] = device.map_or(f32::NAN, |told| told.registered);
    out[c::DEVICE_RESTRICTED_24H] = device.map_or(f32::NAN, |told| told.restricted);
    let prefix = told(EntityKind::Prefix);
    out[c::PREFIX_REGISTERED_SHARE] = prefix.map_or(f32::NAN, |told| told.registered_share);
    out[c::PREFIX_RESTRICTED_SHARE] = prefix.map_or(f32::NAN, |told| told.restricted_share);
    let asn = told(EntityKind::Asn);
    out[c::ASN_RESTRICTED_SHARE] = asn.map_or(f32::NAN, |told| told.restricted_share);
    let range = told(EntityKind::NumberRange);
    out[c::RANGE_REGISTERED_SHARE] = range.map_or(f32::NAN, |told| told.registered_share);
    out[c::RANGE_RESTRICTED_SHARE] = range.map_or(f32::NAN, |told| told.restricted_share);
    out[c::RANGE_ACCOUNTS_24H] = range.map_or(f32::NAN, |told| told.accounts);
    let companions = companions::read(arena, side.companions, out[c::ANSWERED_SHARE_7D]);
    out[c::COMPANIONS] = companions.map_or(f32::NAN, |read| read.steady);
    out[c::COMPANION_TARGETS] = companions.map_or(f32::NAN, |read| read.targets);
    out[c::COMPANION_REPLY_SHARE] = companions.map_or(f32::NAN, |read| read.reply_share);
    out[c::CAMPAIGN] = companions.map_or(f32::NAN, |read| read.campaign);
}

#[cfg(test)]
mod tests {
    use super::{Estimates, FAR, far, near, near_features};
    use crate::catalog::FEATURES;
    use crate::store::arena::Arena;
    use crate::store::head::Head;
    use crate::vector::FeatureVector;

    /// No feature has this value.
    const UNTOUCHED: f32 = -1.0;

    #[test]
    fn near_and_far_share_no_feature_and_together_are_all() {
        let (head, arena) = (Head::new(1, 1_762_128_000), Arena::new());
        let mut vector = FeatureVector([UNTOUCHED; FEATURES]);
        near(&head, &arena, 1_762_128_000_000, &mut vector);
        for feature in 0..FEATURES {
            assert_eq!(vector.0[feature] == UNTOUCHED, FAR.contains(&feature), "{feature}");
            assert_eq!(near_features().contains(feature), !FAR.contains(&feature), "{feature}");
        }
        let before = vector.0;
        far(&head, &arena, &Estimates::new(), 1_762_128_000_000, &mut vector);
        for (feature, (value, before)) in vector.0.iter().zip(before).enumerate() {
            assert_ne!(*value, UNTOUCHED, "{feature}");
            let kept = value.to_bits() == before.to_bits();
            assert_eq!(kept, !FAR.contains(&feature), "{feature}");
        }
    }
}
