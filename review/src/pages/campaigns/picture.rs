//! The picture of a campaign: members on the left, what they share and whom they all write to on the right, lines between.
//!
//! Separate and pure: from what is known to a picture as text. Invariants: nothing but numbers, shortened pseudonyms and words of our own
//! gets into it; the tables beside it say the same; so much is drawn at most.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::audit;
use crate::chart::escape;
use crate::desk::company::Company;
use crate::strings::Strings;

/// Members and things that are drawn.
const MEMBERS: usize = 24;
const THINGS: usize = 10;
const TARGETS: usize = 8;
const WIDTH: f64 = 720.0;
const ROW: f64 = 18.0;
const TOP: f64 = 26.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 500.0;

/// Something on the right.
struct Thing<'a> {
    name: String,
    class: &'static str,
    by: &'a [usize],
}

/// Where everything stands.
struct Layout<'a> {
    /// Members that are drawn, by place.
    drawn: Vec<usize>,
    things: Vec<Thing<'a>>,
}

impl Layout<'_> {
    fn rows(&self) -> usize {
        self.drawn.len().max(self.things.len())
    }

    /// The height at which the n-th of so many stands.
    fn y(&self, place: usize, of: usize) -> f64 {
        TOP + ROW * (place as f64 + 0.5) * self.rows() as f64 / of as f64
    }
}

/// The picture; `limited`: which members automation limits or bans. Empty: nothing is shared.
pub(super) fn picture(t: &Strings, company: &Company, limited: &[bool]) -> String {
    let layout = layout(t, company);
    if layout.drawn.is_empty() {
        return String::new();
    }
    let height = TOP + ROW * layout.rows() as f64 + 6.0;
    let counts = [layout.drawn.len().to_string(), layout.things.len().to_string()];
    let label = t.fill("campaign.picture_label", &counts);
    let mut svg = format!(
        r#"<svg class="net" viewBox="0 0 {WIDTH} {height}" role="img" direction="ltr" aria-label="{}">"#,
        escape(&label)
    );
    // Writing into memory cannot fail, here and below.
    let _ = write!(
        svg,
        r#"<text class="head" x="{LEFT}" y="14" text-anchor="end">{}</text><text class="head" x="{RIGHT}" y="14">{}</text>"#,
        escape(t.say("campaign.members")),
        escape(t.say("campaign.in_common"))
    );
    draw_lines(&mut svg, &layout);
    draw_members(&mut svg, &layout, company, limited);
    draw_things(&mut svg, &layout);
    svg.push_str("</svg>");
    svg
}

fn layout<'a>(t: &Strings, company: &'a Company) -> Layout<'a> {
    let things = things(t, company);
    let mut degrees: BTreeMap<usize, usize> = BTreeMap::new();
    things.iter().flat_map(|thing| thing.by).for_each(|place| *degrees.entry(*place).or_default() += 1);
    let mut drawn: Vec<usize> = degrees.keys().copied().collect();
    drawn.sort_by_key(|place| (std::cmp::Reverse(degrees[place]), *place));
    drawn.truncate(MEMBERS);
    // Members stand beside what they share, so that lines cross little.
    let first = |place: &usize| things.iter().position(|thing| thing.by.contains(place));
    drawn.sort_by_key(|place| (first(place), *place));
    Layout { drawn, things }
}

fn draw_lines(svg: &mut String, layout: &Layout<'_>) {
    for (row, place) in layout.drawn.iter().enumerate() {
        for (other, thing) in layout.things.iter().enumerate().filter(|(_, thing)| thing.by.contains(place)) {
            let (y, to) = (layout.y(row, layout.drawn.len()), layout.y(other, layout.things.len()));
            let _ = write!(
                svg,
                r#"<path class="{}" d="M{:.1} {y:.1} C 320 {y:.1} 340 {to:.1} {:.1} {to:.1}"/>"#,
                thing.class,
                LEFT + 12.0,
                RIGHT - 14.0
            );
        }
    }
}

fn draw_members(svg: &mut String, layout: &Layout<'_>, company: &Company, limited: &[bool]) {
    for (row, place) in layout.drawn.iter().enumerate() {
        let y = layout.y(row, layout.drawn.len());
        let class = if limited.get(*place).is_some_and(|limited| *limited) { "limited" } else { "free" };
        let name = company.members.get(*place).map_or(String::new(), |account| audit::short(account));
        let _ = write!(
            svg,
            r#"<circle class="{class}" cx="{:.1}" cy="{y:.1}" r="5"/><text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
            LEFT + 8.0,
            LEFT - 4.0,
            y + 4.0,
            escape(&name)
        );
    }
}

fn draw_things(svg: &mut String, layout: &Layout<'_>) {
    for (row, thing) in layout.things.iter().enumerate() {
        let y = layout.y(row, layout.things.len());
        let _ = write!(
            svg,
            r#"<rect class="{}" x="{:.1}" y="{:.1}" width="9" height="9"/><text x="{:.1}" y="{:.1}">{}</text>"#,
            thing.class,
            RIGHT - 12.0,
            y - 4.5,
            RIGHT + 4.0,
            y + 4.0,
            escape(&thing.name)
        );
    }
}

fn things<'a>(t: &Strings, company: &'a Company) -> Vec<Thing<'a>> {
    let name = |kind: &str, key: &str, by: &[usize]| format!("{kind} {} · {}", audit::short(key), by.len());
    let shared = company.shared.iter().take(THINGS).map(|one| Thing {
        name: name(t.word("entity", one.kind.word()), &one.key, &one.by),
        class: match one.kind {
            schema::EntityKind::Device => "device",
            _ => "network",
        },
        by: &one.by,
    });
    let targets = company.targets.iter().take(TARGETS).map(|one| Thing {
        name: name(t.say("campaign.target"), &one.peer, &one.by),
        class: "target",
        by: &one.by,
    });
    shared.chain(targets).collect()
}

#[cfg(test)]
mod tests {
    use schema::EntityKind;

    use super::*;
    use crate::desk::company::{Shared, Target};
    use crate::strings::Language;

    #[test]
    fn members_and_what_they_share_are_drawn_with_a_line_for_each_and_names_are_escaped() {
        let t = Language::English.strings();
        let company = Company {
            members: vec!["a<1".to_owned(), "b".to_owned(), "alone".to_owned()],
            shared: vec![Shared { kind: EntityKind::Device, key: "dev".to_owned(), by: vec![0, 1] }],
            targets: vec![Target { peer: "p".to_owned(), by: vec![0, 1], between: (0, 1) }],
            ..Company::default()
        };
        let svg = picture(t, &company, &[true, false, false]);
        assert_eq!((svg.matches("<path").count(), svg.matches("<circle").count()), (4, 2));
        assert!(svg.contains("a&lt;1") && !svg.contains("alone") && !svg.contains("style"), "{svg}");
        assert_eq!(svg.matches("class=\"limited\"").count(), 1);
        assert_eq!(picture(t, &Company::default(), &[]), "");
    }
}
