//! Computed features: everything that is not a plain windowed count.
//!
//! Separate from counters, because each row here has arithmetic of its own in `store/read.rs`; the row says which
//! events may change it. Invariant: a share is `NaN` when nothing below its line is known.

use crate::catalog::counters::{COUNTERS, Counter, Denominator, ROWS as COUNTER_ROWS};
use crate::catalog::{Cause, Evidence, Family, Feature};

const fn c(counter: Counter) -> u64 {
    1 << (counter as u64)
}

const fn d(denominator: Denominator) -> u64 {
    1 << (COUNTERS as u64 + denominator as u64)
}

macro_rules! computed {
    ($($index:ident $name:literal $unit:literal $window:literal $family:ident $evidence:ident $model:literal
        $causes:expr, $meaning:literal, $how:literal;)+) => {
        /// The computed features, in vector order after the counters.
        pub const ROWS: &[Feature] = &[$(Feature {
            name: $name,
            unit: $unit,
            window: $window,
            family: Family::$family,
            meaning: $meaning,
            computed: $how,
            evidence: Evidence::$evidence,
            model: $model,
            causes: $causes,
        },)+];

        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "the variants only number the rows")]
        enum Place { $($index,)+ }

        $(
            #[doc = concat!("Index of `", $name, "`: ", $meaning, ".")]
            pub const $index: usize = COUNTER_ROWS.len() + Place::$index as usize;
        )+
    };
}

computed! {
    // What accumulates slowly.
    NEW_CHATS_7D "new_chats_7d" "count" "7d" Volume VolumeRhythm true c(Counter::NewChats),
        "new chats, decayed", "each counts 1 and halves every 7 d, in steps of a sixteenth";
    NEW_CHATS_30D "new_chats_30d" "count" "30d" Volume VolumeRhythm true c(Counter::NewChats),
        "new chats, decayed", "each counts 1 and halves every 30 d, in steps of a sixteenth";
    ANSWERED_7D "answered_7d" "count" "7d" Response Response true c(Counter::Answered),
        "peers who answered, decayed", "as new_chats_7d";
    ANSWERED_30D "answered_30d" "count" "30d" Response Response true c(Counter::Answered),
        "peers who answered, decayed", "as new_chats_30d";
    BLOCKS_7D "blocks_7d" "count" "7d" Response Response true c(Counter::Blocks) | Cause::FEEDBACK,
        "blocks, decayed", "as new_chats_7d; an unblock takes one back";
    BLOCKS_30D "blocks_30d" "count" "30d" Response Response true c(Counter::Blocks) | Cause::FEEDBACK,
        "blocks, decayed", "as new_chats_30d; an unblock takes one back";
    REPORTS_7D "reports_7d" "count" "7d" Response Response true c(Counter::Reports),
        "reports, decayed", "as new_chats_7d";
    REPORTS_30D "reports_30d" "count" "30d" Response Response true c(Counter::Reports),
        "reports, decayed", "as new_chats_30d";
    UNDELIVERED_7D "undelivered_7d" "count" "7d" Response Response true c(Counter::Undelivered),
        "undelivered messages, decayed", "as new_chats_7d";
    UNDELIVERED_30D "undelivered_30d" "count" "30d" Response Response true c(Counter::Undelivered),
        "undelivered messages, decayed", "as new_chats_30d";
    STRIKES_7D "strikes_7d" "count" "7d" Response Response false Cause::STRIKE,
        "enforced restrictions in the past, decayed", "as new_chats_7d; for policy only";
    STRIKES_30D "strikes_30d" "count" "30d" Response Response false Cause::STRIKE,
        "enforced restrictions in the past, decayed", "as new_chats_30d; for policy only";
    FEEDBACK_7D "feedback_7d" "credit" "7d" Response Response true c(Counter::Feedback) | Cause::FEEDBACK,
        "credibility of blocks and reports, decayed", "as new_chats_7d over feedback; an unblock takes its credit back";
    // Breadth.
    DISTINCT_PEERS_24H "distinct_peers_24h" "count" "24h" Breadth VolumeRhythm true
        c(Counter::Messages) | c(Counter::Answered) | Cause::BREADTH,
        "distinct accounts written to or answering", "exact up to 24 events a day; above, linear counting in 512 bits a third of the day: standard error under 8 % to 2,000, at most 3,194; looks back 16 to 24 h";
    DISTINCT_GROUPS_24H "distinct_groups_24h" "count" "24h" Breadth VolumeRhythm true
        c(Counter::Messages) | c(Counter::GroupCreates) | Cause::BREADTH,
        "distinct groups written to or created", "as distinct_peers_24h in 128 bits: standard error under 15 % to 400, at most 621";
    DISTINCT_REPORTERS_7D "distinct_reporters_7d" "count" "7d" Breadth Response true c(Counter::Reports) | Cause::FEEDBACK,
        "distinct authors of reports", "the last 62 authors are remembered; those of the last 7 d";
    DISTINCT_BLOCKERS_7D "distinct_blockers_7d" "count" "7d" Breadth Response true c(Counter::Blocks) | Cause::FEEDBACK,
        "distinct authors of blocks in force", "as distinct_reporters_7d";
    DEVICES_30D "devices_30d" "count" "30d" Breadth IdentityShared true Cause::IDENTITY,
        "distinct devices", "the last 14 are remembered; those seen within 30 d; NaN until one was told";
    PREFIXES_30D "prefixes_30d" "count" "30d" Breadth IdentityShared true Cause::IDENTITY,
        "distinct network prefixes", "as devices_30d";
    // Ratios.
    ANSWERED_SHARE_24H "answered_share_24h" "share" "24h" Ratio Response true
        c(Counter::Answered) | c(Counter::NewChats),
        "new chats that were answered", "answered_24h / new_chats_24h, at most 1";
    ANSWERED_SHARE_7D "answered_share_7d" "share" "7d" Ratio Response true c(Counter::Answered) | c(Counter::NewChats),
        "new chats that were answered, decayed", "answered_7d / new_chats_7d, at most 1";
    STRANGER_SHARE_24H "stranger_share_24h" "share" "24h" Ratio VolumeRhythm true d(Denominator::ContactsKnown),
        "messages to people without the account in contacts", "stranger_messages_24h / messages of which it is known";
    STRANGER_CHAT_SHARE_24H "stranger_chat_share_24h" "share" "24h" Ratio VolumeRhythm true
        d(Denominator::ChatsContactsKnown),
        "new chats with people without the account in contacts", "stranger_chats_24h / new chats of which it is known";
    TYPED_SHARE_24H "typed_share_24h" "share" "24h" Ratio VolumeRhythm true d(Denominator::TypedKnown),
        "messages before which typing was shown", "over messages of which it is known";
    FORWARD_SHARE_24H "forward_share_24h" "share" "24h" Ratio VolumeRhythm true d(Denominator::ForwardedKnown),
        "messages that were forwarded", "over messages of which it is known";
    UNDELIVERED_SHARE_24H "undelivered_share_24h" "share" "24h" Ratio Response true
        c(Counter::Undelivered) | d(Denominator::Direct),
        "direct messages that could not be delivered", "undelivered_24h / direct messages in 24 h, at most 1";
    BLOCK_RATE_24H "block_rate_24h" "ratio" "24h" Ratio Response true
        c(Counter::Blocks) | c(Counter::Messages) | Cause::BREADTH,
        "blocks a distinct peer", "blocks_24h / distinct_peers_24h (at least 1)";
    REPORT_RATE_24H "report_rate_24h" "ratio" "24h" Ratio Response true
        c(Counter::Reports) | c(Counter::Messages) | Cause::BREADTH,
        "reports a distinct peer", "reports_24h / distinct_peers_24h (at least 1)";
    FEEDBACK_RATE_24H "feedback_rate_24h" "ratio" "24h" Ratio Response true
        c(Counter::Feedback) | c(Counter::Messages) | Cause::BREADTH,
        "credible feedback a distinct peer", "feedback_24h / distinct_peers_24h (at least 1)";
    GROUP_LEAVE_SHARE_24H "group_leave_share_24h" "share" "24h" Ratio Response true
        c(Counter::GroupLeaves) | c(Counter::GroupAdds),
        "added members who left", "group_leaves_24h / group_adds_24h, at most 1";
    UNKNOWN_MEMBER_SHARE_24H "unknown_member_share_24h" "share" "24h" Ratio VolumeRhythm true d(Denominator::AddsKnown),
        "added members who do not have the account in contacts", "over members of whom it is known";
    LOOKUP_HIT_RATE_24H "lookup_hit_rate_24h" "share" "24h" Ratio VolumeRhythm true d(Denominator::LookupsKnown),
        "looked-up numbers that are registered", "over look-ups of which it is known";
    NEW_CHAT_SHARE_24H "new_chat_share_24h" "share" "24h" Ratio VolumeRhythm true
        c(Counter::NewChats) | d(Denominator::Direct),
        "direct messages that open a chat", "new_chats_24h / direct messages in 24 h";
    // Rhythm.
    GAP_MEAN_S "gap_mean_s" "s" "" Rhythm VolumeRhythm true Cause::ACT,
        "mean gap between acts", "exponentially weighted over about 16 acts; a gap over 1 h counts as 1 h; NaN before 3 acts";
    GAP_CV "gap_cv" "ratio" "" Rhythm VolumeRhythm true Cause::ACT,
        "variation of the gaps: machines are regular", "standard deviation / mean of the same gaps; NaN before 8 acts";
    BURST_RATIO "burst_ratio" "ratio" "" Rhythm VolumeRhythm true c(Counter::Messages),
        "messages of the last minute against the mean minute of 24 h", "messages_1m x 1440 / messages_24h; NaN without messages";
    SIZE_REPEAT_SHARE "size_repeat_share" "share" "" Rhythm VolumeRhythm true Cause::SIZE,
        "messages in the same size bucket as the one before", "exponentially weighted over about 16 messages that told their size; NaN before 4";
    SINCE_LAST_ACT_S "since_last_act_s" "s" "" Rhythm VolumeRhythm true Cause::ACT,
        "idle time up to the newest act, or since it", "the longer of the gap that the newest act ended and the time since that act; NaN before 2 acts";
    DORMANCY_H "dormancy_h" "h" "" Rhythm VolumeRhythm true Cause::ACT,
        "idle time before the present burst", "the last gap of at least 6 h, as told (idle_h) or recorded; NaN until there was one";
    // Identity.
    AGE_S "age_s" "s" "" Identity IdentityShared true Cause::AGE | Cause::ACT,
        "age of the account", "newest age_h plus what elapsed; 0 at a registration that tells none; NaN if never told";
    TIER "tier" "code" "" Identity IdentityShared true Cause::IDENTITY,
        "what the account is registered as", "0 person, 1 business, 2 verified, 3 bot; NaN unknown";
    ATTESTED "attested" "flag" "" Identity IdentityShared true Cause::IDENTITY,
        "the client proved itself genuine", "newest session that tells; NaN unknown";
    DEVICE_CHANGES_7D "device_changes_7d" "count" "7d" Identity IdentityShared true Cause::IDENTITY,
        "changes of device, decayed", "as new_chats_7d; NaN until a device was told";
    PREFIX_CHANGES_7D "prefix_changes_7d" "count" "7d" Identity IdentityShared true Cause::IDENTITY,
        "changes of network prefix, decayed", "as new_chats_7d; NaN until a prefix was told";
    COUNTRY_MISMATCH "country_mismatch" "flag" "" Identity IdentityShared true Cause::IDENTITY,
        "the number's country is not the network's", "newest session that tells both; NaN unknown";
    DEVICE_AGE_S "device_age_s" "s" "" Identity IdentityShared true Cause::IDENTITY | Cause::ACT,
        "time since the account's present device was first seen on it", "NaN until a device was told";
    // Shared things.
    DEVICE_ACCOUNTS_24H "device_accounts_24h" "count" "24h" Shared IdentityShared true Cause::FACT,
        "accounts on the same device in 24 h", "newest fact, while under a day old; NaN without one";
    DEVICE_REGISTERED_24H "device_registered_24h" "count" "24h" Shared IdentityShared true Cause::FACT,
        "accounts registered on the same device in 24 h", "as device_accounts_24h";
    DEVICE_RESTRICTED_24H "device_restricted_24h" "count" "24h" Shared IdentityShared false Cause::FACT,
        "accounts on the same device restricted by a human or a sure case in 24 h", "as device_accounts_24h; for policy only";
    PREFIX_REGISTERED_SHARE "prefix_registered_share" "share" "" Shared IdentityShared true Cause::FACT,
        "accounts on the same network prefix that registered within 24 h", "registered_24h / size of the newest fact, while under a day old; NaN without one";
    PREFIX_RESTRICTED_SHARE "prefix_restricted_share" "share" "" Shared IdentityShared false Cause::FACT,
        "accounts on the same network prefix restricted within 24 h", "as prefix_registered_share, by a human or a sure case; for policy only";
    ASN_RESTRICTED_SHARE "asn_restricted_share" "share" "" Shared IdentityShared false Cause::FACT,
        "accounts of the same autonomous system restricted within 24 h", "as prefix_restricted_share";
    RANGE_REGISTERED_SHARE "range_registered_share" "share" "" Shared IdentityShared true Cause::FACT,
        "accounts in the same number range that registered within 24 h", "as prefix_registered_share";
    RANGE_RESTRICTED_SHARE "range_restricted_share" "share" "" Shared IdentityShared false Cause::FACT,
        "accounts in the same number range restricted within 24 h", "as prefix_restricted_share";
    RANGE_ACCOUNTS_24H "range_accounts_24h" "count" "24h" Shared IdentityShared true Cause::FACT,
        "accounts of the same number range seen in 24 h", "as device_accounts_24h";
    COMPANIONS "companions" "count" "" Shared IdentityShared true Cause::FACT | c(Counter::Messages) | c(Counter::Answered),
        "steady companions: accounts that open chats with the same peers within 2 h", "those with at least 3 distinct shared peers, of at most 62 remembered; NaN until a peer's fact came";
    COMPANION_TARGETS "companion_targets" "count" "" Shared IdentityShared true Cause::FACT,
        "most distinct peers shared with one companion", "popular peers weigh less; of at most 62 remembered";
    COMPANION_REPLY_SHARE "companion_reply_share" "share" "" Shared IdentityShared true
        Cause::FACT | c(Counter::Messages) | c(Counter::Answered),
        "steady companions that the account wrote to or that answered it: a circle", "NaN without steady companions";
    CAMPAIGN "campaign" "flag" "" Shared IdentityShared true
        Cause::FACT | c(Counter::Messages) | c(Counter::Answered) | c(Counter::NewChats),
        "the companions look like a campaign", "1 with at least 4 steady companions, at most a quarter of them in contact with the account and at most 15 % of its new chats (7 d) answered; NaN until a peer's fact came";
}
