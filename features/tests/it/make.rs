//! Events for tests, short to write.
//!
//! Separate, because every test file needs them. Invariant: what a test does not name is unknown.

use schema::{Body, Chat, Contact, Event, Feedback, GroupAdd, Message, ReportReason, Session};

/// A Tuesday, ms.
pub const T0_MS: u64 = 1_700_000_000_000;

/// An event of an account.
pub fn event<'a>(account: &'a str, ts: u64, body: Body<'a>) -> Event<'a> {
    Event { id: "e", ts, at: None, account, age_h: None, idle_h: None, body }
}

/// A direct message of which nothing is known but the peer.
pub fn message(peer: &str) -> Body<'_> {
    Body::Message(Message {
        chat: Chat::Direct,
        peer: Some(peer),
        group: None,
        group_size: None,
        first_contact: None,
        in_contacts: None,
        forwarded: None,
        typed: None,
        size: None,
    })
}

/// A first message to a peer.
pub fn first(peer: &str) -> Body<'_> {
    let mut body = message(peer);
    if let Body::Message(message) = &mut body {
        message.first_contact = Some(true);
    }
    body
}

/// A message into a group.
pub fn group_message(group: &str) -> Body<'_> {
    let mut body = message("");
    if let Body::Message(message) = &mut body {
        message.chat = Chat::Group;
        message.peer = None;
        message.group = Some(group);
    }
    body
}

/// Members added.
pub fn group_add<'a>(count: u32, known: Option<u32>) -> Body<'a> {
    Body::GroupAdd(GroupAdd { peer: None, group: None, group_size: None, count, known })
}

/// Numbers looked up.
pub fn lookup<'a>(count: u32, hits: Option<u32>) -> Body<'a> {
    Body::Lookup { count, hits }
}

/// A peer answers.
pub fn reply(peer: &str) -> Body<'_> {
    Body::Reply { peer }
}

/// A block or report by an author of unknown age and origin.
pub fn feedback(peer: &str, contact: Option<Contact>) -> Feedback<'_> {
    Feedback { peer, contact, peer_age_h: None, peer_device: None, peer_prefix: None, peer_range: None }
}

/// A report for spam.
pub fn report(feedback: Feedback<'_>) -> Body<'_> {
    Body::Report { feedback, reason: ReportReason::Spam }
}

/// A session on a device and prefix.
pub fn session<'a>(device: &'a str, prefix: &'a str) -> Session<'a> {
    Session { device: Some(device), ip_prefix: Some(prefix), ..Session::default() }
}
