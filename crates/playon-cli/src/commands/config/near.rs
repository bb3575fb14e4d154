//! The name that was probably meant.

/// The nearest name, unless even that is far off. The section counts less than the name: it is often left out.
pub(super) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let bare = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let distance = |known: &str| {
        let within = edits(&bare(name), &bare(known)) * 2;
        (within + usize::from(name != known && bare(name) == bare(known)), edits(name, known))
    };
    let (_, near) = names.map(|known| (distance(known), known)).min()?;
    let allowed = (bare(name).len() / 3).clamp(1, 4);
    (edits(&bare(name), &bare(near)) <= allowed).then_some(near)
}

/// How many letters must be put in, taken out or changed to get from one to the other.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, letter) in from.chars().enumerate() {
        let mut corner = row[0];
        row[0] = at + 1;
        for column in 0..to.len() {
            let changed = corner + usize::from(to[column] != letter);
            corner = row[column + 1];
            row[column + 1] = changed.min(row[column] + 1).min(corner + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_probably_meant_is_found() {
        let names = ["listen", "gateway.connections_max", "gateway.sockets_max", "log.level"];
        let near = |name| nearest(name, names.into_iter());
        assert_eq!(near("lisen"), Some("listen"));
        assert_eq!(near("gateway.conections_max"), Some("gateway.connections_max"));
        assert_eq!(near("connections_max"), Some("gateway.connections_max"));
        assert_eq!(near("logs.level"), Some("log.level"));
        assert_eq!(near("colour"), None);
        assert_eq!((edits("kitten", "sitting"), edits("", "abc"), edits("abc", "")), (3, 3, 3));
    }
}
