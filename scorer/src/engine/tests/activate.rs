//! Versions and the kill switch take effect at their record, once, and a replay does the same.
//!
//! Separate by theme.

use schema::{Action, Activate, ControlKind, ENFORCEMENT_KEY, Verdict, VerdictEvent};

use super::*;
use crate::blocklist::{Blocklist, parse_entries};

fn control<'a>(id: &'a str, what: ControlKind, version: &'a str) -> Body<'a> {
    let name = if what == ControlKind::Kill { "enforcement" } else { "n" };
    Body::Activate(Activate { control: id, what, name, version, mode: None, share: None, sha256: None })
}

fn content(text: &str) -> Content {
    Content::Policy(Box::new(policy(text)))
}

fn list(csv: &str) -> Blocklist {
    let text = format!("kind,value,source,expires,note,human\n{csv}");
    Blocklist::build("n", parse_entries("f", &text).expect("valid entries")).expect("small").list
}

/// What is before a text in a checkpoint.
const TEXT_LENGTH_BYTES: usize = 2;

/// What a shell says of every file.
fn digest() -> String {
    "5e".repeat(32)
}

impl Trial {
    /// Sends an activation as a shell does: what it needs is loaded before.
    fn activate(&mut self, id: &str, what: ControlKind, version: &str, content: impl Fn() -> Content) {
        self.sent += 1;
        let record = format!("c_{}", self.sent);
        let body = control(id, what, version);
        let event = Event {
            id: &record,
            ts: self.now,
            at: Some(self.now),
            account: "!control",
            age_h: None,
            idle_h: None,
            body,
        };
        if let Some(Needed { name, version, .. }) = self.engine.needs(&event) {
            self.engine.provide(Artifact { name, version, content: content(), sha256: Some(digest()) });
        }
        assert_eq!(self.engine.needs(&event), None);
        let outcome = self.engine.process(&event, self.sent, &mut self.output);
        assert!(!matches!(outcome, Outcome::Rejected(_)), "{outcome:?}");
    }

    fn kill(&mut self, id: &str, version: &str) {
        self.activate(id, ControlKind::Kill, version, || unreachable!("it needs nothing"));
    }

    fn rejected(&mut self, account: &str, body: Body<'_>) -> RejectReason {
        self.sent += 1;
        let id = format!("e_{}", self.sent);
        let event =
            Event { id: &id, ts: self.now, at: Some(self.now), account, age_h: None, idle_h: None, body };
        match self.engine.process(&event, self.sent, &mut self.output) {
            Outcome::Rejected(refusal) => refusal.reason,
            outcome => panic!("{outcome:?}"),
        }
    }
}

const STRICT: &str =
    "[[rule]]\nname = \"strict\"\nwhen = 'new_chats_1h >= 2'\naction = \"challenge\"\nscope = \"new_chats\"";

#[test]
fn a_policy_takes_effect_at_its_record_and_decisions_carry_its_version() {
    let mut trial = Trial::new("");
    assert_eq!(trial.strangers("a", None, 3), Vec::<String>::new());
    trial.activate("c1", ControlKind::Policy, "2", || content(STRICT));
    assert_eq!(trial.strangers("a", None, 1), ["enforce challenge new_chats strict"]);
    assert_eq!(trial.last().versions.policy, policy(STRICT).version);
    let what = Needed { kind: ControlKind::Policy, name: "n".into(), version: "2".into() };
    let active = Active { what, role: Role::All, sha256: Some(digest()) };
    assert_eq!(trial.engine.active(), [active]);
}

#[test]
fn a_checkpoint_says_what_the_files_of_active_versions_were() {
    let mut trial = Trial::new("");
    trial.activate("c1", ControlKind::Policy, "2", || content(STRICT));
    trial.kill("c2", "on");
    let mut bytes = Vec::new();
    trial.engine.begin_checkpoint(true);
    while !trial.engine.write_checkpoint(1 << 20, &mut bytes) {}
    let mut restore = Restore::new(EngineConfig { policy: policy(""), ..small() });
    restore.chunk(&bytes).expect("it is whole");
    let needed = restore.needs();
    let [what] = &needed[..] else { panic!("{needed:?}") };
    assert_eq!(restore.sha256_of(what), Some(digest().as_str()));
    let another = Needed { version: "3".to_owned(), ..what.clone() };
    assert_eq!(restore.sha256_of(&another), None);
    // The format before says nothing of it: a frame without the digest and its length.
    let at = bytes.windows(64).position(|part| part == digest().as_bytes()).expect("it is there");
    let length = u32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]);
    let mut before = bytes.clone();
    before.drain(at - TEXT_LENGTH_BYTES..at + 64);
    before[1..5].copy_from_slice(&(length - (TEXT_LENGTH_BYTES + 64) as u32).to_le_bytes());
    before[5] = 4;
    let mut older = Restore::new(EngineConfig { policy: policy(""), ..small() });
    older.chunk(&before).expect("it is read as well");
    assert_eq!((older.needs(), older.sha256_of(what)), (vec![what.clone()], None));
    let (name, version) = (what.name.clone(), what.version.clone());
    restore.provide(Artifact { name, version, content: content(STRICT), sha256: Some(digest()) });
    assert_eq!(restore.finish().expect("it is whole").active(), trial.engine.active());
}

#[test]
fn a_control_acts_once() {
    let mut trial = Trial::new("");
    trial.activate("c1", ControlKind::Policy, "2", || content(STRICT));
    trial.activate("c2", ControlKind::Policy, "3", || content(""));
    trial.activate("c1", ControlKind::Policy, "2", || unreachable!("a repeat needs nothing"));
    assert_eq!(trial.strangers("a", None, 3), Vec::<String>::new(), "the third version is in force");
    let stats = trial.engine.stats();
    assert_eq!((stats.activations, stats.activations_repeated), (2, 1));
}

#[test]
fn without_its_artifact_an_activation_is_refused_and_the_old_version_stays() {
    let mut trial = Trial::new(STRICT);
    let reason = trial.rejected("!control", control("c1", ControlKind::Policy, "2"));
    assert_eq!(reason, RejectReason::ArtifactMissing);
    assert_eq!(trial.strangers("a", None, 2), ["enforce challenge new_chats strict"]);
    trial.activate("c1", ControlKind::Policy, "2", || content(""));
    assert_eq!(trial.engine.active().len(), 1, "its control may come again");
}

#[test]
fn lists_take_effect_at_their_record() {
    let mut trial = Trial::new("");
    trial.strangers("a", None, 1);
    trial.activate("c1", ControlKind::Blocklist, "1", || {
        Content::Blocklist(Box::new(list("account,a,ops,,,true")))
    });
    assert_eq!(trial.strangers("a", None, 1), ["enforce ban all n"]);
    assert!(!trial.last().versions.blocklists.is_empty());
    trial.activate("c2", ControlKind::Exempt, "1", || {
        Content::Exempt(ExemptList::parse("f", "b").expect("valid"))
    });
    trial.activate("c3", ControlKind::Policy, "1", || content(STRICT));
    assert_eq!(trial.strangers("b", None, 2), ["shadow challenge new_chats strict"]);
    assert_eq!(trial.engine.stats().activations, 3);
    let names: Vec<_> = trial.engine.active().into_iter().map(|active| active.what.kind).collect();
    assert_eq!(names, [ControlKind::Policy, ControlKind::Blocklist, ControlKind::Exempt]);
}

#[test]
fn a_replaced_model_is_named_by_its_decisions() {
    let model = || Content::Model(Box::new(model::sender_of_many()));
    let mut trial = Trial::new(STRICT);
    assert_eq!(trial.strangers("a", None, 2).len(), 1);
    assert_eq!(trial.last().versions.model, "");
    trial.activate("c1", ControlKind::Model, "1", model);
    assert_eq!(trial.strangers("b", None, 2).len(), 1);
    assert_eq!(trial.last().versions.model, model::sender_of_many().version());
}

#[test]
fn the_kill_switch_shadows_automation_and_tells_gateways() {
    let mut trial = Trial::new(STRICT);
    trial.kill("c1", "on");
    let told = trial.output.standings.last().expect("it is told").clone();
    let entry = &told.restrictions[0];
    assert_eq!((told.account.as_str(), told.restrictions.len()), (ENFORCEMENT_KEY, 1));
    assert_eq!((entry.scope, entry.action, entry.expires), (Scope::All, Action::Lift, None));
    assert_eq!((entry.reason.as_str(), entry.decision.as_str(), entry.human), ("kill_switch", "c1", false));
    assert_eq!(trial.strangers("a", None, 2), ["shadow challenge new_chats strict"]);
    assert_eq!(trial.in_force("a"), None);
    let ban = VerdictEvent {
        verdict: Verdict::Ban,
        actor: "h",
        decision: None,
        scope: None,
        limit: None,
        expires: None,
        undoes: None,
    };
    assert_eq!(trial.verdict("b", ban), ["enforce ban all -"], "humans still act");
    assert!(trial.output.standings.last().expect("told").restrictions[0].human);
    let standings = trial.output.standings.len();
    trial.kill("c2", "on");
    assert_eq!(trial.output.standings.len(), standings, "it is on already");
    trial.kill("c3", "off");
    let off = trial.output.standings.last().expect("it is told").clone();
    assert!(off.account == ENFORCEMENT_KEY && off.restrictions.is_empty() && off.seq > told.seq);
    assert_eq!(trial.strangers("c", None, 2), ["enforce challenge new_chats strict"]);
}

#[test]
fn a_failed_challenge_goes_no_step_up_while_the_kill_switch_is_on() {
    let mut trial = Trial::new(STRICT);
    trial.strangers("a", None, 2);
    let id = trial.last().id;
    trial.kill("c1", "on");
    let failed = Body::ChallengeResult { decision: &id, passed: false };
    assert_eq!(trial.event("a", None, failed.clone()), ["shadow rate_limit new_chats challenge_failed"]);
    assert_eq!(trial.in_force("a"), Some(Action::Challenge));
    trial.kill("c2", "off");
    assert_eq!(trial.event("a", None, failed), ["enforce rate_limit new_chats challenge_failed"]);
}

#[test]
fn nobody_else_may_use_the_key_of_the_kill_switch() {
    let mut trial = Trial::new(STRICT);
    trial.kill("c1", "on");
    assert_eq!(trial.rejected(ENFORCEMENT_KEY, Body::Deletion), RejectReason::ForgedInternal);
    let (mode, share) = (None, None);
    let lamp = Activate {
        control: "c2",
        what: ControlKind::Kill,
        name: "lamp",
        version: "off",
        mode,
        share,
        sha256: None,
    };
    assert_eq!(trial.rejected("!control", Body::Activate(lamp)), RejectReason::UnknownWord);
    assert_eq!(
        trial.rejected("!control", control("c2", ControlKind::Kill, "maybe")),
        RejectReason::UnknownWord
    );
    assert_eq!(trial.strangers("a", None, 2), ["shadow challenge new_chats strict"], "it is still on");
}

#[test]
fn the_kill_switch_has_room_in_a_full_table() {
    let config = EngineConfig { policy: policy(STRICT), standings_max: 1, ..small() };
    let mut trial = Trial::with(config);
    trial.strangers("a", None, 2);
    trial.kill("c1", "on");
    assert_eq!(trial.output.standings.last().expect("told").account, ENFORCEMENT_KEY);
}

#[test]
fn a_log_with_activations_replays_to_the_same_decisions() {
    let run = || {
        let mut trial = Trial::new("");
        trial.strangers("a", None, 3);
        trial.activate("c1", ControlKind::Policy, "2", || content(STRICT));
        trial.strangers("b", None, 3);
        trial.kill("c2", "on");
        trial.strangers("c", None, 3);
        trial.activate("c3", ControlKind::Blocklist, "1", || {
            Content::Blocklist(Box::new(list("account,a,ops,,,true")))
        });
        trial.kill("c4", "off");
        trial.strangers("a", None, 3);
        trial.activate("c5", ControlKind::Policy, "1", || content(""));
        trial.after(DAY * 2).strangers("b", None, 3);
        trial.output
    };
    let output = run();
    let versions: std::collections::BTreeSet<_> =
        output.decisions.iter().map(|d| (&d.versions.policy, &d.versions.blocklists)).collect();
    assert!(output.decisions.len() >= 3 && versions.len() == 2, "{versions:?}");
    assert_eq!(output, run());
}
