//! `weir bench-input` (hidden): the input of the speed figures, made anew on every machine instead of being stored.
//!
//! Separate from the simulator, whose traffic is made to be judged, not to load. Invariants: same arguments, same bytes;
//! activity follows Zipf's law with exponent 1 (of 100,000 accounts the hottest sends 8 % of all messages).

use std::io::Write as _;

use clap::Args;
use scorer::Blocklist;
use scorer::blocklist::{Entry, EntryKind};
use sinks::File;

use crate::error::{Error, Outcome};
use crate::files;

/// Simulated time between two events, ms: two million of them are about a day.
const STEP_MS: u64 = 43;
/// 2025-11-03T00:00:00Z.
const START_MS: u64 = 1_762_128_000_000;
/// Peers that an account writes to again and again.
const CIRCLE: u64 = 24;

/// Arguments of `weir bench-input`.
#[derive(Debug, Args)]
pub struct BenchInputArgs {
    /// Events.
    #[arg(long, default_value_t = 2_000_000)]
    events: u64,
    /// Accounts.
    #[arg(long, default_value_t = 100_000)]
    accounts: u64,
    /// Seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Entries of each of three blocklists.
    #[arg(long, default_value_t = 1_000_000)]
    entries: u64,
    /// The folder for events.ndjson and the lists accounts, devices and networks.
    #[arg(long, value_name = "FOLDER")]
    out: String,
}

/// Writes the input.
pub fn run(args: &BenchInputArgs) -> Result<Outcome, Error> {
    if args.accounts == 0 {
        return Err(Error::Usage("0 accounts send nothing: give at least 1".to_owned()));
    }
    std::fs::create_dir_all(&args.out).map_err(|error| Error::file(&args.out, error))?;
    let mut out = File::create(&format!("{}/events.ndjson", args.out))?;
    let mut load = Load::new(args);
    let mut line = Vec::new();
    for number in 0..args.events {
        line.clear();
        load.event(number, &mut line);
        out.write_line(&line)?;
    }
    out.finish()?;
    for (name, kind) in
        [("accounts", EntryKind::Account), ("devices", EntryKind::Device), ("networks", EntryKind::IpPrefix)]
    {
        let entries = (0..args.entries).map(|number| entry(kind, number)).collect();
        let list = Blocklist::build(name, entries)?.list;
        files::write(&format!("{}/{name}.blocklist", args.out), &list.to_bytes())?;
    }
    Ok(Outcome::Done)
}

fn entry(kind: EntryKind, number: u64) -> Entry {
    let value = match kind {
        EntryKind::IpPrefix => format!("{}.{}.{}.0/24", 60 + (number >> 16), number >> 8 & 255, number & 255),
        _ => format!("x_{:022x}", mix(number)),
    };
    let source = "bench".to_owned();
    Entry { kind, value, source, expires: None, note: String::new(), by_human: false }
}

/// What has been sent so far, as far as the next event hangs on it.
struct Load {
    state: u64,
    /// Up to which random number each account is meant: Zipf's law, summed up.
    sums: Vec<f64>,
    /// New peers that each account has written to.
    new_peers: Vec<u32>,
}

impl Load {
    fn new(args: &BenchInputArgs) -> Self {
        let mut sum = 0.0;
        let mut sums: Vec<f64> = Vec::new();
        for rank in 1..=args.accounts {
            sum += 1.0 / rank as f64;
            sums.push(sum);
        }
        let state = mix(args.seed ^ 0x77_65_69_72);
        Self { state, new_peers: vec![0; sums.len()], sums }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    fn event(&mut self, number: u64, line: &mut Vec<u8>) {
        let total = *self.sums.last().expect("run refuses 0 accounts");
        let drawn = (self.next() >> 11) as f64 / (1u64 << 53) as f64 * total;
        let rank = self.sums.partition_point(|&sum| sum < drawn).min(self.sums.len() - 1);
        let ts = START_MS + number * STEP_MS;
        let dice = self.next() % 1000;
        let age_h = 24 + mix(rank as u64) % 40_000;
        let kind = match dice {
            0..930 => "message",
            930..960 => "reply",
            960..980 => "session",
            980..990 => "lookup",
            990..995 => "undelivered",
            995..998 => "block",
            _ => "report",
        };
        let _ = write!(
            line,
            r#"{{"id":"e_{:022x}","ts":{ts},"kind":"{kind}","account":"{}","age_h":{age_h}.5"#,
            mix(number ^ 0x65),
            name(rank as u64)
        );
        self.body(kind, rank, line);
        line.push(b'}');
    }

    fn body(&mut self, kind: &str, rank: usize, line: &mut Vec<u8>) {
        let bits = self.next();
        let _ = match kind {
            "message" => {
                let first = bits % 100 < 4;
                self.new_peers[rank] += u32::from(first);
                let which = if first { CIRCLE + u64::from(self.new_peers[rank]) } else { bits >> 8 & 15 };
                let peer = name(mix(rank as u64 ^ which << 32));
                let known = if first { bits >> 20 & 3 == 0 } else { bits >> 20 & 15 != 0 };
                let (forwarded, typed, size) = (bits >> 30 & 31 == 0, bits >> 36 & 7 != 0, bits >> 40 & 7);
                write!(
                    line,
                    r#","peer":"{peer}","chat":"direct","first_contact":{first},"in_contacts":{known},"forwarded":{forwarded},"typed":{typed},"size":{size}"#
                )
            }
            "session" => {
                let owner = mix(rank as u64 ^ 0xd0);
                write!(
                    line,
                    r#","device":"d_{owner:022x}","ip_prefix":"{}.{}.{}.0/24","asn":{},"number_range":"r_{:06x}","client":"android 2.25","country":"DE","ip_country":"DE","tier":"person","attested":true"#,
                    80 + owner % 100,
                    bits >> 8 & 255,
                    bits >> 16 & 255,
                    owner % 60_000,
                    owner % 0xff_ffff
                )
            }
            "lookup" => write!(line, r#","count":{},"hits":{}"#, 1 + bits % 20, bits % 8 % (1 + bits % 20)),
            "block" | "report" => {
                let (peer, age_h) = (name(mix(bits)), bits % 20_000);
                write!(line, r#","peer":"{peer}","contact":"account","peer_age_h":{age_h}"#)
            }
            _ => write!(line, r#","peer":"{}""#, name(mix(rank as u64 ^ (bits >> 8 & 15) << 32))),
        };
        if kind == "report" {
            line.extend_from_slice(br#","reason":"spam""#);
        }
    }
}

fn name(number: u64) -> String {
    format!("a_{:022x}", mix(number))
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood, 2014): spreads a number over 64 bits.
fn mix(mut value: u64) -> u64 {
    value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}
