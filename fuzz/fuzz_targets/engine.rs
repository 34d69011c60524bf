//! Lines of any kind through decoder and engine: no panic, every contract kept, and the same again on a second run.
//!
//! Separate from `decode`, so that time goes into the core. An input is either lines of JSON or, if its first byte is
//! odd, a compact code for valid events about few accounts, which reaches deep states soon.
#![no_main]

use std::collections::BTreeMap;
use std::sync::OnceLock;

use features::{RelationLimits, StoreLimits};
use libfuzzer_sys::fuzz_target;
use models::Model;
use schema::{Action, RawEvent, json, limits};
use scorer::blocklist::parse_entries;
use scorer::{Blocklist, Engine, EngineConfig, ExemptList, Facts, Outcome, Output, Policy};

const KINDS: &[&str] = schema::Body::KINDS;
const ACCOUNTS: &[&str] = &["a_0", "a_1", "a_2", "a_3", "a_4", "a_5", "a_6", "a_7"];
const WORDS: &[&str] =
    &["all", "messages", "new_chats", "group_adds", "group_creates", "lookups", "registration"];
const ENTITIES: &[&str] = &["device:d_1", "prefix:10.0.0.0/24", "asn:64496", "number_range:n_1", "peer:a_1"];

fuzz_target!(|bytes: &[u8]| {
    let lines = match bytes.split_first() {
        Some((first, rest)) if first % 2 == 1 => compact(rest),
        _ => bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect(),
    };
    let first = replay(&lines);
    assert!(first == replay(&lines), "the same lines gave other decisions");
});

fn engine() -> Engine {
    static POLICY: OnceLock<Policy> = OnceLock::new();
    static LIST: OnceLock<Blocklist> = OnceLock::new();
    static MODEL: OnceLock<Option<Model>> = OnceLock::new();
    let policy = POLICY.get_or_init(|| Policy::default_policy().expect("it is built in"));
    let model =
        MODEL.get_or_init(|| Model::from_bytes(include_bytes!("../../models/default/model.json")).ok());
    let list = LIST.get_or_init(|| {
        let text = "kind,value,source,expires,note,human\ndevice,d_1,ops,,,true\naccount,a_7,ops,,,true\nasn,1,ops,,,\n";
        let entries = parse_entries("list.csv", text).expect("three entries");
        Blocklist::build("list", entries).expect("three entries").list
    });
    // Small enough that eviction happens; not made from the default, which parses the policy again.
    Engine::new(EngineConfig {
        policy: policy.clone(),
        model: model.clone(),
        blocklists: vec![list.clone()],
        exempt: ExemptList::default(),
        store: StoreLimits { accounts_max: 5 },
        relations: RelationLimits { entities_max: 4, contacts_max: 16 },
        standings_max: 6,
        rows: Some(0.5),
        partition: 0,
        partitions: 1,
        facts: Facts::FedBack,
    })
}

fn replay(lines: &[Vec<u8>]) -> Output {
    let mut engine = engine();
    let mut output = Output::default();
    for (offset, line) in lines.iter().enumerate() {
        let Ok(raw) = json::decode(line) else { continue };
        let Ok(Some(event)) = raw.event() else { continue };
        let before = (output.decisions.len(), output.standings.len());
        let outcome = engine.process(&event, offset as u64, &mut output);
        let decided = before != (output.decisions.len(), output.standings.len());
        assert_eq!(decided, outcome == Outcome::Decided, "{outcome:?}");
    }
    check(&output);
    output
}

fn check(output: &Output) {
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    for decision in &output.decisions {
        assert!(decision.reasons.len() <= limits::REASONS_MAX, "{decision:?}");
        assert!(decision.action == Action::Lift || !decision.reasons.is_empty(), "{decision:?}");
        let before = last.insert(&decision.account, decision.seq);
        assert!(before.is_none_or(|before| before < decision.seq), "seq does not rise: {decision:?}");
        let forever = decision.expires.is_none() && decision.action.restricts();
        assert!(!forever || decision.action == Action::Ban, "{decision:?}");
        assert!(decision.score.is_none_or(|score| (0.0..=1.0).contains(&score)), "{decision:?}");
    }
    for standing in &output.standings {
        assert!(standing.restrictions.len() <= limits::RESTRICTIONS_MAX, "{standing:?}");
    }
    for row in &output.rows {
        assert!(row.values.iter().flatten().all(|value| value.is_finite() && *value >= 0.0), "{row:?}");
    }
}

/// Eight bytes an event, all of them valid; their number is bounded.
fn compact(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut ts = 1_732_453_200_000_u64;
    let code = |chunk: &[u8]| <[u8; 8]>::try_from(chunk).expect("a chunk is 8 bytes");
    let codes = bytes.chunks_exact(8).take(512).map(code).enumerate();
    let mut line = |(place, code): (usize, [u8; 8])| {
        // From a millisecond to a fortnight, and sometimes back.
        let step = 1_u64 << (code[1] % 31);
        ts = if code[1] >= 250 { ts.saturating_sub(step) } else { ts + step };
        ts = ts.clamp(limits::TS_MS_MIN, limits::TS_MS_MAX);
        let mut out = Vec::new();
        let id = format!("e_{}", if code[2] == 255 { 0 } else { place });
        json::encode_raw(&event(&id, ts, code), &mut out);
        out
    };
    codes.map(&mut line).collect()
}

fn event<'a>(id: &'a str, ts: u64, code: [u8; 8]) -> RawEvent<'a> {
    let pick = |words: &'static [&'static str], byte: u8| words[usize::from(byte) % words.len()];
    let flag = |bit: u8| (code[6] >> bit & 1 == 1).then_some(code[7] >> bit & 1 == 1);
    let count = 1 << (code[5] % 24);
    let some = |bit: u8, word: &'static str| (code[6] >> bit & 1 == 1).then_some(word.into());
    let kind = pick(KINDS, code[0]);
    let entity = kind == "entity";
    RawEvent {
        id: Some(id.into()),
        ts: Some(ts),
        kind: Some(kind.into()),
        account: Some(if kind == "proposal" { "device:d_1" } else { pick(ACCOUNTS, code[2]) }.into()),
        age_h: flag(0).map(|old| if old { 9_000.0 } else { 0.05 }),
        idle_h: flag(1).map(|long| if long { 2_000.0 } else { 0.5 }),
        // Few or many others.
        peer: Some(if code[3] >= 128 { id.into() } else { pick(ACCOUNTS, code[3]).into() }),
        chat: Some(pick(&["direct", "group"], code[4]).into()),
        group: Some(pick(&["g_0", "g_1", "g_2"], code[4]).into()),
        group_size: some(2, "x").map(|_: schema::raw::Text<'_>| u32::from(code[5])),
        first_contact: flag(2),
        in_contacts: flag(3),
        forwarded: flag(4),
        typed: flag(5),
        size: Some(if entity { count } else { u32::from(code[4] % 16) }),
        contact: some(2, pick(&["none", "author", "account"], code[4])),
        peer_age_h: flag(6).map(|old| if old { 9_000.0 } else { 0.0 }),
        peer_device: some(3, pick(&["d_1", "d_2"], code[5])),
        reason: some(4, pick(&["spam", "threat", "other"], code[5])),
        count: Some(count),
        hits: flag(7).map(|all| if all { count } else { 0 }),
        known: flag(7).map(|all| if all { count } else { 0 }),
        device: some(2, pick(&["d_1", "d_2", "d_3"], code[4])),
        ip_prefix: some(3, pick(&["10.0.0.0/24", "10.0.1.0/24"], code[4])),
        asn: flag(4).map(u32::from),
        number_range: some(5, pick(&["n_1", "n_2"], code[5])),
        country: some(6, "DE"),
        ip_country: some(7, pick(&["DE", "NL"], code[5])),
        tier: some(1, pick(&["person", "business", "verified", "bot"], code[5])),
        attested: flag(0),
        decision: Some("d_1".into()),
        passed: Some(code[7] % 2 == 0),
        scope: some(5, pick(WORDS, code[4])).or((kind == "refused").then_some("messages".into())),
        entity: Some(pick(ENTITIES, code[4]).into()),
        accounts_24h: Some(count),
        registered_24h: Some(count / 2),
        restricted_24h: Some(count / 3),
        co_accounts: flag(0).map(|_| ACCOUNTS.iter().map(|account| (*account).into()).collect()),
        verdict: Some(pick(&["confirm", "lift", "change", "ban", "exempt"], code[4]).into()),
        actor: Some("r_1".into()),
        expires: flag(6).map(|late| if late { ts + 86_400_000 } else { ts }),
        limit: flag(7).map(|_| schema::Limit { max: u32::from(code[5]), per_s: 3_600 }),
        control: Some("c_1".into()),
        what: Some("kill".into()),
        name: Some(pick(&["x", "device-farm-registration"], code[4]).into()),
        feature: some(3, "device_accounts_24h"),
        value: some(3, "x").map(|_: schema::raw::Text<'_>| f32::from(code[5])),
        origin: (kind == "proposal").then_some(schema::Origin { partition: 0, offset: 1, n: 0 }),
        version: Some("1".into()),
        ..RawEvent::default()
    }
}
