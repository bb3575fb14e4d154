//! The alert rules, evaluated against what a keeper exports: a rule that looks at a series which is not there yet cannot fire.

use std::collections::{BTreeMap, BTreeSet};

use super::interface::get;
use super::rig::Rig;

/// A rule, as far as it can be told from two looks at a keeper: what it compares, and what it asks of that.
#[derive(Debug)]
struct Rule {
    name: String,
    /// `increase`, `rate`, `changes`, `quantile`, or nothing for the value itself.
    function: String,
    metric: String,
    /// Labels with the values that each may have.
    labels: Vec<(String, Vec<String>)>,
    /// `>`, `<` or `==`.
    comparison: String,
    than: f64,
}

/// Samples by their name and labels.
type Samples = BTreeMap<(String, BTreeMap<String, String>), f64>;

fn rules() -> Vec<Rule> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ops/prometheus/alerts.yml");
    let text = std::fs::read_to_string(path).unwrap();
    let mut names = text.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    let exprs = text.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
    let rules: Vec<_> = exprs.map(|expr| parse(names.next().unwrap(), expr)).collect();
    assert!(names.next().is_none() && rules.len() > 10, "every alert has one expression");
    rules
}

/// Every expression that the rules use; another one has to be taught here, so that it is evaluated.
fn parse(name: &str, expr: &str) -> Rule {
    let (left, comparison, than) = [" > ", " < ", " == "]
        .into_iter()
        .find_map(|by| expr.rsplit_once(by).map(|(left, than)| (left, by.trim(), than)))
        .unwrap_or_else(|| panic!("{name} compares nothing: {expr}"));
    let quantile = left.strip_prefix("histogram_quantile(0.99, sum by (instance, le) (rate(");
    let (function, selector) = match quantile {
        Some(rest) => ("quantile", rest.strip_suffix(")))").unwrap()),
        None => match left.strip_suffix(')').and_then(|rest| rest.split_once('(')) {
            Some((function, selector)) => (function, selector),
            None => ("", left),
        },
    };
    let selector = selector.split_once('[').map_or(selector, |(selector, _)| selector);
    let (metric, matchers) = selector.split_once('{').unwrap_or((selector, "}"));
    assert!(metric.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}: {expr}");
    let label = |matcher: &str| {
        let (label, value) = matcher.split_once('=').unwrap();
        let values = value.trim_start_matches('~').trim_matches('"').split('|');
        (label.to_owned(), values.map(str::to_owned).collect())
    };
    let matchers = matchers.trim_end_matches('}').split(',').filter(|m| !m.is_empty());
    Rule {
        name: name.to_owned(),
        function: function.to_owned(),
        metric: metric.to_owned(),
        labels: matchers.map(label).collect(),
        comparison: comparison.to_owned(),
        than: than.trim().parse().unwrap_or_else(|_| panic!("{name}: {than} is no number")),
    }
}

fn samples(text: &str) -> Samples {
    let mut samples = Samples::new();
    for line in text.lines().filter(|line| line.starts_with("playon_")) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty());
        let label = |label: &str| {
            let (name, value) = label.split_once('=').unwrap();
            (name.to_owned(), value.trim_matches('"').to_owned())
        };
        samples.insert((name.to_owned(), labels.map(label).collect()), value.parse().unwrap());
    }
    samples
}

impl Rule {
    /// The series that it looks at.
    fn series<'a>(
        &'a self,
        samples: &'a Samples,
    ) -> impl Iterator<Item = (&'a BTreeMap<String, String>, f64)> {
        let fits = |labels: &BTreeMap<String, String>| {
            self.labels
                .iter()
                .all(|(name, values)| labels.get(name).is_some_and(|v| values.contains(v)))
        };
        samples
            .iter()
            .filter(move |((name, labels), _)| *name == self.metric && fits(labels))
            .map(|((_, labels), value)| (labels, *value))
    }

    /// Whether it fires for whoever has looked twice. Quantiles want more looks than that.
    fn fires(&self, before: &Samples, after: &Samples) -> bool {
        let was: BTreeMap<_, _> = self.series(before).collect();
        self.series(after).any(|(labels, value)| {
            // What was not there before has not increased.
            let since = was.get(labels).map_or(0.0, |was| value - was);
            let value = match self.function.as_str() {
                "" => value,
                "increase" => since,
                "rate" => since / 600.0,
                "changes" => f64::from(u8::from(since != 0.0)),
                _ => return false,
            };
            match self.comparison.as_str() {
                ">" => value > self.than,
                "<" => value < self.than,
                _ => value == self.than,
            }
        })
    }
}

/// The alerts that fire for whoever has seen these two.
pub(crate) fn firing(before: &str, after: &str) -> BTreeSet<String> {
    let (before, after) = (samples(before), samples(after));
    let fires = |rule: &Rule| rule.fires(&before, &after);
    rules().into_iter().filter(fires).map(|rule| rule.name).collect()
}

#[test]
fn every_series_of_the_alerts_is_there_from_a_keepers_birth() {
    let rig = Rig::start();
    let text = get(&rig, "/metrics", "");
    let born = samples(&text);
    for rule in rules().into_iter().filter(|rule| rule.metric != "up") {
        assert!(["", "increase", "rate", "changes", "quantile"].contains(&rule.function.as_str()));
        // One for each value that it asks for: an increase from nothing is none.
        let combinations: usize = rule.labels.iter().map(|(_, values)| values.len()).product();
        let found = rule.series(&born).count();
        assert!(found >= combinations.max(1), "{rule:?}: {found} series at birth");
        let starts_at_0 = rule.series(&born).all(|(_, value)| value == 0.0);
        assert!(rule.function != "increase" || starts_at_0, "{rule:?}");
    }
    let firing = firing(&text, &text);
    assert!(firing.iter().all(|name| name == "PlayonDiskFills"), "{firing:?}");
}
