//! Restrictions as accounts meet them: refused acts, rate limits, challenges, warnings and bans.
//!
//! Separate, because only the closed loop knows them. Invariants: a refused act does not happen; refusals are told at
//! most once a minute and account; in the open loop nothing here draws or changes anything.

use schema::{Action, Body, Scope};

use crate::draw::{Draw, HOUR, MINUTE, SECOND};
use crate::gateway::Restraint;
use crate::persona::Persona;
use crate::queue::{Task, Who};
use crate::world::World;

impl World<'_> {
    /// What refuses an act of this scope, if anything does.
    pub(crate) fn held(&mut self, who: Who, scope: Scope) -> Option<Action> {
        let account = self.name(who);
        let Some(restraint) = self.gateway.restriction(account.as_str(), scope, self.now) else {
            let hold = &mut self.city.agents[who as usize].hold;
            (hold.in_a_row, hold.banned) = (0, false);
            return None;
        };
        let refuses = match restraint.action {
            Action::Lift | Action::Review => false,
            Action::Warn => {
                self.city.agents[who as usize].hold.warned = true;
                false
            }
            Action::Challenge => {
                self.take_challenge(who, &restraint);
                true
            }
            Action::RateLimit => !self.take_token(who, &restraint),
            Action::Ban => {
                self.take_ban(who, &restraint);
                true
            }
        };
        if !refuses {
            return None;
        }
        let hold = &mut self.city.agents[who as usize].hold;
        hold.refused += 1;
        hold.in_a_row += 1;
        if !hold.telling {
            hold.telling = true;
            self.later(MINUTE as u64, who, Task::Refused);
        }
        self.city.agents[who as usize].hold.scope = Some(scope);
        Some(restraint.action)
    }

    /// Lets an act through at the limit's rate.
    fn take_token(&mut self, who: Who, restraint: &Restraint) -> bool {
        let Some(limit) = restraint.limit else { return false };
        let hold = &mut self.city.agents[who as usize].hold;
        let max = f64::from(limit.max);
        let passed_s = (self.now - hold.tokens_at) as f64 / SECOND;
        let refill = max * passed_s / f64::from(limit.per_s.max(1));
        hold.tokens = if hold.tokens_at == 0 { max } else { (hold.tokens + refill).min(max) };
        hold.tokens_at = self.now;
        if hold.tokens < 1.0 {
            return false;
        }
        hold.tokens -= 1.0;
        true
    }

    /// Meets a ban; some innocents appeal.
    fn take_ban(&mut self, who: Who, restraint: &Restraint) {
        let human = self.is_human(who);
        let agent = &mut self.city.agents[who as usize];
        if std::mem::replace(&mut agent.hold.banned, true) {
            return;
        }
        if human && agent.rng.chance(0.4) {
            agent.hold.challenge = Some(restraint.decision.as_str().into());
            let delay = agent.rng.lognormal(1.5 * HOUR, 1.0) as u64;
            self.later(delay, who, Task::Appeal);
        }
    }

    pub(crate) fn appeal(&mut self, who: Who) {
        if let Some(decision) = self.city.agents[who as usize].hold.challenge.clone() {
            self.emit(who, Body::Appeal { decision: &decision });
        }
    }

    /// Sets about answering a challenge, unless that is under way.
    fn take_challenge(&mut self, who: Who, restraint: &Restraint) {
        let human = self.is_human(who);
        let agent = &mut self.city.agents[who as usize];
        if agent.hold.answering {
            return;
        }
        let again = agent.hold.challenge.as_deref() == Some(restraint.decision.as_str());
        agent.hold.challenge = Some(restraint.decision.as_str().into());
        agent.hold.answering = true;
        let pause = if again { agent.rng.lognormal(2.0 * HOUR, 0.6) } else { 0.0 };
        let think = agent.rng.lognormal(if human { 3.0 * MINUTE } else { 20.0 * SECOND }, 1.0);
        self.later((pause + think) as u64, who, Task::Challenge);
    }

    /// Whether a person sits at the account; machines fail most challenges.
    fn is_human(&self, who: Who) -> bool {
        let persona = self.city.agents[who as usize].persona;
        !self.abuses(who) && !persona.is_exempt() || persona == Persona::BaitedScam
    }

    pub(crate) fn answer_challenge(&mut self, who: Who) {
        let odds = match self.city.agents[who as usize].persona {
            Persona::BaitedScam => 0.8,
            Persona::SlowDrip | Persona::LockstepRing => 0.3,
            _ if self.is_human(who) => 0.97,
            _ => 0.1,
        };
        let agent = &mut self.city.agents[who as usize];
        agent.hold.answering = false;
        let passed = agent.rng.chance(odds);
        let Some(decision) = agent.hold.challenge.clone() else { return };
        self.emit(who, Body::ChallengeResult { decision: &decision, passed });
    }

    pub(crate) fn tell_refused(&mut self, who: Who) {
        let hold = &mut self.city.agents[who as usize].hold;
        hold.telling = false;
        let count = std::mem::take(&mut hold.refused);
        if let Some(scope) = hold.scope
            && count > 0
        {
            self.emit(who, Body::Refused { scope, count });
        }
    }

    /// What an attacker makes of refusals: the factor by which it slows down, or `None` if it gives up for now.
    pub(crate) fn patience(&mut self, who: Who) -> Option<f64> {
        let hold = &self.city.agents[who as usize].hold;
        if hold.banned || hold.in_a_row > 40 {
            return None;
        }
        let slower = if hold.warned { 2.5 } else { 1.0 };
        Some(slower * f64::from(1 + hold.in_a_row.min(8)))
    }
}
