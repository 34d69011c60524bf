//! Counters: one row a thing that is counted over the four windows, and one a denominator counted over 24 h.
//!
//! Separate, so that a new counter is one row here and nothing anywhere else: the row says what it counts, and the
//! log, the buckets, the sums, the features and what they touch all follow from the table. Invariant: at most 32 lanes.

use crate::catalog::{Evidence, Family, Feature};
use crate::signal::Signal;

/// The four windows, in the order of a counter's features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// One minute.
    Min1,
    /// Ten minutes.
    Min10,
    /// One hour.
    Hour1,
    /// A day.
    Hour24,
}

impl Window {
    /// Every window, shortest first.
    pub const ALL: [Window; WINDOWS] = [Window::Min1, Window::Min10, Window::Hour1, Window::Hour24];

    /// Length, seconds.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        match self {
            Window::Min1 => 60,
            Window::Min10 => 600,
            Window::Hour1 => 3_600,
            Window::Hour24 => 86_400,
        }
    }
}

/// Number of windows.
pub const WINDOWS: usize = 4;

/// What one event adds to a lane.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adds {
    /// One.
    One,
    /// [`Signal::amount`].
    Amount,
    /// [`Signal::part`].
    Part,
}

macro_rules! counters {
    ($($lane:ident $name:literal [$m1:ident $m10:ident $h1:ident $h24:ident] $family:ident $evidence:ident
        $unit:literal $model:literal $adds:ident $when:expr, $meaning:literal;)+) => {
        /// Things counted over every window; the discriminant is the lane.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each is told by its row's meaning")]
        #[repr(u8)]
        pub enum Counter { $($lane,)+ }

        impl Counter {
            /// Every counter, in lane order.
            pub const ALL: &'static [Counter] = &[$(Counter::$lane,)+];
        }

        /// What each counter adds.
        const COUNTER_ADDS: &[Adds] = &[$(Adds::$adds,)+];

        /// The features of the counters: four a row.
        pub const ROWS: &[Feature] = &[$(
            counters!(@row $lane $name "1m" $family $evidence $unit $model $meaning),
            counters!(@row $lane $name "10m" $family $evidence $unit $model $meaning),
            counters!(@row $lane $name "1h" $family $evidence $unit $model $meaning),
            counters!(@row $lane $name "24h" $family $evidence $unit $model $meaning),
        )+];

        $(
            #[doc = concat!("Index of `", $name, "_1m`.")]
            pub const $m1: usize = Counter::$lane.at(Window::Min1);
            #[doc = concat!("Index of `", $name, "_10m`.")]
            pub const $m10: usize = Counter::$lane.at(Window::Min10);
            #[doc = concat!("Index of `", $name, "_1h`.")]
            pub const $h1: usize = Counter::$lane.at(Window::Hour1);
            #[doc = concat!("Index of `", $name, "_24h`.")]
            pub const $h24: usize = Counter::$lane.at(Window::Hour24);
        )+

        /// The lanes of counters that an event adds to.
        #[inline]
        fn counter_lanes(signal: &Signal) -> u32 {
            let mut lanes = 0;
            $(
                let when: fn(&Signal) -> bool = $when;
                lanes |= u32::from(when(signal)) << (Counter::$lane as u32);
            )+
            lanes
        }
    };
    (@row $lane:ident $name:literal $window:literal $family:ident $evidence:ident $unit:literal $model:literal $meaning:literal) => {
        Feature {
            name: concat!($name, "_", $window),
            unit: $unit,
            window: $window,
            family: Family::$family,
            meaning: $meaning,
            computed: "sum of 6 buckets aligned to the clock; at least the exact count of 5/6 of the window, at most that of all of it",
            evidence: Evidence::$evidence,
            model: $model,
            causes: 1 << (Counter::$lane as u64),
        }
    };
}

counters! {
    Messages "messages" [MESSAGES_1M MESSAGES_10M MESSAGES_1H MESSAGES_24H] Volume VolumeRhythm
        "count" true One |s| s.message, "messages sent";
    NewChats "new_chats" [NEW_CHATS_1M NEW_CHATS_10M NEW_CHATS_1H NEW_CHATS_24H] Volume VolumeRhythm
        "count" true One |s| s.first_contact, "first messages to accounts never written to before";
    StrangerMessages "stranger_messages"
        [STRANGER_MESSAGES_1M STRANGER_MESSAGES_10M STRANGER_MESSAGES_1H STRANGER_MESSAGES_24H] Volume VolumeRhythm
        "count" true One |s| s.in_contacts == Some(false), "messages to people known not to have the account in contacts";
    StrangerChats "stranger_chats"
        [STRANGER_CHATS_1M STRANGER_CHATS_10M STRANGER_CHATS_1H STRANGER_CHATS_24H] Volume VolumeRhythm
        "count" true One |s| s.told_first && s.in_contacts == Some(false),
        "new chats, told and not estimated, with people known not to have the account in contacts";
    GroupMessages "group_messages"
        [GROUP_MESSAGES_1M GROUP_MESSAGES_10M GROUP_MESSAGES_1H GROUP_MESSAGES_24H] Volume VolumeRhythm
        "count" true One |s| s.message && !s.direct, "messages into groups";
    Forwards "forwards" [FORWARDS_1M FORWARDS_10M FORWARDS_1H FORWARDS_24H] Volume VolumeRhythm
        "count" true One |s| s.forwarded == Some(true), "messages known to be forwarded";
    GroupCreates "group_creates" [GROUP_CREATES_1M GROUP_CREATES_10M GROUP_CREATES_1H GROUP_CREATES_24H] Volume VolumeRhythm
        "count" true One |s| s.group_create, "groups created";
    GroupAdds "group_adds" [GROUP_ADDS_1M GROUP_ADDS_10M GROUP_ADDS_1H GROUP_ADDS_24H] Volume VolumeRhythm
        "count" true Amount |s| s.group_add, "members added to groups";
    Lookups "lookups" [LOOKUPS_1M LOOKUPS_10M LOOKUPS_1H LOOKUPS_24H] Volume VolumeRhythm
        "count" true Amount |s| s.lookup, "numbers looked up";
    Refused "refused" [REFUSED_1M REFUSED_10M REFUSED_1H REFUSED_24H] Volume VolumeRhythm
        "count" false Amount |s| s.refused, "acts that the gateway refused under a restriction";
    Answered "answered" [ANSWERED_1M ANSWERED_10M ANSWERED_1H ANSWERED_24H] Response Response
        "count" true One |s| s.reply, "distinct peers who answered the account's first contact";
    Blocks "blocks" [BLOCKS_1M BLOCKS_10M BLOCKS_1H BLOCKS_24H] Response Response
        "count" true One |s| s.block, "blocks by peers, raw";
    Reports "reports" [REPORTS_1M REPORTS_10M REPORTS_1H REPORTS_24H] Response Response
        "count" true One |s| s.report, "reports by peers, raw";
    Undelivered "undelivered" [UNDELIVERED_1M UNDELIVERED_10M UNDELIVERED_1H UNDELIVERED_24H] Response Response
        "count" true One |s| s.undelivered, "messages that could not be delivered";
    GroupLeaves "group_leaves" [GROUP_LEAVES_1M GROUP_LEAVES_10M GROUP_LEAVES_1H GROUP_LEAVES_24H] Response Response
        "count" true One |s| s.group_leave, "members who left after the account had added them";
    Feedback "feedback" [FEEDBACK_1M FEEDBACK_10M FEEDBACK_1H FEEDBACK_24H] Response Response
        "credit" true Amount |s| s.credited, "blocks and reports weighted by credibility: one fully credible author is 1";
}

macro_rules! denominators {
    ($($lane:ident $adds:ident $when:expr, $meaning:literal;)+) => {
        /// Things counted over 24 h only, below the line of a ratio.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Denominator { $(#[doc = $meaning] $lane,)+ }

        /// What each denominator adds.
        const DENOMINATOR_ADDS: &[Adds] = &[$(Adds::$adds,)+];

        /// The lanes of denominators that an event adds to, from bit 0.
        #[inline]
        fn denominator_lanes(signal: &Signal) -> u32 {
            let mut lanes = 0;
            $(
                let when: fn(&Signal) -> bool = $when;
                lanes |= u32::from(when(signal)) << (Denominator::$lane as u32);
            )+
            lanes
        }
    };
}

denominators! {
    Direct One |s| s.direct, "direct messages";
    ContactsKnown One |s| s.in_contacts.is_some(), "messages of which it is known whether the recipient has the account in contacts";
    ChatsContactsKnown One |s| s.told_first && s.in_contacts.is_some(), "new chats, told and not estimated, of which the same is known";
    ForwardedKnown One |s| s.forwarded.is_some(), "messages known to be forwarded or not";
    TypedKnown One |s| s.typed.is_some(), "messages known to be typed or not";
    Typed One |s| s.typed == Some(true), "messages known to be typed";
    AddsKnown Amount |s| s.group_add && s.part_known, "members added of whom it is known whether they have the account in contacts";
    AddedContacts Part |s| s.group_add && s.part_known, "of those, members who have the account in contacts";
    LookupsKnown Amount |s| s.lookup && s.part_known, "numbers looked up of which it is known whether they are registered";
    LookupHits Part |s| s.lookup && s.part_known, "of those, registered numbers";
}

impl Counter {
    /// The index of the counter's feature over a window.
    #[must_use]
    pub const fn at(self, window: Window) -> usize {
        self as usize * WINDOWS + window as usize
    }
}

/// Lanes counted over every window.
pub(crate) const COUNTERS: usize = Counter::ALL.len();
/// Lanes counted over 24 h only.
pub(crate) const DENOMINATORS: usize = DENOMINATOR_ADDS.len();
/// All lanes.
pub(crate) const LANES: usize = COUNTERS + DENOMINATORS;

const fn lanes_adding(adds: Adds) -> u32 {
    let mut lanes = 0;
    let mut lane = 0;
    while lane < LANES {
        let own = if lane < COUNTERS { COUNTER_ADDS[lane] } else { DENOMINATOR_ADDS[lane - COUNTERS] };
        if own as u8 == adds as u8 {
            lanes |= 1 << lane;
        }
        lane += 1;
    }
    lanes
}

/// Lanes to which an event adds its amount.
pub(crate) const AMOUNT_LANES: u32 = lanes_adding(Adds::Amount);
/// Lanes to which an event adds its part.
pub(crate) const PART_LANES: u32 = lanes_adding(Adds::Part);

/// The lanes that an event adds to, counters first.
#[inline]
pub(crate) fn lanes(signal: &Signal) -> u32 {
    counter_lanes(signal) | (denominator_lanes(signal) << COUNTERS)
}

const _: () = {
    assert!(LANES <= 32, "a log entry tells its lanes in 32 bits");
    assert!(ROWS.len() == COUNTERS * WINDOWS);
    assert!(COUNTERS.is_multiple_of(2), "two lanes share a word: add a denominator's worth of padding");
};
