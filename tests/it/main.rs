//! One integration binary: what no single crate can test.
//!
//! One binary, because each costs a link. A module a subject.

mod architecture;
mod tidy;

mod acceptance;
mod archive;
mod archive_https;
mod archive_role;
mod audits;
mod bad_input;
#[cfg(feature = "cloud")]
mod buckets;
mod campaigns;
mod contract;
mod datasets;
mod datasets_archived;
mod demo;
mod docs;
mod kafka;
mod kafka_faults;
mod kafka_order;
mod kafka_outages;
mod kafka_overload;
mod kafka_replayed;
mod kafka_restore;
mod kafka_scene;
mod kafka_secured;
mod kafka_shared;
mod kafka_together;
mod kafka_topics;
mod learn;
mod learning;
mod licences;
mod metrics;
mod model_registry;
mod notebooks;
mod pipeline;
mod promises;
mod replay;
mod review_bulk;
mod review_desk;
mod review_doors;
mod review_kafka;
mod review_oidc;
mod review_reasons;
mod review_start;
mod staff;
mod up;
mod versions;
mod world;
