//! The page of metrics, the dashboard and the alert rules against what a running keeper prints.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::interface::get;
use super::player::Player;
use super::rig::{Rig, SECOND};

/// A family of metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Family {
    kind: String,
    labels: BTreeSet<String>,
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

/// A keeper that has done a bit of everything, as it prints itself.
async fn printed() -> String {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(5).await;
    assert!(rig.playon(&["deploy", SECOND, "--now"]).status.success());
    player.play(5).await;
    get(&rig, "/metrics", "")
}

/// Families by the name that queries use, and the names of all samples.
fn families(text: &str) -> (BTreeMap<String, Family>, BTreeSet<String>) {
    let (mut families, mut samples) = (BTreeMap::new(), BTreeSet::new());
    let mut last = String::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|l| l.split_once(' ')) {
            last = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
            let family = Family { kind: kind.to_owned(), labels: BTreeSet::new() };
            assert!(families.insert(last.clone(), family).is_none(), "{name} is there twice");
            if kind == "histogram" {
                samples.extend(["bucket", "sum", "count"].map(|end| format!("{name}_{end}")));
            } else {
                samples.insert(last.clone());
            }
        } else if let Some((name, rest)) = line.split_once('{').filter(|_| !line.starts_with('#')) {
            assert!(samples.contains(name), "{name} is no sample of {last}");
            let labels = rest.split('}').next().unwrap().split(',');
            let names = labels.map(|label| label.split('=').next().unwrap().to_owned());
            families.get_mut(&last).unwrap().labels.extend(names.filter(|name| name != "le"));
        }
    }
    (families, samples)
}

/// The tables of the page: name, type, unit, labels, meaning, alert.
fn documented(page: &str) -> BTreeMap<String, Family> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `playon_"));
    let mut families = BTreeMap::new();
    for row in rows {
        let cells: Vec<_> = row.trim_end_matches(" |").split(" | ").collect();
        let [name, kind, unit, labels, meaning, alert] = cells[..] else {
            panic!("not six cells: {row}")
        };
        let name = format!("playon_{}", name.trim_end_matches('`'));
        assert!(![unit, meaning, alert].iter().any(|cell| cell.is_empty()), "{name} lacks a cell");
        if ["_seconds", "_bytes"].iter().any(|unit| name.trim_end_matches("_total").ends_with(unit))
        {
            assert!(name.contains(unit), "{name} is not measured in {unit}");
        }
        let labels = labels.split(", ").filter(|label| *label != "–");
        let labels = labels.map(|label| label.trim_matches('`').to_owned()).collect();
        let family = Family { kind: kind.to_owned(), labels };
        assert!(families.insert(name.clone(), family).is_none(), "{name} stands there twice");
    }
    families
}

/// Everything in a text that looks like a metric of ours.
fn named(text: &str) -> BTreeSet<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c: char| !word(c))
        .filter(|name| name.starts_with("playon_") && name.len() > "playon_".len())
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn the_page_the_dashboard_and_the_alerts_name_what_the_keeper_prints() {
    let (families, samples) = families(&printed().await);
    assert!(families.len() > 40 && families.values().all(|family| family.labels.len() < 2));
    for label in families.values().flat_map(|family| &family.labels) {
        assert!(!["room", "player", "session", "address"].contains(&label.as_str()), "{label}");
    }
    let documented = documented(&read("docs/metrics.md"));
    for (name, family) in &families {
        let said = documented.get(name);
        assert_eq!(said, Some(family), "{name}: docs/metrics.md (left) and the keeper (right)");
    }
    for name in documented.keys() {
        assert!(families.contains_key(name), "docs/metrics.md has {name}, the keeper does not");
    }
    let dashboard: serde_json::Value =
        serde_json::from_str(&read("ops/grafana/playon.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let charts: Vec<_> = panels.iter().filter(|panel| panel["type"] != "row").collect();
    assert!(charts.len() > 15);
    for panel in charts {
        for target in panel["targets"].as_array().unwrap() {
            let used = named(target["expr"].as_str().unwrap());
            assert!(!used.is_empty(), "{} asks for nothing of a keeper", panel["title"]);
        }
    }
    let alerts = read("ops/prometheus/alerts.yml");
    for (file, text) in [("dashboard", dashboard.to_string()), ("alerts", alerts.clone())] {
        for name in named(&text) {
            assert!(
                samples.contains(&name),
                "the {file} uses {name}, the keeper has no such thing"
            );
        }
    }
    let rules = alerts.matches("- alert: ").count();
    assert!(rules > 10);
    for part in ["expr: ", "severity: ", "summary: ", "runbook: \"docs/"] {
        assert_eq!(alerts.matches(part).count(), rules, "not every rule has {part}");
    }
}

#[test]
fn the_runbooks_of_alerts_are_there() {
    let page = read("docs/troubleshooting.md");
    let headings: BTreeSet<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(|title| title.to_lowercase().replace(' ', "-"))
        .collect();
    for line in read("ops/prometheus/alerts.yml").lines() {
        let Some(target) = line.trim().strip_prefix("runbook: \"") else { continue };
        match target.trim_end_matches('"').split_once('#') {
            Some((file, heading)) => {
                assert_eq!(file, "docs/troubleshooting.md");
                assert!(headings.contains(heading), "there is no runbook {heading}");
            }
            None => assert!(read(target.trim_end_matches('"')).starts_with("# "), "{target}"),
        }
    }
}
