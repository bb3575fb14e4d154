//! `drill slow`: slow readers, floods, thousands that say nothing, and storms of reconnects, while others play on.

use std::time::Duration;

use anyhow::Context;
use tokio::time::{Instant, sleep_until};

use super::crowd::{Ends, STAYED};
use super::faults::FaultInjector;
use super::game::monotonic_ns;
use super::growth::{Growth, RSS};
use super::vitals::Role;

/// Connections that say nothing.
pub(super) const SILENT: u32 = 2_000;
/// Rooms with slow readers, one that reads slowly and one that does not read at all in each.
const SLOW_ROOMS: u32 = 20;
/// Rooms that are flooded, one flood in each at a time.
const FLOODED_ROOMS: u32 = 4;
/// What the keeper's memory may grow by under all of it: 2,000 connections, 40 outboxes and what the kernel has not taken yet.
const RSS_ALLOWED: u64 = 128 << 20;

impl FaultInjector<'_> {
    /// Lets everybody loose who misbehaves, and cuts everybody's sockets twice.
    pub(super) async fn slow(&mut self, end: Instant) -> anyhow::Result<()> {
        let window = end.saturating_duration_since(Instant::now());
        let at = |part: f64| end - window.mul_f64(1.0 - part);
        let before = self.rss_max();
        let rooms: Vec<_> =
            (0..self.args.rooms.min(SLOW_ROOMS)).map(|n| self.room_name(n)).collect();
        let crowd = self.gear.crowd.as_mut().context("no crowd")?;
        for room in &rooms {
            crowd.slow_reader(room, true, window);
            crowd.slow_reader(room, false, window);
        }
        rooms.iter().take(FLOODED_ROOMS as usize).for_each(|room| crowd.flood(room));
        sleep_until(at(0.1)).await;
        if let Some(crowd) = &mut self.gear.crowd {
            crowd.silent(SILENT);
        }
        for part in [0.5, 0.8] {
            sleep_until(at(part)).await;
            self.cut_all();
        }
        sleep_until(end).await;
        let mut crowd = self.gear.crowd.take().context("no crowd")?;
        crowd.silence_over().await;
        self.done.ends = crowd.disperse().await;
        self.done.wrong.extend(judge_ends(&self.done.ends));
        let after = self.rss_max();
        let allowed = before + RSS_ALLOWED;
        let life_s = window.as_secs_f64();
        let memory =
            Growth { role: Role::Keeper, what: RSS, before, after, allowed, life_s, processes: 1 };
        self.done.wrong.extend(memory.broken().then(|| memory.to_string()));
        self.done.growth.push(memory);
        Ok(())
    }

    /// Cuts the sockets of all who play by the rules.
    pub(super) fn cut_all(&mut self) {
        if let Some(relay) = &self.gear.relay {
            self.done.cuts.push(monotonic_ns());
            relay.cut_all();
        }
    }

    /// Passes nothing on between players and keeper for so long.
    pub(super) async fn stall_network(&mut self, time: Duration) {
        if let Some(relay) = &self.gear.relay {
            self.done.stalls += 1;
            relay.hold(true);
            tokio::time::sleep(time).await;
            relay.hold(false);
        }
    }

    fn rss_max(&mut self) -> u64 {
        let Some(sampler) = &self.gear.sampler else { return 0 };
        let mut vitals = sampler.vitals();
        vitals.take(Role::Keeper, self.keeper.pid());
        vitals.rss_max(Role::Keeper)
    }
}

/// What is wrong with the ends of those who misbehaved.
fn judge_ends(ends: &Ends) -> Vec<String> {
    let mut wrong = Vec::new();
    let count = |what: &str| -> u64 {
        ends.iter().filter(|((kind, _), _)| *kind == what).map(|(_, count)| count).sum()
    };
    let silent = count("no HELLO") + count("no request");
    if silent != u64::from(SILENT) {
        wrong.push(format!("{silent} of {SILENT} silent connections came to an end"));
    }
    for ((what, how), count) in ends {
        let defined = match *what {
            "no HELLO" => matches!(how.as_str(), "4008" | "not let in"),
            "no request" => matches!(how.as_str(), "cut"),
            // The code may be lost with a connection that is still being written to.
            "flood" => matches!(how.as_str(), "4907" | "4010" | "4411" | "not let in" | "cut"),
            // Nobody is closed for reading slowly; it may be full or busy where they want to go.
            _ => matches!(how.as_str(), STAYED | "4411" | "not let in" | "4003"),
        };
        if !defined {
            wrong.push(format!("{what}: {count} ended with {how}"));
        }
    }
    let needed =
        [("flood", "4907"), ("no HELLO", "4008"), ("slow reader", STAYED), ("no reader", STAYED)];
    for (what, how) in needed {
        if ends.get(&(what, how.to_owned())).is_none_or(|count| *count == 0) {
            wrong.push(format!("{what}: none ended with {how}"));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(list: &[(&'static str, &str, u64)]) -> Ends {
        list.iter().map(|(what, how, count)| ((*what, (*how).to_owned()), *count)).collect()
    }

    #[test]
    fn defined_ends_are_right_and_others_are_not() {
        let good = [
            ("no HELLO", "4008", 1_000),
            ("no request", "cut", 1_000),
            ("flood", "4907", 9),
            ("slow reader", STAYED, 5),
            ("no reader", STAYED, 5),
        ];
        assert_eq!(judge_ends(&ends(&good)), [""; 0]);
        let mut open = good;
        open[1] = ("no request", "still open", 1_000);
        assert_eq!(judge_ends(&ends(&open)).len(), 1);
        let mut missing = good;
        missing[0].2 = 999;
        assert_eq!(judge_ends(&ends(&missing)).len(), 1);
        let mut odd = good.to_vec();
        odd.push(("no reader", "4900", 1));
        assert_eq!(judge_ends(&ends(&odd)), ["no reader: 1 ended with 4900"]);
        let mut tame = good;
        tame[2].1 = "cut";
        assert_eq!(judge_ends(&ends(&tame)), ["flood: none ended with 4907"]);
    }
}
