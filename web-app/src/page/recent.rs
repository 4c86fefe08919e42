//! The channels that have played, newest first: their addresses, and what they are called.

/// So many are kept.
const KEPT: usize = 8;
/// Characters of a name that are kept: it is the stream's word, and may be any length.
const NAME: usize = 80;

/// An address that has played, and the name of its programme, which is empty where none is known.
pub type Entry = (String, String);

/// Reads the list as it was written; anything else is an empty one.
#[must_use]
pub fn parse(text: &str) -> Vec<Entry> {
    let entry = |line: &str| line.split_once('\t').map(|(address, name)| (address.to_owned(), name.to_owned()));
    text.lines().filter_map(entry).take(KEPT).collect()
}

/// The list with this address at its head. Where no name is known now, the one from before stays.
#[must_use]
pub fn with(mut list: Vec<Entry>, address: &str, name: &str) -> Vec<Entry> {
    let mut name: String = name.chars().filter(|letter| !letter.is_control()).take(NAME).collect();
    if let Some(index) = list.iter().position(|(old, _)| old == address) {
        let (_, before) = list.remove(index);
        if name.is_empty() {
            name = before;
        }
    }
    list.insert(0, (address.to_owned(), name));
    list.truncate(KEPT);
    list
}

/// The list without this address.
#[must_use]
pub fn without(mut list: Vec<Entry>, address: &str) -> Vec<Entry> {
    list.retain(|(old, _)| old != address);
    list
}

/// The list as text: a line each, a tab before the name. Addresses that have been read have neither.
#[must_use]
pub fn print(list: &[Entry]) -> String {
    list.iter().flat_map(|(address, name)| [address.as_str(), "\t", name.as_str(), "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[Entry]) -> Vec<&str> {
        list.iter().map(|(address, _)| address.as_str()).collect()
    }

    #[test]
    fn the_newest_is_first_and_stands_once() {
        let list = ["a", "b", "a"].iter().fold(Vec::new(), |list, address| with(list, address, ""));
        assert_eq!(addresses(&list), ["a", "b"]);
        assert_eq!(parse(&print(&list)), list);
        assert_eq!(addresses(&without(list, "a")), ["b"]);
    }

    #[test]
    fn a_name_stays_until_there_is_another_and_has_a_bound() {
        let list = with(with(with(Vec::new(), "a", "First"), "b", ""), "a", "");
        assert_eq!(list, [("a".into(), "First".into()), ("b".into(), String::new())]);
        assert_eq!(with(list, "a", "Second")[0].1, "Second");
        assert_eq!(parse(&print(&with(Vec::new(), "a", "One\n\tTwo"))), [("a".into(), "OneTwo".into())]);
        assert_eq!(with(Vec::new(), "a", &"ä".repeat(1000))[0].1.chars().count(), NAME);
    }

    #[test]
    fn the_list_does_not_grow_without_end_and_survives_nonsense() {
        let list = (0..50).fold(Vec::new(), |list, number| with(list, &number.to_string(), ""));
        assert_eq!((list.len(), list[0].0.as_str()), (KEPT, "49"));
        assert!(parse("{}").is_empty() && parse(r#"["amt://192.0.2.1@232.0.2.1"]"#).is_empty());
    }
}
