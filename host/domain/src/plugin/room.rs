//! Making room for a rule among those that answer for the same fee item: on one day, one rule holds.

use crate::{Date, Error, Result, ids::BindingId};

use super::Binding;

/// What has to change for a binding to find room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room<'a> {
    /// The rule that ends on the day before the new one begins. One that began on the same day has then held on no day: it
    /// was corrected.
    pub ended: Option<&'a Binding>,
    /// That rule once more, from the day on which the new one ends.
    pub continued: Option<Binding>,
}

/// Finds room for a binding among the active ones of the same point and fee item.
///
/// A rule without an end follows the one that holds without an end. A rule with an end stands for a stretch of one other rule,
/// also of one that has been followed by a next rule since; the other one holds before it and goes on after it. What would
/// cut into a second rule is refused.
///
/// # Errors
/// [`Error::Conflict`] that names the rule in the way.
pub fn room<'a>(others: &'a [Binding], new: &Binding) -> Result<Room<'a>> {
    let mut rivals = others.iter().filter(|other| overlap(other, new));
    let Some(earlier) = rivals.next() else { return Ok(Room { ended: None, continued: None }) };
    if let Some(second) = rivals.next() {
        return Err(in_the_way(if earlier.effective_from < new.effective_from { second } else { earlier }));
    }
    let follows = earlier.effective_to.is_none() || new.effective_to.is_some();
    if !follows || earlier.effective_from > new.effective_from {
        return Err(in_the_way(earlier));
    }
    let goes_on = |from: Date| earlier.effective_to.is_none_or(|end| from < end);
    let continued = new.effective_to.filter(|from| goes_on(*from)).map(|from| Binding {
        id: BindingId::generate(),
        effective_from: from,
        ..earlier.clone()
    });
    Ok(Room { ended: Some(earlier), continued })
}

fn in_the_way(rival: &Binding) -> Error {
    let until = rival.effective_to.map(|end| format!(" until before {end}")).unwrap_or_default();
    Error::Conflict(format!(
        "{} {} is bound there already from {}{until}. Let the new rule end by then, and bind the rest of its days by itself",
        rival.plugin_id, rival.plugin_version, rival.effective_from
    ))
}

/// Whether both hold on some day. One that ended on the day on which it began was corrected and holds on none.
fn overlap(left: &Binding, right: &Binding) -> bool {
    let corrected = |binding: &Binding| binding.effective_to == Some(binding.effective_from);
    !corrected(left)
        && !corrected(right)
        && left.effective_to.is_none_or(|end| right.effective_from < end)
        && right.effective_to.is_none_or(|end| left.effective_from < end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{FeeItemId, ProjectId},
        plugin::{BindingMode, ExtensionPoint},
    };
    use rstest::rstest;

    /// `NAME:FROM..TO` with months of 2025, such as `A:1..4`; without an end `A:1..`.
    fn binding(text: &str) -> Binding {
        let (name, days) = text.split_once(':').expect("has a name");
        let (from, to) = days.split_once("..").expect("has an end");
        let day = |month: &str| format!("2025-{:0>2}-01", month).parse().expect("is a day");
        Binding {
            id: BindingId::generate(),
            project_id: ProjectId::generate(),
            point: ExtensionPoint::FeePolicy,
            fee_item_id: Some(FeeItemId::generate()),
            plugin_id: name.to_owned(),
            plugin_version: "1.0.0".into(),
            digest: String::new(),
            settings: "{}".into(),
            effective_from: day(from),
            effective_to: Some(to).filter(|to| !to.is_empty()).map(day),
            mode: BindingMode::Active,
            tolerance_permille: 0,
            granted: vec![],
        }
    }

    /// What holds afterwards in each month of 2025, a letter a month; `-` where nothing does.
    fn months(others: &[Binding], new: &Binding) -> String {
        let Ok(Room { ended, continued }) = room(others, new) else { return "refused".into() };
        let cut = |other: &Binding| match ended {
            Some(ended) if ended.id == other.id => Binding { effective_to: Some(new.effective_from), ..other.clone() },
            _ => other.clone(),
        };
        let all: Vec<Binding> = others.iter().map(cut).chain([new.clone()]).chain(continued).collect();
        let holds = |month: u8| {
            let day = format!("2025-{month:02}-01").parse().expect("is a day");
            let names: Vec<&str> =
                all.iter().filter(|binding| binding.holds_on(day)).map(|binding| binding.plugin_id.as_str()).collect();
            assert!(names.len() < 2, "{names:?} hold together in {month}");
            names.first().copied().unwrap_or("-")
        };
        (1..=12).map(holds).collect()
    }

    #[rstest]
    #[case::the_first("", "C:3..", "--CCCCCCCCCC")]
    #[case::the_next("A:1..", "C:4..", "AAACCCCCCCCC")]
    #[case::a_correction_of_the_same_day("A:1..", "C:1..", "CCCCCCCCCCCC")]
    #[case::for_a_while("A:1..", "C:4..6", "AAACCAAAAAAA")]
    #[case::for_its_first_months("A:1..", "C:1..4", "CCCAAAAAAAAA")]
    #[case::before_all_others("B:4..", "C:1..4", "CCCBBBBBBBBB")]
    #[case::long_before_all_others("B:6..", "C:1..4", "CCC--BBBBBBB")]
    #[case::a_past_stretch_up_to_the_next("A:1..4 B:4..", "C:2..4", "ACCBBBBBBBBB")]
    #[case::a_past_stretch_whole("A:1..4 B:4..", "C:1..4", "CCCBBBBBBBBB")]
    #[case::a_past_stretch_within("A:1..6 B:6..", "C:2..4", "ACCAABBBBBBB")]
    #[case::a_gap_filled("A:1..3 B:6..", "C:3..6", "AACCCBBBBBBB")]
    #[case::into_a_gap("A:1..3 B:8..", "C:2..5", "ACCC---BBBBB")]
    #[case::after_a_corrected_one("A:1..1 B:1..4 D:4..", "C:1..4", "CCCDDDDDDDDD")]
    #[case::open_among_others("A:1..4 B:4..", "C:2..", "refused")]
    #[case::open_before_others("B:4..", "C:1..", "refused")]
    #[case::open_within_one_that_ends("A:1..4", "C:2..", "refused")]
    #[case::one_day_into_the_next("A:1..4 B:4..", "C:2..5", "refused")]
    #[case::over_the_beginning_of_another("B:4..8", "C:3..5", "refused")]
    #[case::over_a_whole_other("B:4..6", "C:3..7", "refused")]
    fn one_rule_holds_on_a_day(#[case] others: &str, #[case] new: &str, #[case] expected: &str) {
        let others: Vec<Binding> = others.split_whitespace().map(binding).collect();
        assert_eq!(months(&others, &binding(new)), expected);
    }
}
