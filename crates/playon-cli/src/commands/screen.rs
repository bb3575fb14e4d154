//! The keeper at a glance, as lines of text: what `status` prints once and `top` again and again.

use playon_keeper::control::{DeployView, DurationView, FaultView, StatusView, TotalsView};

/// Faults shown; `--json` has all that the keeper remembers.
const FAULTS_SHOWN: usize = 5;

/// Groups of rooms and releases shown, so that it stays one screen.
const ROWS_SHOWN: usize = 8;

/// What the rooms are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SortBy {
    Rooms,
    Players,
    Kind,
}

impl SortBy {
    pub(super) const fn next(self) -> Self {
        match self {
            Self::Rooms => Self::Players,
            Self::Players => Self::Kind,
            Self::Kind => Self::Rooms,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Rooms => "rooms",
            Self::Players => "players",
            Self::Kind => "kind",
        }
    }

    pub(super) fn sort(self, status: &mut StatusView) {
        match self {
            // In the order of the names, and stably by number.
            Self::Rooms => status.rooms_by.sort_by_key(|group| std::cmp::Reverse(group.rooms)),
            Self::Players => status.rooms_by.sort_by_key(|group| std::cmp::Reverse(group.players)),
            Self::Kind => status.rooms_by.sort_by(|a, b| a.kind.cmp(&b.kind)),
        }
    }
}

/// Two looks and the time between them, for rates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Between {
    pub(super) before: TotalsView,
    pub(super) seconds: f64,
}

/// What a line says about the state of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    Plain,
    Heading,
    Good,
    Bad,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ScreenLine {
    pub(super) mood: Severity,
    pub(super) text: String,
}

fn plain(text: impl Into<String>) -> ScreenLine {
    ScreenLine { mood: Severity::Plain, text: text.into() }
}

fn heading(text: &str) -> ScreenLine {
    ScreenLine { mood: Severity::Heading, text: text.to_owned() }
}

/// The whole screen.
pub(super) fn lines(status: &StatusView, between: Option<Between>, now_ms: u64) -> Vec<ScreenLine> {
    let mut lines = vec![keeper(status), ready(status)];
    lines.push(plain(format!(
        "players     {} seats, {} sockets at {}",
        status.players, status.sockets, status.players_at
    )));
    lines.push(plain(rooms(status)));
    lines.extend(status.deploy.as_ref().map(|deploy| deploy_line(deploy, now_ms)));
    lines.push(plain(times(status)));
    lines.push(plain(queues(status)));
    lines.push(plain(format!(
        "store       {} + {} of log, {} free on disk; keeper memory {}",
        bytes(status.store.database_bytes),
        bytes(status.store.wal_bytes),
        bytes(status.store.disk_free_bytes),
        bytes(status.memory_bytes)
    )));
    if let Some(between) = between {
        lines.push(plain(rates(&status.totals, between)));
    }
    lines.extend(groups(status));
    lines.extend(releases(status));
    lines.extend(faults(&status.faults, now_ms));
    lines
}

fn keeper(status: &StatusView) -> ScreenLine {
    plain(format!(
        "keeper      {}, epoch {}, up {}",
        status.version,
        status.epoch,
        duration(status.uptime_s)
    ))
}

fn ready(status: &StatusView) -> ScreenLine {
    match &status.not_ready {
        None => ScreenLine { mood: Severity::Good, text: "ready       yes".to_owned() },
        Some(why) => ScreenLine { mood: Severity::Bad, text: format!("ready       no: {why}") },
    }
}

fn rooms(status: &StatusView) -> String {
    let halted: usize =
        status.rooms_by.iter().filter(|group| group.state == "halted").map(|g| g.rooms).sum();
    let opening = status.rooms.saturating_sub(status.rooms_live + halted);
    format!(
        "rooms       {}: {} live, {opening} opening, {halted} halted",
        status.rooms, status.rooms_live
    )
}

fn deploy_line(deploy: &DeployView, now_ms: u64) -> ScreenLine {
    let from = deploy.from.as_deref().unwrap_or("nothing");
    let end = deploy.finished_ms.unwrap_or(now_ms);
    let mut text = format!(
        "deploy      {} {from} -> {}: {}, {} of {} rooms moved, {}",
        deploy.id,
        deploy.to,
        deploy.phase,
        deploy.rooms_moved,
        deploy.rooms_moved + deploy.rooms_waiting,
        if deploy.finished {
            format!("ended {} ago", duration(now_ms.saturating_sub(end) / 1_000))
        } else {
            format!("for {}", duration(now_ms.saturating_sub(deploy.started_ms) / 1_000))
        }
    );
    if let Some(reason) = &deploy.reason {
        text += &format!("; {reason}");
    }
    let mood = match (deploy.finished, deploy.reason.is_some() && deploy.phase != "superseded") {
        (true, true) => Severity::Bad,
        (false, _) => Severity::Good,
        (true, false) => Severity::Plain,
    };
    ScreenLine { mood, text }
}

fn times(status: &StatusView) -> String {
    let one = |view: &DurationView| format!("{:.1} / {:.1}", view.p50, view.p99);
    let timings = &status.timings_ms;
    format!(
        "p50 / p99   tick late {} ms, batch {} ms, commit {} ms, of the last minute",
        one(&timings.tick_late),
        one(&timings.batch),
        one(&timings.commit)
    )
}

fn queues(status: &StatusView) -> String {
    let queues = &status.queues;
    format!(
        "waiting     owner {}, gateway {}, link {}, store {}",
        queues.owner, queues.gateway, queues.link, queues.store
    )
}

fn rates(now: &TotalsView, between: Between) -> String {
    let rate = |now: u64, before: u64| {
        #[expect(clippy::cast_precision_loss, reason = "shown to three digits")]
        let count = now.saturating_sub(before) as f64;
        count / between.seconds.max(0.001)
    };
    let before = between.before;
    format!(
        "per second  in {:.0} frames {}, out {:.0} frames {}, batches {:.0}, commits {:.0}, syncs {:.0}, faults {:.1}",
        rate(now.frames_in, before.frames_in),
        bytes_f(rate(now.bytes_in, before.bytes_in)),
        rate(now.frames_out, before.frames_out),
        bytes_f(rate(now.bytes_out, before.bytes_out)),
        rate(now.batches, before.batches),
        rate(now.commits, before.commits),
        rate(now.syncs, before.syncs),
        rate(now.room_faults, before.room_faults),
    )
}

fn groups(status: &StatusView) -> Vec<ScreenLine> {
    if status.rooms_by.is_empty() {
        return Vec::new();
    }
    let mut groups: Vec<_> = status.rooms_by.iter().collect();
    // Whatever the order, what wants an eye comes first.
    groups.sort_by_key(|group| group.state != "halted");
    let rows = groups.iter().map(|group| {
        let row = [&group.kind, &group.release, &group.state].map(|text| text.as_str());
        format!(
            "{:<20} {:<20} {:<8} {:>7} {:>8}",
            row[0], row[1], row[2], group.rooms, group.players
        )
    });
    let title =
        format!("{:<20} {:<20} {:<8} {:>7} {:>8}", "KIND", "RELEASE", "STATE", "ROOMS", "PLAYERS");
    block(&title, rows.map(plain).collect())
}

fn releases(status: &StatusView) -> Vec<ScreenLine> {
    let mut releases: Vec<_> = status.releases.iter().collect();
    releases.sort_by_key(|release| {
        std::cmp::Reverse((release.current, release.workers > 0, release.added_ms))
    });
    let rows = releases.iter().map(|release| {
        let mark = if release.current { "*" } else { " " };
        let pids = status.workers.iter().filter(|worker| worker.release == release.label);
        let pids: Vec<_> = pids.map(|worker| worker.pid.to_string()).collect();
        plain(format!(
            "{mark} {:<38} {:>7} {:>8}  {}",
            release.label,
            release.rooms,
            release.workers,
            pids.join(" ")
        ))
    });
    let title = format!("  {:<38} {:>7} {:>8}  {}", "RELEASE", "ROOMS", "WORKERS", "PROCESSES");
    block(&title, rows.collect())
}

/// Rows under a title; of too many the rest is counted.
fn block(title: &str, mut rows: Vec<ScreenLine>) -> Vec<ScreenLine> {
    let more = rows.len().saturating_sub(ROWS_SHOWN);
    if more > 0 {
        rows.truncate(ROWS_SHOWN);
        rows.push(plain(format!("  and {more} more")));
    }
    [vec![plain(""), heading(title)], rows].concat()
}

fn faults(faults: &[FaultView], now_ms: u64) -> Vec<ScreenLine> {
    if faults.is_empty() {
        return Vec::new();
    }
    let line = |fault: &FaultView| {
        let ago = duration(now_ms.saturating_sub(fault.at_ms) / 1_000);
        let release = fault.release.as_deref().unwrap_or("-");
        let room = fault.room.as_deref().unwrap_or("-");
        plain(format!("{ago:>7} ago  {release}  {room}  {}", fault.what))
    };
    let shown = faults.iter().take(FAULTS_SHOWN).map(line);
    let title = heading("LAST FAULTS");
    [plain(""), title].into_iter().chain(shown).collect()
}

/// `3 d 4 h`, `5 min 6 s`.
fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

fn bytes(n: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown to one digit behind the point")]
    bytes_f(n as f64)
}

fn bytes_f(mut n: f64) -> String {
    let mut units = ["B", "KiB", "MiB", "GiB", "TiB"].into_iter().peekable();
    while n >= 1_024.0 && units.len() > 1 {
        n /= 1_024.0;
        units.next();
    }
    let unit = units.next().unwrap_or("B");
    if unit == "B" { format!("{n:.0} {unit}") } else { format!("{n:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_short() {
        let times = [5, 65, 3_700, 90_000].map(duration);
        assert_eq!(times, ["5 s", "1 min 5 s", "1 h 1 min", "1 d 1 h"]);
        let sizes = [512, 1_536, 3 << 20, 5 << 40].map(bytes);
        assert_eq!(sizes, ["512 B", "1.5 KiB", "3.0 MiB", "5.0 TiB"]);
    }

    #[test]
    fn what_is_too_long_for_a_screen_is_counted() {
        let rows = (0..ROWS_SHOWN + 3).map(|n| plain(n.to_string())).collect();
        let block = block("TITLE", rows);
        assert_eq!(block.len(), 2 + ROWS_SHOWN + 1);
        assert_eq!(block.last().map(|line| line.text.as_str()), Some("  and 3 more"));
    }
}
