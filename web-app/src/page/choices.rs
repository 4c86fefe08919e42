//! What was chosen within each channel, for when its address is played again.

use crate::worker::message::Choice;

/// So many channels are remembered: as many as the addresses that were last played.
const KEPT: usize = 8;

/// Reads the list as it was written; anything else is an empty one.
#[must_use]
pub fn parse(text: &str) -> Vec<(String, Choice)> {
    serde_json::from_str(text).unwrap_or_default()
}

/// What was chosen at this address.
#[must_use]
pub fn at(list: &[(String, Choice)], address: &str) -> Choice {
    list.iter().find(|(known, _)| known == address).map(|(_, choice)| *choice).unwrap_or_default()
}

/// The list with this choice at its head; without it where nothing is chosen.
#[must_use]
pub fn with(mut list: Vec<(String, Choice)>, address: &str, choice: Choice) -> Vec<(String, Choice)> {
    list.retain(|(known, _)| known != address);
    if choice != Choice::default() {
        list.insert(0, (address.to_owned(), choice));
    }
    list.truncate(KEPT);
    list
}

/// The list as text.
#[must_use]
pub fn print(list: &[(String, Choice)]) -> String {
    serde_json::to_string(list).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_choice_and_the_list_has_a_bound() {
        let choice = |program| Choice { program: Some(program), ..Choice::default() };
        let list = (0..20).fold(Vec::new(), |list, number| with(list, &number.to_string(), choice(number)));
        assert_eq!(list.len(), KEPT);
        let list = parse(&print(&list));
        assert_eq!((at(&list, "19"), at(&list, "2")), (choice(19), Choice::default()));
        assert_eq!(at(&with(list, "19", Choice::default()), "19"), Choice::default());
        assert!(parse("{}").is_empty());
    }
}
