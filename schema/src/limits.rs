//! Every limit of the contract and the core, in one file.
//!
//! Separate, so that a reader can see at a glance what bounds memory, time and size, and so that relations between
//! limits are asserted at compile time. Invariant: no queue, map, list, string or batch in weir is without one.

/// Longest identifier (event, account, peer, device, …), bytes.
pub const ID_BYTES_MAX: usize = 64;
/// Longest `entity`, bytes: the word of its kind, a colon and an identifier.
pub const ENTITY_BYTES_MAX: usize = ID_BYTES_MAX + 16;
/// Longest input line or message, bytes; longer ones are rejected as `too_long`.
pub const LINE_BYTES_MAX: usize = 64 * 1024;
/// Longest raw excerpt kept in a reject, bytes before base64.
pub const REJECT_RAW_BYTES_MAX: usize = 4 * 1024;
/// Longest detail text in a reject, bytes.
pub const REJECT_DETAIL_BYTES_MAX: usize = 256;
/// Event ids of a partition that are remembered to recognise repeats.
pub const DUPLICATE_WINDOW_EVENTS: usize = 1 << 20;
/// How far ahead of `at` an event's `ts` may lie, ms.
pub const FUTURE_MS_MAX: u64 = 5 * 60 * 1000;
/// Earliest accepted event time: 2001-09-09T01:46:40Z, ms since the Unix epoch. Catches seconds sent as milliseconds.
pub const TS_MS_MIN: u64 = 1_000_000_000_000;
/// Latest accepted event time: 2100-01-01T00:00:00Z, ms since the Unix epoch. Catches microseconds.
pub const TS_MS_MAX: u64 = 4_102_444_800_000;
/// Largest age or idle time, hours (about 114 years).
pub const HOURS_MAX: f32 = 1_000_000.0;
/// Largest `count`, `hits` or `known` in one event.
pub const COUNT_MAX: u32 = 10_000_000;
/// Largest `group_size`, accounts.
pub const GROUP_SIZE_MAX: u32 = 1_000_000;
/// Largest `size` bucket (log2 of bytes, capped).
pub const SIZE_BUCKET_MAX: u8 = 15;
/// Most `co_accounts` in an entity fact, and most recent members that one fact is sent to.
pub const CO_ACCOUNTS_MAX: usize = 64;
/// Most companions that a decision names.
pub const COMPANIONS_MAX: usize = CO_ACCOUNTS_MAX;
/// Most reasons in a decision.
pub const REASONS_MAX: usize = 8;
/// Most restrictions in one standing (one a scope by humans, and one by automation).
pub const RESTRICTIONS_MAX: usize = 16;
/// Shortest automatic restriction, ms: one that arrives late must still mean something.
pub const RESTRICTION_MS_MIN: u64 = 60 * 60 * 1000;
/// Longest restriction of a shared entity, ms.
pub const ENTITY_RESTRICTION_MS_MAX: u64 = 24 * 60 * 60 * 1000;
/// Accounts kept in memory by one engine before the idlest are evicted, by default.
pub const ACCOUNTS_MAX: usize = 16_000_000;
/// Accounts in the standing table of one engine; past it, new restrictions are refused with an alarm.
pub const STANDINGS_MAX: usize = 4_000_000;
/// Entities (devices, prefixes, number ranges, peers) kept by the relation engine before the idlest are evicted.
pub const ENTITIES_MAX: usize = 2_000_000;
/// Ids of activations that one engine remembers to recognise repeats.
pub const CONTROLS_MAX: usize = 1_024;
/// Codes of what a reviewer had seen, in one review.
pub const REVIEW_SHOWN_MAX: usize = 64;
/// Reviews in one request.
pub const REVIEWS_MAX: usize = 10_000;
/// Ends of restrictions told with one record; the others wait for the next.
pub const ENDS_TOLD_MAX: usize = 256;
/// Accounts without decisions that are drawn for blind audits, a day of the log.
pub const AUDITS_PER_DAY_MAX: u32 = 1_000;
/// Bounds between the strata of scores that they are drawn from.
pub const AUDIT_BOUNDS_MAX: usize = 7;
/// Partitions of a topic that is keyed by account or entity.
pub const PARTITIONS_MAX: usize = 4_096;
/// Rules in one policy.
pub const RULES_MAX: usize = 256;
/// Longest rule expression, bytes.
pub const RULE_BYTES_MAX: usize = 4 * 1024;
/// Nodes in one compiled rule expression.
pub const RULE_NODES_MAX: usize = 512;
/// Largest policy file, bytes.
pub const POLICY_BYTES_MAX: usize = 1024 * 1024;
/// Blocklists in force at once.
pub const BLOCKLISTS_MAX: usize = 64;
/// Entries in one blocklist.
pub const BLOCKLIST_ENTRIES_MAX: usize = 100_000_000;
/// Longest source or note of a blocklist entry, bytes.
pub const BLOCKLIST_TEXT_BYTES_MAX: usize = 256;
/// Accounts in the exempt list.
pub const EXEMPT_MAX: usize = 10_000_000;
/// Largest model artifact, bytes.
pub const MODEL_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Fewest reviewed labels behind a model that may count as evidence for a ban: training holds a fifth of them back, so that it
/// was measured on about 500.
pub const MODEL_LABELS_MIN: u64 = 2_500;
/// Trees in one model.
pub const TREES_MAX: usize = 4_096;
/// Deepest tree.
pub const TREE_DEPTH_MAX: usize = 8;
/// Longest free text (reviewer's reason, control name, url, policy name), bytes.
pub const TEXT_BYTES_MAX: usize = 1_024;
/// Models beside the champion that live at once in an engine; a shadow runs whenever the champion does.
pub const LIVE_MODELS_MAX: usize = 4;
/// Most records, points or keys in one answer of the archive.
pub const HISTORY_ANSWER_MAX: usize = 10_000;
/// Records in one insert into the archive.
pub const ARCHIVE_BATCH_RECORDS_MAX: usize = 200_000;
/// Bytes in one insert into the archive, as they are sent; what was taken from the log at once may lie in it besides.
pub const ARCHIVE_BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Longest time that a record waits for its batch to fill, ms.
pub const ARCHIVE_WAIT_MS_MAX: u64 = 1_000;
/// How much older than its place in the log a record may say it is before the archive refuses it, ms (800 days). Each day
/// is a partition of ClickHouse, so this bounds the partitions of one insert.
pub const ARCHIVE_AGE_MS_MAX: u64 = 800 * 24 * 60 * 60 * 1000;
/// Accounts whose deletion is carried out in one statement of the archive.
pub const ARCHIVE_DELETIONS_MAX: usize = 1_000;
/// Largest body of a request as it is sent, bytes.
pub const HTTP_BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Largest body of a request once it is unpacked, bytes.
pub const HTTP_UNPACKED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most events in one request: each is answered for, and may become a reject with its reason.
pub const HTTP_EVENTS_MAX: usize = 100_000;
/// Most bytes of bodies that arrived, or are arriving, and wait for their turn.
pub const HTTP_WAITING_BYTES_MAX: u32 = 256 * 1024 * 1024;
/// Most rejects that an answer lists; the rest is counted.
pub const HTTP_REJECTS_MAX: usize = 1_000;
/// Most checks of single events that wait for their decision at once.
pub const CHECKS_MAX: usize = 1_024;
/// Longest deadline of a check, ms.
pub const CHECK_DEADLINE_MS_MAX: u64 = 10_000;
/// Most commits that wait for the journal's writer.
pub const JOURNAL_QUEUE_MAX: usize = 1_024;
/// Most records that one durable commit of the journal takes together.
pub const JOURNAL_GROUP_RECORDS_MAX: usize = 65_536;
/// Most bytes that one durable commit of the journal takes together, unless a single append has more.
pub const JOURNAL_GROUP_BYTES_MAX: usize = HTTP_UNPACKED_BYTES_MAX;
/// Most records read from the journal at once.
pub const JOURNAL_READ_RECORDS_MAX: usize = 8_192;
/// Most bytes read from the journal at once, but for the last record.
pub const JOURNAL_READ_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most records that the journal forgets in one commit.
pub const JOURNAL_PRUNE_RECORDS_MAX: u64 = 4_000;
/// Most decisions that a reader of the feed is sent before it must have taken them.
pub const FEED_RECORDS_MAX: usize = 256;

const _: () = {
    assert!(LINE_BYTES_MAX <= HTTP_BODY_BYTES_MAX && HTTP_BODY_BYTES_MAX <= HTTP_UNPACKED_BYTES_MAX);
    assert!(HTTP_UNPACKED_BYTES_MAX <= u32::MAX as usize / 4, "a batch addresses its bytes with 32 bits");
    assert!(HTTP_BODY_BYTES_MAX <= HTTP_WAITING_BYTES_MAX as usize);
    assert!(FEED_RECORDS_MAX <= JOURNAL_READ_RECORDS_MAX);
    assert!(REJECT_RAW_BYTES_MAX <= LINE_BYTES_MAX);
    assert!(TS_MS_MIN < TS_MS_MAX);
    assert!(CO_ACCOUNTS_MAX * (ID_BYTES_MAX + 3) < LINE_BYTES_MAX, "a full entity fact must fit in a line");
    assert!(COMPANIONS_MAX <= CO_ACCOUNTS_MAX, "companions are found among the accounts of one fact");
    assert!(RESTRICTION_MS_MIN <= ENTITY_RESTRICTION_MS_MAX);
    assert!(STANDINGS_MAX <= ACCOUNTS_MAX);
    assert!(DUPLICATE_WINDOW_EVENTS.is_power_of_two());
};
