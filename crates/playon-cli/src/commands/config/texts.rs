//! What the texts of a configuration must look like to mean anything.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

use playon_keeper::ReleaseFile;
use playon_keeper::control::check_label;

/// Variables that the keeper itself sets for its workers.
const OWN_VARIABLES: [&str; 2] = ["PLAYON_ATTACH", "PLAYON_SECRET"];

/// A list of which each item is in order and stands there once.
pub(super) fn list<T>(
    texts: &[String],
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let mut seen = BTreeSet::new();
    if let Some(twice) = texts.iter().find(|text| !seen.insert(*text)) {
        return Err(format!("`{twice}` stands there twice"));
    }
    let named = |text: &String| read(text).map_err(|why| format!("`{text}`: {why}"));
    texts.iter().map(named).collect()
}

/// The path of a folder.
pub(super) fn folder(text: &str) -> Result<(), String> {
    match text {
        "" => Err("it is empty".to_owned()),
        _ if text.contains('\0') => Err("a path holds no zero byte".to_owned()),
        _ => Ok(()),
    }
}

/// Where to listen.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text
        .parse()
        .map_err(|_| "not an IP address and port, such as 127.0.0.1:4000".to_owned())?;
    let everybody = match address {
        SocketAddr::V4(address) => address.ip().is_multicast() || address.ip().is_broadcast(),
        SocketAddr::V6(address) => address.ip().is_multicast(),
    };
    if everybody {
        return Err(
            "nobody can listen there; 0.0.0.0 and [::] are all addresses of the machine".to_owned()
        );
    }
    Ok(address)
}

/// Whether nobody can listen at both.
pub(super) fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip(), other.ip());
    // All addresses of version 6 are those of version 4 too, on Linux as it comes.
    let holds = |all: std::net::IpAddr, ip: std::net::IpAddr| {
        all.is_unspecified() && (all.is_ipv6() || ip.is_ipv4())
    };
    one.port() != 0 && one.port() == other.port() && (a == b || holds(a, b) || holds(b, a))
}

/// `LABEL=PATH` or `PATH`.
pub(in crate::commands) fn release_file(text: &str) -> Result<ReleaseFile, String> {
    let (label, path) = match text.split_once('=') {
        Some((label, path)) if !label.contains('/') => (Some(label.to_owned()), path),
        _ => (None, text),
    };
    if path.is_empty() {
        return Err("the path is missing".into());
    }
    folder(path)?;
    if path.ends_with('/') || Path::new(path).file_name().is_none() {
        return Err("the path is that of a folder".into());
    }
    if let Some(label) = &label {
        check_label(label).map_err(|error| format!("{}: {}", error.message, error.remedy))?;
    }
    Ok(ReleaseFile { path: path.into(), label })
}

/// Releases with executables of their own. Two of one label are left to the keeper: it may have the first one already, and
/// goes on without what is not what it was (PLY-0536).
pub(super) fn release_files(texts: &[String]) -> Result<Vec<ReleaseFile>, String> {
    let files = list(texts, release_file)?;
    let mut paths = BTreeSet::new();
    match files.iter().find(|file| !paths.insert(&file.path)) {
        Some(twice) => Err(format!("{} is there as two releases", twice.path.display())),
        None => Ok(files),
    }
}

/// Origins, as browsers send them.
pub(super) fn origins(texts: Vec<String>) -> Result<Vec<String>, String> {
    if texts.len() > 1 && texts.iter().any(|text| text == "*") {
        return Err("`*` stands for all and must stand alone".to_owned());
    }
    list(&texts, origin)?;
    Ok(texts)
}

/// `https://play.example`, or `*`. Browsers compare nothing: what they send is what must stand here, but for its case.
fn origin(text: &str) -> Result<(), String> {
    // `null` is what pages without an origin send.
    if text == "*" || text == "null" {
        return Ok(());
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err("an origin begins with its scheme, as in https://play.example".to_owned());
    };
    let schemes = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.chars().all(schemes) {
        return Err(format!("{scheme:?} is no scheme, as https is"));
    }
    if let Some(end) = rest.find(['/', '?', '#']) {
        let host = &rest[..end];
        return Err(format!("an origin ends with the host or its port: {scheme}://{host}"));
    }
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    if let Some(port) = port {
        let number = port.parse::<u16>().ok().filter(|number| *number > 0);
        let number = number.ok_or_else(|| format!("{port:?} is no port"))?;
        if number.to_string() != port {
            return Err(format!("browsers write the port {number}"));
        }
        let usual = [("https", 443), ("http", 80)];
        if usual.iter().any(|(of, port)| scheme.eq_ignore_ascii_case(of) && *port == number) {
            return Err(format!("browsers leave the usual port out: {scheme}://{host}"));
        }
    }
    host_name(host)
}

/// The name or address of a host, as browsers write it.
fn host_name(host: &str) -> Result<(), String> {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        let read = address.parse::<std::net::Ipv6Addr>();
        return read.map(drop).map_err(|_| format!("{address:?} is no address"));
    }
    if host.is_empty() {
        return Err("the host is missing".to_owned());
    }
    if host.contains('*') {
        return Err("only `*` by itself stands for others; list the hosts one by one".to_owned());
    }
    if !host.is_ascii() {
        return Err(
            "browsers send such names in their ASCII form, which begins with xn--".to_owned()
        );
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if host.chars().all(plain) { Ok(()) } else { Err(format!("{host:?} is no host")) }
}

/// The name of a variable of the environment.
pub(super) fn variable(text: &str) -> Result<String, String> {
    if let Some((name, _)) = text.split_once('=') {
        return Err(format!(
            "only the name stands here, `{name}`; its value is that of the keeper's own environment"
        ));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if text.is_empty() || !text.chars().all(plain) {
        return Err("not the name of a variable: letters, digits and _ . -".to_owned());
    }
    if OWN_VARIABLES.contains(&text) {
        return Err("the keeper sets this one itself".to_owned());
    }
    Ok(text.to_owned())
}
