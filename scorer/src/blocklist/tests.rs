//! What a blocklist promises, one sentence a test.
//!
//! Separate to keep the list readable.

use proptest::prelude::*;

use super::*;

const NOW: u64 = 1_732_453_200_000;

fn list(csv: &str) -> Blocklist {
    let text = format!("kind,value,source,expires,note,human\n{csv}");
    Blocklist::build("test", parse_entries("f.csv", &text).expect("valid entries")).expect("small").list
}

fn check(csv: &str, kind: EntryKind, value: &str, expected: Option<&str>) {
    let list = list(csv);
    let found = list.find(kind, value, NOW).map(|e| e.value.to_owned());
    assert_eq!(found.as_deref(), expected, "{value} in {csv}");
    let again = Blocklist::from_bytes("f", list.to_bytes()).expect("own bytes");
    assert_eq!(again.find(kind, value, NOW).map(|e| e.value.to_owned()), found);
}

#[test]
fn an_exact_entry_is_found_and_nothing_else() {
    check("account,a_1,ops,,,true", EntryKind::Account, "a_1", Some("a_1"));
    check("account,a_1,ops,,,true", EntryKind::Account, "a_2", None);
    check("account,a_1,ops,,,true", EntryKind::Device, "a_1", None);
}

#[test]
fn an_expired_entry_never_matches() {
    check(&format!("device,d_1,ops,{NOW},,"), EntryKind::Device, "d_1", None);
    check(&format!("device,d_1,ops,{},,", NOW + 1), EntryKind::Device, "d_1", Some("d_1"));
}

#[test]
fn a_prefix_matches_the_narrowest_wider_entry() {
    check("ip_prefix,10.1.0.0/16,feed,,,", EntryKind::IpPrefix, "10.1.2.0/24", Some("10.1.0.0/16"));
    check(
        "ip_prefix,10.0.0.0/8,f,,,\nip_prefix,10.1.2.0/23,f,,,",
        EntryKind::IpPrefix,
        "10.1.2.0/24",
        Some("10.1.2.0/23"),
    );
    check("ip_prefix,10.1.2.128/25,feed,,,", EntryKind::IpPrefix, "10.1.2.0/24", None);
    check("ip_prefix,2001:db8::/32,feed,,,", EntryKind::IpPrefix, "2001:db8:7::/48", Some("2001:db8::/32"));
    check("ip_prefix,p_77,feed,,,", EntryKind::IpPrefix, "p_77", Some("p_77"));
}

#[test]
fn what_an_account_remembers_of_a_network_finds_what_its_text_finds() {
    let list = list(
        "ip_prefix,10.0.0.0/8,f,,,\nip_prefix,2001:db8::/33,f,,,\nip_prefix,p_1,f,,,\nip_prefix,fe80::/10,f,,,\nip_prefix,2001:db8::1,f,,,",
    );
    let networks = ["10.9.8.0/24", "11.0.0.0/8", "2001:db8:0:7::/64", "2001:db8:8000::/48", "p_1", "p_2"];
    let exact = ["fe80::/10", "2001:db8::1"];
    for text in networks.into_iter().chain(exact) {
        let by_code = list.find_network(features::network_code(text), NOW).map(|e| e.value);
        assert_eq!(by_code, list.find(EntryKind::IpPrefix, text, NOW).map(|e| e.value), "{text}");
    }
    let hash = features::key_hash(EntryKind::IpPrefix as u8, "p_1");
    assert_eq!(list.find_hash(EntryKind::Device, hash, NOW), None, "another kind");
}

#[test]
fn only_what_a_list_holds_is_looked_for() {
    let list =
        list("ip_prefix,10.1.0.0/16,f,,,\nip_prefix,2001:db8::/32,f,,,\nip_prefix,p_/x,f,,,\ndevice,d,f,,,");
    assert!(list.holds.kind(EntryKind::IpPrefix) && list.holds.kind(EntryKind::Device));
    assert!(!list.holds.kind(EntryKind::Account) && !list.holds.kind(EntryKind::Asn));
    assert!(list.holds.length(true, 16) && !list.holds.length(true, 32));
    assert!(list.holds.length(false, 32) && list.holds.length(false, 128) && !list.holds.length(false, 16));
}

#[test]
fn an_as_number_matches_in_any_spelling_of_the_entry() {
    check("asn,AS64500,feed,,,", EntryKind::Asn, "64500", Some("64500"));
}

#[test]
fn a_maybe_of_the_filter_is_not_an_entry() {
    let mut list = list("account,a_1,ops,,,true");
    Arc::make_mut(&mut list.bloom).fill();
    assert!(list.maybe(EntryKind::Account, "a_2"), "the filter says maybe to everything now");
    assert!(list.find(EntryKind::Account, "a_2", NOW).is_none(), "and nothing is confirmed");
    assert!(list.find(EntryKind::Account, "a_1", NOW).is_some());
}

#[test]
fn of_repeated_keys_a_humans_then_the_longest_lasting_stays() {
    let list =
        list("account,a,feed,,,false\naccount,a,ops,1800000000000,,true\naccount,a,ops,1700000000000,,true");
    let entry = list.find(EntryKind::Account, "a", NOW).expect("listed");
    assert!(list.len() == 1 && entry.by_human && entry.expires == Some(1_800_000_000_000));
}

#[test]
fn two_builds_are_the_same_bytes_in_any_order() {
    assert_eq!(
        list("account,a,x,,,\ndevice,b,y,,,").to_bytes(),
        list("device,b,y,,,\naccount,a,x,,,").to_bytes()
    );
}

#[test]
fn the_measured_rate_is_near_the_promised_one() {
    let entries = (0..20_000).map(|i| Entry {
        kind: EntryKind::Account,
        value: format!("a_{i}"),
        source: "s".into(),
        expires: None,
        note: String::new(),
        by_human: false,
    });
    let list = Blocklist::build("many", entries.collect()).expect("small").list;
    let measured = list.measure_false_positives(200_000);
    assert!(measured.rate < 3.0 * FALSE_POSITIVE_RATE, "{measured:?}");
    assert!((0..20_000).all(|i| list.find(EntryKind::Account, &format!("a_{i}"), NOW).is_some()));
}

fn check_error(text: &str, expected: &str) {
    assert_eq!(parse_entries("f", text).expect_err("wrong").to_string(), expected);
}

#[test]
fn errors_name_line_and_column() {
    check_error(
        "kind,value\naccount,a\ndevise,b",
        "f:3:1: kind \"devise\" is none of account, device, ip_prefix, asn, number_range, did you mean \"device\"?",
    );
    check_error("kind,value,expires\naccount,a,soon", "f:2:11: expires \"soon\" is no time in ms since 1970");
    check_error(
        "kind,value,expires\naccount,a,1732453200",
        "f:2:11: expires 1732453200 is before 2001; times are in ms since the Unix epoch: these look like seconds",
    );
    check_error(
        "kind,source\n",
        "f:1:1: the header has no column \"value\"; it must be kind,value,source,expires,note,human",
    );
    check_error("kind,value\naccount,\"a", "f:2:9: a quote is not closed on this line");
    check_error("{\"kind\":\"asn\",\"value\":\"x\"}", "f:1:15: \"x\" is no AS number");
    check_error(
        "{\"kind\":\"asn\",\"value\":\"1\",\"sauce\":1}",
        "f:1:33: unknown field `sauce`, expected one of `kind`, `value`, `source`, `expires`, `note`, `human` at line 1 column 33",
    );
}

#[test]
fn a_changed_byte_is_noticed() {
    let bytes = list("account,a_1,ops,,note,true").to_bytes();
    for i in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[i] ^= 1;
        assert!(Blocklist::from_bytes("f", changed).is_err(), "byte {i}");
        assert!(Blocklist::from_bytes("f", bytes[..i].to_vec()).is_err(), "cut at {i}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_bytes_make_reading_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = b"WEIRBLK1\x01\x00".to_vec();
        bytes.extend(body);
        let sum = xxhash_rust::xxh3::xxh3_128(&bytes);
        bytes.extend(sum.to_le_bytes());
        let _ = Blocklist::from_bytes("f", bytes);
    }

    #[test]
    fn no_text_makes_parsing_panic(text in "\\PC{0,80}") {
        let _ = parse_entries("f", &format!("kind,value\n{text}"));
        let _ = parse_entries("f", &format!("{{{text}"));
    }
}
