//! The addresses that were last played, newest first.

/// So many are kept.
const KEPT: usize = 8;

/// Reads the list as it was written; anything else is an empty one.
#[must_use]
pub fn parse(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_default()
}

/// The list with this address at its head.
#[must_use]
pub fn with(mut list: Vec<String>, address: &str) -> Vec<String> {
    list.retain(|old| old != address);
    list.insert(0, address.to_owned());
    list.truncate(KEPT);
    list
}

/// The list as text.
#[must_use]
pub fn print(list: &[String]) -> String {
    serde_json::to_string(list).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_first_and_stands_once() {
        let list = ["a", "b", "a"].iter().fold(Vec::new(), |list, address| with(list, address));
        assert_eq!(list, ["a", "b"]);
        assert_eq!(parse(&print(&list)), list);
    }

    #[test]
    fn the_list_does_not_grow_without_end_and_survives_nonsense() {
        let list = (0..50).fold(Vec::new(), |list, number| with(list, &number.to_string()));
        assert_eq!((list.len(), list[0].as_str()), (KEPT, "49"));
        assert!(parse("{}").is_empty());
    }
}
