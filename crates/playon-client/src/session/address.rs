//! Where a MOVE leads.

/// An address as it is written at another one: whole, or a path of the same host; nothing if it is neither, or of a
/// scheme that is not spoken here. Empty means the other one.
pub(super) fn seen_from(here: &str, url: &str) -> Option<String> {
    if url.is_empty() {
        return Some(here.to_owned());
    }
    let scheme = url.split(['/', '?', '#']).next().unwrap_or_default();
    if scheme.contains(':') {
        return url.starts_with("ws://").then(|| url.to_owned());
    }
    let host = here.find("://")? + 3;
    let path = here[host..].find(['/', '?']).map_or(here.len(), |at| host + at);
    let query = here[path..].find('?').map_or(here.len(), |at| path + at);
    if url.starts_with("//") {
        return Some(format!("ws:{url}"));
    }
    let before = match url.as_bytes()[0] {
        b'/' => &here[..path],
        b'?' => &here[..query],
        _ => match here[path..query].rfind('/') {
            Some(slash) => &here[..=path + slash],
            None => return Some(format!("{}/{url}", &here[..path])),
        },
    };
    Some(format!("{before}{url}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_be_relative() {
        let to = |url| seen_from("ws://home:4000/a/play?b=/c", url);
        let is = |url: &str| Some(url.to_owned());
        assert_eq!(to(""), is("ws://home:4000/a/play?b=/c"));
        assert_eq!(to("ws://other/play"), is("ws://other/play"));
        assert_eq!(to("//other/play"), is("ws://other/play"));
        assert_eq!(to("/other"), is("ws://home:4000/other"));
        assert_eq!(to("other"), is("ws://home:4000/a/other"));
        assert_eq!(to("?d"), is("ws://home:4000/a/play?d"));
        assert_eq!(seen_from("ws://home", "other"), is("ws://home/other"));
        assert_eq!(seen_from("ws://home", "/other"), is("ws://home/other"));
        for none in ["wss://other/play", "javascript:alert(1)", "http://[", "file:///etc/passwd"] {
            assert_eq!(to(none), None, "{none}");
        }
    }
}
