//! What somebody may have meant by a word that is not known.

use strsim::osa_distance;

/// A word that differs in so many places from a known one may be meant for it, if it has more than that.
const MISTYPED_MAX: usize = 2;

/// The known word that differs least from `given`, where it differs little.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_ascii_lowercase();
    let distances = known.into_iter().map(|name| (osa_distance(name, &given), name));
    let near = |(distance, name): &(usize, &str)| *distance <= MISTYPED_MAX && *distance < name.len();
    distances.filter(near).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_told_from_another_word() {
        let known = ["probe", "receive", "demo", "man"];
        let meant = |given| nearest(given, known);
        assert_eq!(meant("prob"), Some("probe"));
        assert_eq!(meant("RECIEVE"), Some("receive"));
        assert_eq!(meant("dmeo"), Some("demo"));
        assert_eq!(meant("news"), None);
        assert_eq!(meant(""), None);
    }
}
