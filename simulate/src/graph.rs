//! Who knows whom: small circles of family, friends and colleagues, and some chance acquaintances.
//!
//! Separate, because it is built once and then only read. Invariants: contacts are mutual; an account's contacts are
//! listed from the closest to the farthest, those it has written with before the run first.

use crate::draw::{Draw, stream, trait_of};
use crate::queue::Who;

/// The contact graph of the social accounts, packed.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    start: Vec<u32>,
    warm: Vec<u16>,
    contacts: Vec<Who>,
    circle: Vec<(u32, u16)>,
}

/// Accounts of one neighbourhood: most contacts lie within.
const NEIGHBOURHOOD: u32 = 400;

impl Graph {
    /// Builds the graph of accounts `0..born.len()`; `born` is when each registered, to tell old ties from new ones.
    pub(crate) fn build(born: &[i64], start_ms: u64, seed: u64) -> Self {
        let n = born.len() as u32;
        let mut lists: Vec<Vec<Who>> = vec![Vec::new(); born.len()];
        let mut circle = vec![(0, 1); born.len()];
        close_circles(&mut lists, seed);
        wide_circles(&mut lists, &mut circle, seed);
        acquaintances(&mut lists, seed);
        let mut graph = Graph { start: vec![0], warm: Vec::new(), contacts: Vec::new(), circle };
        for who in 0..n {
            let list = &lists[who as usize];
            let is_warm = |peer: &Who| {
                let (low, high) = (who.min(*peer), who.max(*peer));
                let old = born[low as usize].max(born[high as usize]) < start_ms as i64;
                old && trait_of(seed, u64::from(low) << 32 | u64::from(high)) < 0.85
            };
            graph.contacts.extend(list.iter().filter(|peer| is_warm(peer)));
            let warm = graph.contacts.len() as u32 - graph.start[who as usize];
            graph.warm.push(warm as u16);
            graph.contacts.extend(list.iter().filter(|peer| !is_warm(peer)));
            graph.start.push(graph.contacts.len() as u32);
        }
        graph
    }

    /// Everybody in the account's address book, closest first; empty for accounts without a place in the graph.
    pub(crate) fn contacts(&self, who: Who) -> &[Who] {
        match self.start.get(who as usize + 1) {
            Some(end) => &self.contacts[self.start[who as usize] as usize..*end as usize],
            None => &[],
        }
    }

    /// How many of the contacts the account has written with before the run.
    pub(crate) fn warm(&self, who: Who) -> u32 {
        self.warm.get(who as usize).copied().unwrap_or(0).into()
    }

    /// The account's group chat: number and members.
    pub(crate) fn circle(&self, who: Who) -> Option<(u32, u32)> {
        self.circle.get(who as usize).map(|(group, size)| (*group, u32::from(*size)))
    }
}

/// Makes everybody of the slice know everybody else.
fn meet(lists: &mut [Vec<Who>], members: &[Who]) {
    for a in members {
        for b in members {
            if a != b && !lists[*a as usize].contains(b) {
                lists[*a as usize].push(*b);
            }
        }
    }
}

/// Families and best friends: 3 to 9 neighbours.
fn close_circles(lists: &mut [Vec<Who>], seed: u64) {
    let mut rng = stream(seed, 0xc1);
    let n = lists.len() as u32;
    let mut first = 0;
    while first < n {
        let last = (first + rng.whole(3, 9)).min(n);
        let members: Vec<Who> = (first..last).collect();
        meet(lists, &members);
        first = last;
    }
}

/// Colleagues, classes and clubs: 8 to 26 people of one neighbourhood, who also share a group chat.
fn wide_circles(lists: &mut [Vec<Who>], circle: &mut [(u32, u16)], seed: u64) {
    let n = lists.len() as u32;
    for block in 0..n.div_ceil(NEIGHBOURHOOD) {
        let mut rng = stream(seed, 0xc2 | u64::from(block) << 8);
        let mut order: Vec<Who> = (block * NEIGHBOURHOOD..((block + 1) * NEIGHBOURHOOD).min(n)).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, rng.below(i as u32 + 1) as usize);
        }
        let mut first = 0;
        while first < order.len() {
            let last = (first + rng.whole(8, 26) as usize).min(order.len());
            meet(lists, &order[first..last]);
            for who in &order[first..last] {
                circle[*who as usize] = (block * NEIGHBOURHOOD + first as u32, (last - first) as u16);
            }
            first = last;
        }
    }
}

/// Fills each address book up to its own size, mostly from the neighbourhood.
fn acquaintances(lists: &mut [Vec<Who>], seed: u64) {
    let n = lists.len() as u32;
    for who in 0..n {
        let mut rng = stream(seed, 0xc3 | u64::from(who) << 8);
        let wanted = rng.lognormal(42.0, 0.6).clamp(15.0, 170.0) as usize;
        let block = who / NEIGHBOURHOOD * NEIGHBOURHOOD;
        for _ in 0..wanted {
            // Those who came before have already filled this list with their own choices.
            if lists[who as usize].len() >= wanted {
                break;
            }
            let near = rng.chance(0.8);
            let peer = if near { block + rng.below(NEIGHBOURHOOD.min(n - block)) } else { rng.below(n) };
            if peer != who && lists[peer as usize].len() < 200 {
                meet(lists, &[who, peer]);
            }
        }
    }
}
