//! Decoding and encoding one event of 279 bytes: ours against the crates that could have done it.
//!
//! Separate from tests. Run with `cargo bench -p schema`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use schema::{RawEvent, json, protobuf};

const LINE: &str = r#"{"id":"e_01HX4Q7ZK3V9T2M8N5B6","ts":1732453200456,"at":1732453200460,"kind":"message","account":"a_9f86d081884c7d659a2f","age_h":0.0833,"peer":"a_60303ae22b998861bce3","chat":"direct","first_contact":true,"in_contacts":false,"forwarded":false,"typed":false,"size":7,"client":"x"}"#;

fn decode(criterion: &mut Criterion) {
    assert_eq!(LINE.len(), 279);
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(1));
    group.bench_function("json", |b| {
        b.iter(|| json::decode(black_box(LINE.as_bytes())).expect("the example is an event"))
    });
    group.bench_function("json_checked", |b| {
        b.iter(|| {
            let raw = json::decode(black_box(LINE.as_bytes())).expect("the example is an event");
            black_box(raw.event().expect("the example is an event").expect("the example is an event"));
        });
    });
    let mut message = Vec::new();
    protobuf::encode_raw(&json::decode(LINE.as_bytes()).expect("the example is an event"), &mut message);
    group.bench_function("protobuf", |b| {
        b.iter(|| protobuf::decode(black_box(&message)).expect("the example is an event"))
    });
    group.bench_function("serde_json_derived", |b| {
        b.iter(|| {
            serde_json::from_slice::<RawEvent<'_>>(black_box(LINE.as_bytes()))
                .expect("the example is an event")
        });
    });
    group.bench_function("sonic_rs_derived", |b| {
        b.iter(|| {
            sonic_rs::from_slice::<RawEvent<'_>>(black_box(LINE.as_bytes())).expect("the example is an event")
        });
    });
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let raw = json::decode(LINE.as_bytes()).expect("the example is an event");
    let event = raw.event().expect("the example is an event").expect("the example is an event");
    let mut out = Vec::with_capacity(1024);
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(1));
    group.bench_function("json", |b| {
        b.iter(|| {
            out.clear();
            json::encode(black_box(&event), &mut out);
            black_box(out.len());
        });
    });
    group.bench_function("protobuf", |b| {
        b.iter(|| {
            out.clear();
            protobuf::encode(black_box(&event), &mut out);
            black_box(out.len());
        });
    });
    group.finish();
}

criterion_group!(benches, decode, encode);
criterion_main!(benches);
