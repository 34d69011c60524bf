//! What crosses a process boundary: events, decisions, standing, reviews, control, relations, rejects and rows.
//!
//! Separate, so that features, models and gateways can speak of an event without depending on a broker, a web server
//! or each other. Invariants: pure (no clock, no I/O); the only crate with serialisable types, apart from the file
//! formats that a crate owns; fields and enum values are only ever added; an absent field is unknown, never false.

pub mod answer;
pub mod control;
pub mod decision;
pub mod desk;
pub mod event;
pub mod history;
pub mod json;
pub mod limits;
pub mod protobuf;
pub mod raw;
pub mod reject;
pub mod review;
pub mod row;
pub mod standing;
pub mod topic;

pub use answer::{Appended, Checked, Controlled, InForce, LineReject, Problem, VersionInForce};
pub use control::{Control, KILL_NAME, NO_WEIGHTS};
pub use decision::{
    AUDIT, Action, Counterfactual, Decision, HOLDOUT, MODEL_SCORE, Mode, Reason, Source, Versions,
    decision_id,
};
pub use event::{
    Activate, Body, Chat, Contact, ControlKind, EntityFact, EntityKind, Event, Feedback, GroupAdd, Limit,
    Message, Origin, Proposal, ReportReason, Scope, Session, Tier, Verdict, VerdictEvent,
};
pub use history::{History, HistoryError, Span};
pub use raw::RawEvent;
pub use reject::{Refusal, Reject, RejectReason};
pub use review::{Act, Label, Relation, Review, Touch};
pub use row::{Row, RowWhy};
pub use standing::{ENFORCEMENT_KEY, Restriction, Standing};
pub use topic::{CONTENT_TYPE_HEADER, CONTENT_TYPE_PROTOBUF, SIGNATURE_HEADER, TOPIC_PREFIX, Topic};
