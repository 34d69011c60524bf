//! What each persona does, a file a family; `person` is the life that most innocents share.
//!
//! Separate from the acts they share (`acts`). Invariant: a persona touches the world only through acts and the agenda.

pub(crate) mod arrivals;
pub(crate) mod brigade;
pub(crate) mod campaign;
pub(crate) mod outreach;
pub(crate) mod person;
pub(crate) mod probing;
pub(crate) mod rogue;
pub(crate) mod service;
pub(crate) mod takeover;
pub(crate) mod trade;

use rand_chacha::ChaCha8Rng;

use crate::agent::Mind;
use crate::city::City;
use crate::persona::Persona;

/// What a social account does beside its ordinary life, and when it registers if that is within the run.
pub(crate) fn mind(
    city: &City,
    persona: Persona,
    rng: &mut ChaCha8Rng,
) -> (Option<Box<dyn Mind>>, Option<u64>) {
    use arrivals::{Arrival, Coming};
    let run = (city.config.start_ms, city.end);
    let coming = match persona {
        Persona::Newcomer => Coming::Newcomer,
        Persona::ContactImporter => Coming::Importer,
        Persona::NumberChanger => Coming::NewNumber,
        Persona::ReturnerNewPhone => Coming::NewPhone,
        Persona::DormantReturner => Coming::Dormant,
        Persona::Traveller => Coming::Abroad,
        _ => return (trade_of(city, persona, rng), None),
    };
    let arrival = Arrival::draw(rng, coming, run);
    let registers = arrival.registers();
    (Some(Box::new(arrival)), registers)
}

/// The trade of a persona that has one.
fn trade_of(city: &City, persona: Persona, rng: &mut ChaCha8Rng) -> Option<Box<dyn Mind>> {
    let run = (city.config.start_ms, city.end);
    Some(match persona {
        Persona::CommunityAdmin => Box::new(service::Administrator::draw(rng)),
        Persona::Celebrity => Box::new(service::Answerer::celebrity(rng)),
        Persona::MarketSeller => Box::new(service::Answerer::seller(rng)),
        Persona::SupportWorker => Box::new(service::Support::draw(rng)),
        Persona::BrigadeVictim => Box::new(brigade::Victim::draw(city, rng, false, run)),
        Persona::LuredBrigadeVictim => Box::new(brigade::Victim::draw(city, rng, true, run)),
        Persona::AccountTakeover => Box::new(takeover::Takeover::draw(rng, run)),
        _ => return None,
    })
}

/// Adds the accounts of a persona that has no place in the contact graph.
pub(crate) fn enlist(city: &mut City, persona: Persona, n: u32) {
    match persona {
        Persona::BusinessBroadcaster | Persona::OtpBot | Persona::AlertBot => trade::enlist(city, persona, n),
        Persona::BulkBlaster | Persona::SlowDrip | Persona::BaitedScam | Persona::ReplyWashing => {
            outreach::enlist(city, persona, n);
        }
        Persona::SimFarm => campaign::farms(city, n),
        Persona::LockstepRing => campaign::rings(city, n),
        Persona::GroupAddSpam => probing::group_spam(city, n),
        Persona::Enumeration => probing::enumeration(city, n),
        _ => {}
    }
}
