//! What is to be logged, in words: the one reading of it, be it of the configuration, the environment or a request.

use std::collections::BTreeSet;

/// What is logged of everything, or of a part.
const LEVELS: &str = "off, error, warn, info, debug, trace";

/// Reads levels as people write them, and gives them back as a filter of `tracing` takes them.
///
/// A word by itself is a level for everything. A part of the keeper stands there with its level: without one it would
/// silence all other parts, which is what a level with a typo would do.
///
/// # Errors
/// When it says nothing that makes sense, in words for people.
pub fn read(levels: &str) -> Result<String, String> {
    let items: Vec<_> = levels.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
    if items.is_empty() {
        return Err("it is empty".to_owned());
    }
    let mut parts = BTreeSet::new();
    for item in &items {
        if !parts.insert(part(item)?) {
            return Err(format!("`{item}` is the second level for the same"));
        }
    }
    let plain: Vec<_> = items.iter().map(|item| item.replace(' ', "")).collect();
    Ok(plain.join(","))
}

/// What an item gives a level for; nothing for everything.
fn part(item: &str) -> Result<&str, String> {
    // Those of spans have rules of their own.
    if item.contains('[') {
        return Ok(item);
    }
    let (part, level) = match item.split_once('=') {
        Some((part, level)) => (part.trim(), level.trim()),
        None => ("", item),
    };
    let known = LEVELS.split(", ").any(|known| known.eq_ignore_ascii_case(level));
    match (known, item.contains('=')) {
        (true, true) if part.is_empty() || part.contains(char::is_whitespace) => {
            Err(format!("`{item}` names no part"))
        }
        (true, _) => Ok(part),
        (false, true) => Err(format!("`{level}` is no level ({LEVELS})")),
        (false, false) => Err(format!(
            "`{level}` is no level ({LEVELS}); a part of the keeper stands with its level, as in `{level}=debug`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_is_refused_wherever_it_stands() {
        for (levels, plain) in [
            ("info", "info"),
            ("INFO", "INFO"),
            ("off", "off"),
            (" warn , playon_keeper::gateway = debug ", "warn,playon_keeper::gateway=debug"),
            ("playon=Trace", "playon=Trace"),
            ("info,", "info"),
            ("info,[room]=debug", "info,[room]=debug"),
        ] {
            assert_eq!(read(levels), Ok(plain.to_owned()), "{levels}");
        }
        for (levels, why) in [
            ("", "it is empty"),
            (" , ", "it is empty"),
            ("loud", "`loud` is no level"),
            ("info,loud", "`loud` is no level"),
            ("inof", "`inof` is no level"),
            ("playon_keeper::gateway", "as in `playon_keeper::gateway=debug`"),
            ("info,playon_keeper=loud", "`loud` is no level"),
            ("playon_keeper=", "`` is no level"),
            ("=debug", "names no part"),
            ("play on=debug", "names no part"),
            ("no=such=level", "`such=level` is no level"),
            ("info,debug", "`debug` is the second level"),
            ("a=debug,a=info", "`a=info` is the second level"),
        ] {
            let told = read(levels).unwrap_err();
            assert!(told.contains(why), "{levels:?}: {told}");
        }
    }
}
