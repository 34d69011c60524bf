//! Who an account is, as far as weir knows: its whole pseudonym, for a reason, and the way to the operator's own look-up.
//!
//! Separate from the pages that show accounts shortened. Invariant: nothing is shown before the reason is in the audit chain.

use std::sync::Arc;

use askama::Template;
use axum::extract::State as Extract;

use super::frame::{Frame, page};
use super::guard::{Posted, encoded};
use super::wrong::{Answered, Wrong, work};
use crate::audit;
use crate::desk::Desk;
use crate::people::Viewer;

#[derive(Template)]
#[template(path = "reveal.html")]
struct RevealPage {
    f: Frame,
    short: String,
    account: String,
    look_up: String,
    back: String,
}

/// `POST /review/reveal`: fields `account`, as addresses name it, and `reason`.
pub(super) async fn show(Extract(desk): Extract<Arc<Desk>>, viewer: Viewer, posted: Posted) -> Answered {
    let back = posted.text("account").to_owned();
    let template = desk.given.settings.lookup_url.clone();
    let f = Frame::new(&viewer, "");
    let handle = back.clone();
    let account = work(&desk, move |desk| {
        let account = desk.account_of(&handle)?.ok_or(Wrong::Asked("wrong.choice"))?;
        desk.reveal(&viewer, &account, posted.text("reason"))?;
        Ok(account)
    })
    .await?;
    let look_up =
        if template.is_empty() { template } else { template.replace("{account}", &encoded(&account)) };
    Ok(page(&RevealPage { f, short: audit::short(&account), account, look_up, back }))
}
