//! What cannot work is refused before a keeper starts with it.

use std::collections::BTreeSet;

use super::key::ValueKind;
use super::keys;
use super::layers::{Overrides, check_file, resolve_in};

/// All that is wrong with a file of this text.
fn problems(text: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.toml");
    std::fs::write(&path, text).unwrap();
    let told = check_file(&path).1;
    let at_start = Overrides::of_file(path);
    let started = resolve_in(&at_start, |_| None);
    assert_eq!(started.is_err(), !told.is_empty(), "a start sees the same: {text}");
    let beside = format!("{}/", dir.path().display());
    told.iter().map(|problem| problem.to_string().replace(&beside, "")).collect()
}

/// A key, what cannot be its value, and what is said of it.
const TEXTS: &[(&str, &str, &str)] = &[
    ("data", r#""""#, "it is empty"),
    ("data", r#""a\u0000b""#, "no zero byte"),
    ("listen", r#""play.example:4000""#, "not an IP address and port"),
    ("listen", r#""127.0.0.1""#, "not an IP address and port"),
    ("listen", r#""224.0.0.1:4000""#, "nobody can listen there"),
    ("listen", r#""127.0.0.1:4001""#, "takes the port of `admin` = 127.0.0.1:4001 (default)"),
    ("listen", r#""0.0.0.0:4001""#, "takes the port of `admin`"),
    ("listen", r#""[::]:4001""#, "takes the port of `admin`"),
    ("admin", r#""""#, "not an IP address and port"),
    ("admin", r#""255.255.255.255:1""#, "nobody can listen there"),
    ("admin", r#""0.0.0.0:4000""#, "takes the port of `admin`"),
    ("releases", r#"["=x"]"#, r#""" is not a label"#),
    ("releases", r#"["v 1=x"]"#, r#""v 1" is not a label"#),
    ("releases", r#"["v1="]"#, "the path is missing"),
    ("releases", r#"[""]"#, "the path is missing"),
    ("releases", r#"["./games/"]"#, "that of a folder"),
    ("releases", r#"[".."]"#, "that of a folder"),
    ("releases", r#"["v1=a", "v2=a"]"#, "a is there as two releases"),
    ("releases", r#"["a", "a"]"#, "`a` stands there twice"),
    ("origins", r#"["play.example"]"#, "begins with its scheme"),
    ("origins", r#"["https://a/"]"#, "ends with the host or its port: https://a"),
    ("origins", r#"["https://a/play"]"#, "ends with the host or its port: https://a"),
    ("origins", r#"["https://a?b"]"#, "ends with the host or its port"),
    ("origins", r#"["https://a:443"]"#, "leave the usual port out: https://a"),
    ("origins", r#"["http://a:80"]"#, "leave the usual port out: http://a"),
    ("origins", r#"["http://a:0"]"#, "is no port"),
    ("origins", r#"["http://a:99999"]"#, "is no port"),
    ("origins", r#"["http://a:08080"]"#, "browsers write the port 8080"),
    ("origins", r#"["http://a:"]"#, "is no port"),
    ("origins", r#"["https://*.example"]"#, "only `*` by itself"),
    ("origins", r#"["https://me@a"]"#, "is no host"),
    ("origins", r#"["https://a b"]"#, "is no host"),
    ("origins", r#"["https://spiel\u00e9.example"]"#, "xn--"),
    ("origins", r#"["https://"]"#, "the host is missing"),
    ("origins", r#"["https://[::1"]"#, "is no"),
    ("origins", r#"["https://[x]"]"#, "is no address"),
    ("origins", r#"["1://a"]"#, "is no scheme"),
    ("origins", r#"["://a"]"#, "is no scheme"),
    ("origins", r#"[""]"#, "begins with its scheme"),
    ("origins", r#"["*", "https://a"]"#, "must stand alone"),
    ("origins", r#"["https://a", "https://a"]"#, "stands there twice"),
    ("worker_env", r#"["A=B"]"#, "only the name stands here, `A`"),
    ("worker_env", r#"[""]"#, "not the name of a variable"),
    ("worker_env", r#"["A B"]"#, "not the name of a variable"),
    ("worker_env", r#"["MY_*"]"#, "not the name of a variable"),
    ("worker_env", r#"["$A"]"#, "not the name of a variable"),
    ("worker_env", r#"["PLAYON_SECRET"]"#, "the keeper sets this one itself"),
    ("worker_env", r#"["A", "A"]"#, "stands there twice"),
    ("log.level", r#""loud""#, "`loud` is no level"),
    ("log.level", r#""""#, "it is empty"),
    ("log.level", r#""info,loud""#, "`loud` is no level"),
    ("log.format", r#""xml""#, "not one of text, json"),
    ("log.format", r#""""#, "not one of text, json"),
    ("gateway.view_deltas", r#""true""#, "not true or false without quotes"),
    ("gateway.view_deltas", "1", "not a true or false"),
];

#[test]
fn a_text_that_cannot_work_is_refused_with_its_key_and_what_would_be_right() {
    for (key, value, why) in TEXTS {
        let told = problems(&format!("{key} = {value}\n"));
        let named =
            told.first().is_some_and(|told| told.contains("`listen`") || told.contains(key));
        let line =
            told.first().is_some_and(|told| told.contains("a.toml:1") || told.contains("default"));
        assert!(
            told.len() == 1 && named && line && told[0].contains(why),
            "{key} = {value}: {told:?}"
        );
        assert!(told[0].starts_with("PLY-0529"), "{told:?}");
    }
    let tried: BTreeSet<_> = TEXTS.iter().map(|(key, ..)| *key).collect();
    let texts = keys()
        .filter(|key| !matches!(key.kind, ValueKind::Count | ValueKind::Bytes | ValueKind::Time));
    for key in texts {
        assert!(tried.contains(key.name), "nothing says what cannot be a value of {}", key.name);
    }
}

#[test]
fn a_number_beyond_its_bounds_is_refused() {
    for key in keys()
        .filter(|key| matches!(key.kind, ValueKind::Count | ValueKind::Bytes | ValueKind::Time))
    {
        let unit = if key.kind == ValueKind::Time { "us" } else { "" };
        let beyond = [key.bounds.0.checked_sub(1), key.bounds.1.checked_add(1)];
        for number in beyond.into_iter().flatten() {
            let quote = if key.kind == ValueKind::Count { "" } else { "\"" };
            let told = problems(&format!("{} = {quote}{number}{unit}{quote}", key.name));
            assert!(told.len() == 1 && told[0].contains("not between"), "{}: {told:?}", key.name);
        }
    }
}

#[test]
fn a_key_without_a_value_is_refused() {
    let told = resolve_in(&Overrides::of_set("origins"), |_| None).unwrap_err().to_string();
    assert_eq!(told, "PLY-0529 --set origins: `origins` = : it has no value: write origins=..");
}

/// Lines that are in order one by one, and what is said of them together; nothing if they are in order.
const TOGETHER: &[(&str, &str)] = &[
    ("gateway.ping_after = \"12 s\"", "is not less than `gateway.idle_timeout` = 12 s (default)"),
    ("gateway.ping_after = \"13 s\"", "is more than `gateway.idle_timeout`"),
    ("keeper.ping_every = \"3 s\"", "is not less than `keeper.silent_max` = 3 s"),
    ("keeper.restart_backoff_min = \"11 s\"", "is more than `keeper.restart_backoff_max`"),
    ("gateway.connections_max = 11001", "is more than `gateway.sockets_max`"),
    ("rooms.inputs_pending_max = 901", "is more than `gateway.frames_burst`"),
    ("rooms.inputs_pending_max = 900", "is not less than `gateway.frames_burst`"),
    ("gateway.frames_per_second = 900", ""),
    ("gateway.frames_per_second = 901", "is more than `gateway.frames_burst` = 900 (default)"),
    ("gateway.bytes_burst = 65536", ""),
    ("gateway.bytes_burst = 65535", "`gateway.bytes_per_second` = 64 KiB is more than"),
    ("gateway.bytes_per_second = 16448\ngateway.bytes_burst = 16448", ""),
    (
        "gateway.bytes_per_second = 16447\ngateway.bytes_burst = 16447",
        "16 KiB is with 64 B around it more than `gateway.bytes_burst` = 16,447 B",
    ),
    (
        "gateway.bytes_burst = 8192\ngateway.bytes_per_second = 8192",
        "is more than `gateway.bytes_burst` = 8 KiB (a.toml:1)",
    ),
    ("rooms.freeze_timeout = \"4 s\"", ""),
    (
        "rooms.freeze_timeout = \"5 s\"",
        "`rooms.freeze_timeout` = 5 s is more than `rooms.freeze_max` = 4 s",
    ),
    ("rooms.freeze_max = \"100 ms\"", "500 ms is more than `rooms.freeze_max` = 100 ms (a.toml:1)"),
    ("keeper.stop_timeout = \"1 s\"", "`keeper.worker_stop_timeout` = 2 s is more than"),
    ("gateway.http_lifetime = \"1 s\"", "`gateway.head_timeout` = 5 s is more than"),
    ("workers = 16\nkeeper.workers_max = 32", ""),
    (
        "workers = 16\nkeeper.workers_max = 31",
        "`workers` = 16 is more than 1/2 of `keeper.workers_max` = 31",
    ),
    ("keeper.workers_max = 1", "`workers` = 1 is more than 1/2 of `keeper.workers_max` = 1"),
    ("listen = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"", ""),
    ("listen = \"127.0.0.1:5\"\nadmin = \"127.0.0.2:5\"", ""),
    ("listen = \"0.0.0.0:5\"\nadmin = \"[::1]:5\"", ""),
    (
        "releases = [\"a\", \"b\", \"c\"]\nkeeper.artifacts_max = 2",
        "`releases` are 3, more than `keeper.artifacts_max` = 2 (a.toml:2)",
    ),
    ("releases = [\"v1=a\", \"v1=b\"]", ""),
    ("origins = [\"*\"]", ""),
    ("origins = [\"HTTPS://Play.Example:8443\", \"http://[::1]:80a\"]", "is no port"),
    ("origins = [\"https://[::1]\", \"app://localhost\", \"http://10.0.0.1:8080\", \"null\"]", ""),
    ("worker_env = [\"MY_TOKEN\", \"aws.region\"]", ""),
    ("log.level = \"warn, playon_keeper::gateway=debug\"", ""),
];

#[test]
fn values_that_contradict_each_other_are_refused_with_both() {
    for (text, why) in TOGETHER {
        let told = problems(text);
        match *why {
            "" => assert!(told.is_empty(), "{text}: {told:?}"),
            why => assert!(told.len() == 1 && told[0].contains(why), "{text}: {told:?}"),
        }
    }
}

#[test]
fn flags_and_the_environment_are_read_no_less_strictly() {
    for (name, key, why) in [
        ("RUST_LOG", "log.level", "is no level"),
        ("PLAYON_ORIGINS", "origins", "begins with its scheme"),
        ("PLAYON_WORKER_ENV", "worker_env", "only the name stands here"),
    ] {
        let wrong = "loud=x";
        let told =
            resolve_in(&Overrides::default(), |asked| (asked == name).then(|| wrong.to_owned()));
        let told = told.unwrap_err().to_string();
        let start = format!("PLY-0529 {name}: `{key}` = {wrong}: ");
        assert!(told.starts_with(&start) && told.contains(why), "{told}");
    }
}
