//! Hand-written cases over the same simulator: a few words a line.
//!
//! ```text
//! # A comment.
//! shards 2                   of the keeper, before the first room; else it has one. Rooms r0, r2 .. may be of the same: see `RoomId::shard`
//! room r0 players 2          r0, r3 .. tick; r1, r4 .. go by turns and sleep soon; r2, r5 .. may lose their tail
//! play 500ms                 time passes
//! deploy R2 [now]            `now`: in the middle of a round if need be
//! rollback                   to where rooms were before the last deploy that moved any
//! doom r0 on R2 panics      from now on R2 cannot run a batch of the room; `dies`: the process ends; `hangs`: it does not come back
//! doom copies of r0 on R2 dies   the same, when it opens what another release wrote of the room, or writes an older version
//! doom showing of r0 on R2 dies  the same, when it shows the room to spectators
//! threads of r0              from now on each batch of the room leaves one behind that ends the process a while later, whatever runs then
//! watch r0                   somebody looks at it, for a while
//! until r0 Switching         runs until the room is there, for at most 20 s; places as in `playon_core::facts`
//! until r0 on R2             runs until the room's last commit is of that release
//! until player 0 welcomed    until it has its seat on its socket
//! until deploy done          or stopped, reverted, moving ..
//! stall store 300ms          what is written from now on becomes safe only then
//! kill worker R1 of r0       the worker of that release which has the room
//! hang worker R2 of r0 3s
//! spoil R2                   its workers fail at each copy that they open from now on
//! kill keeper losing all     or `keeping all`: what becomes of writes that are not safe
//! stop keeper                in order; the next one starts by itself
//! back up                    a copy of what is safe
//! restore                    the keeper dies, and the copy is put in the place of its store
//! cut player 0 for 2s        players are numbered through all rooms
//! poison of player 0 panics  sends an input on which every release fails; `on R2 panics`: that one alone; `dies`, `hangs`;
//!                            `spoils`, `spoils-inputs`: it panics, and so does whatever else runs in that process from then on
//! farewell of player 0       sends an input that ends its room
//! close r0                   an operator closes the room
//! expire r0 as player 0 asks its age has come while it sleeps, and in the same moment its player comes back
//! keep 1 executables         beyond so many the oldest are deleted with each upload, but none that is needed; before the first room
//! lose executable R1         it is gone from the disk, whoever needs it; its workers live on
//! return executable R1       it is there again
//! turns finish               rooms that go by turns end on the release that they began on; before the first room
//! keep rooms at rest for 3s  as R1 says, R2 for twice as long; before the first room
//! damage r0                  the next keeper finds damaged what is stored about it; an operator closes it within 2 s
//! expect r0 on R2
//! expect r0 asleep            it is at rest, and not in memory
//! expect checked 1            copies of rooms in memory that the last deploy had opened; `checked asleep`: of rooms at rest
//! expect moved 1             handoffs so far; `undone`: handoffs that came to nothing; `slept`: rooms put to sleep; `ended`: rooms deleted
//! expect lost 0              inputs that players were told are lost; `some`: at least one
//! ```
//!
//! Every invariant is checked after every step, and after the last line everything has to become well.

use std::fs;
use std::io;
use std::path::Path;
use std::str::FromStr;

use playon_core::facts::Place;
use playon_types::record::DeployPhase;
use playon_types::time::Span;

use crate::deeds::{Doom, FailingTask, GameFailure};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScenarioStep {
    /// The keeper has so many shards.
    Shards(u16),
    /// A room with that many players.
    Room(u8, u64),
    /// Time passes.
    Play(Span),
    /// Ship that release.
    Deploy(u8, bool),
    /// Go back.
    Rollback,
    /// A release cannot run a room.
    Doom(u8, u8, Doom),
    /// A room leaves threads behind that end processes.
    Threads(u8),
    /// Somebody looks at a room.
    Watch(u8),
    /// Until a room is somewhere.
    UntilPlace(u8, Place),
    /// Until a room runs on a release.
    UntilOn(u8, u8),
    /// Until a deploy stands so.
    UntilDeploy(DeployPhase),
    /// Runs until a player has its seat.
    UntilWelcomed(u64),
    /// The store takes its time.
    Stall(Span),
    /// A worker of a release dies.
    KillWorker(u8, u8),
    /// A worker of a release does nothing for a while.
    HangWorker(u8, u8, Span),
    /// A release fails at each copy.
    Spoil(u8),
    /// The keeper dies; what is not safe yet survives or does not.
    KillKeeper(bool),
    /// The keeper stops in order.
    StopKeeper,
    /// A copy of the store is made.
    BackUp,
    /// It is put back.
    Restore,
    /// A player has no socket for a while.
    Cut(u64, Span),
    /// A player sends an input on which the game fails, on one release or on all.
    Poison(u64, Option<u8>, GameFailure),
    /// A player ends its room.
    Farewell(u64),
    /// An operator closes a room.
    Close(u8),
    /// A room is to be deleted for its age, and a player asks for it.
    Expire(u8, u64),
    /// So many executables are kept.
    Keep(usize),
    /// An executable is gone, or is there again.
    Executable(u8, bool),
    /// Rooms by turns never move.
    TurnsFinish,
    /// The first release keeps rooms at rest for so long, each one after it longer by as much.
    Keeps(Span),
    /// The next keeper finds a room damaged.
    Damage(u8),
    /// A room runs on a release.
    ExpectOn(u8, u8),
    /// A room is at rest.
    ExpectAsleep(u8),
    /// Players were told of lost inputs.
    ExpectLoss,
    /// So many of something have happened.
    Expect(Counter, u64),
}

/// What can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Handoffs.
    Moved,
    /// Handoffs that came to nothing.
    Undone,
    /// Rooms put to sleep.
    Slept,
    /// Rooms deleted.
    Ended,
    /// Inputs that players were told are lost.
    Lost,
    /// Copies of rooms in memory that the last deploy had opened.
    Checked,
    /// Copies of rooms at rest that it had.
    CheckedAsleep,
}

/// A case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scenario {
    /// Its lines, with their numbers.
    pub steps: Vec<(usize, ScenarioStep)>,
}

/// The cases in a folder by the names of their files, in the order of these.
///
/// # Errors
/// When one cannot be read, with its name.
pub fn read_all(folder: &Path) -> Result<Vec<(String, Scenario)>, String> {
    let told = |error: io::Error| format!("{}: {error}", folder.display());
    let mut cases = Vec::new();
    for entry in fs::read_dir(folder).map_err(told)? {
        let path = entry.map_err(told)?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let case = fs::read_to_string(&path).map_err(told)?.parse();
        cases.push((name.clone(), case.map_err(|error| format!("{name}: {error}"))?));
    }
    cases.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(cases)
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            let words: Vec<&str> = line.split_whitespace().collect();
            if !words.is_empty() {
                let step = parse(&words).map_err(|e| format!("line {}: {e}", number + 1))?;
                steps.push((number + 1, step));
            }
        }
        Ok(Self { steps })
    }
}

fn parse(words: &[&str]) -> Result<ScenarioStep, String> {
    Ok(match words {
        ["shards", shards] => ScenarioStep::Shards(few(shards)?),
        ["room", room, "players", players] => {
            ScenarioStep::Room(number(room, 'r')?, count(players)?)
        }
        ["play", time] => ScenarioStep::Play(span(time)?),
        ["deploy", release] => ScenarioStep::Deploy(number(release, 'R')?, false),
        ["deploy", release, "now"] => ScenarioStep::Deploy(number(release, 'R')?, true),
        ["rollback"] => ScenarioStep::Rollback,
        ["doom", room, "on", release, what] => {
            let doom = Doom { at: FailingTask::Run, deed: find_deed(what)? };
            ScenarioStep::Doom(number(release, 'R')?, number(room, 'r')?, doom)
        }
        ["doom", "copies", "of", room, "on", release, what] => {
            let doom = Doom { at: FailingTask::Copy, deed: find_deed(what)? };
            ScenarioStep::Doom(number(release, 'R')?, number(room, 'r')?, doom)
        }
        ["doom", "showing", "of", room, "on", release, what] => {
            let doom = Doom { at: FailingTask::Show, deed: find_deed(what)? };
            ScenarioStep::Doom(number(release, 'R')?, number(room, 'r')?, doom)
        }
        ["threads", "of", room] => ScenarioStep::Threads(number(room, 'r')?),
        ["watch", room] => ScenarioStep::Watch(number(room, 'r')?),
        ["until", "deploy", phase] => ScenarioStep::UntilDeploy(deploy_phase(phase)?),
        ["until", "player", player, "welcomed"] => ScenarioStep::UntilWelcomed(count(player)?),
        ["until", room, "on", release] => {
            ScenarioStep::UntilOn(number(room, 'r')?, number(release, 'R')?)
        }
        ["until", room, place] => ScenarioStep::UntilPlace(number(room, 'r')?, find_place(place)?),
        ["stall", "store", time] => ScenarioStep::Stall(span(time)?),
        ["kill", "worker", release, "of", room] => {
            ScenarioStep::KillWorker(number(release, 'R')?, number(room, 'r')?)
        }
        ["hang", "worker", release, "of", room, time] => {
            ScenarioStep::HangWorker(number(release, 'R')?, number(room, 'r')?, span(time)?)
        }
        ["spoil", release] => ScenarioStep::Spoil(number(release, 'R')?),
        ["kill", "keeper", "losing", "all"] => ScenarioStep::KillKeeper(false),
        ["kill", "keeper", "keeping", "all"] => ScenarioStep::KillKeeper(true),
        ["stop", "keeper"] => ScenarioStep::StopKeeper,
        ["back", "up"] => ScenarioStep::BackUp,
        ["restore"] => ScenarioStep::Restore,
        ["cut", "player", player, "for", time] => ScenarioStep::Cut(count(player)?, span(time)?),
        ["poison", "of", "player", player, deed] => {
            ScenarioStep::Poison(count(player)?, None, find_deed(deed)?)
        }
        ["poison", "of", "player", player, "on", release, deed] => {
            ScenarioStep::Poison(count(player)?, Some(number(release, 'R')?), find_deed(deed)?)
        }
        ["farewell", "of", "player", player] => ScenarioStep::Farewell(count(player)?),
        ["close", room] => ScenarioStep::Close(number(room, 'r')?),
        ["expire", room, "as", "player", player, "asks"] => {
            ScenarioStep::Expire(number(room, 'r')?, count(player)?)
        }
        ["keep", most, "executables"] => ScenarioStep::Keep(usize::from(few(most)?)),
        ["lose", "executable", release] => ScenarioStep::Executable(number(release, 'R')?, false),
        ["return", "executable", release] => ScenarioStep::Executable(number(release, 'R')?, true),
        ["turns", "finish"] => ScenarioStep::TurnsFinish,
        ["keep", "rooms", "at", "rest", "for", time] => ScenarioStep::Keeps(span(time)?),
        ["damage", room] => ScenarioStep::Damage(number(room, 'r')?),
        ["expect", what @ ..] => parse_expected(what)?,
        _ => return Err(format!("`{}` means nothing here", words.join(" "))),
    })
}

/// What follows `expect`.
fn parse_expected(words: &[&str]) -> Result<ScenarioStep, String> {
    Ok(match words {
        [room, "on", release] => ScenarioStep::ExpectOn(number(room, 'r')?, number(release, 'R')?),
        ["checked", n] => ScenarioStep::Expect(Counter::Checked, count(n)?),
        ["checked", "asleep", n] => ScenarioStep::Expect(Counter::CheckedAsleep, count(n)?),
        [room, "asleep"] => ScenarioStep::ExpectAsleep(number(room, 'r')?),
        ["moved", n] => ScenarioStep::Expect(Counter::Moved, count(n)?),
        ["undone", n] => ScenarioStep::Expect(Counter::Undone, count(n)?),
        ["slept", n] => ScenarioStep::Expect(Counter::Slept, count(n)?),
        ["ended", n] => ScenarioStep::Expect(Counter::Ended, count(n)?),
        ["lost", "some"] => ScenarioStep::ExpectLoss,
        ["lost", n] => ScenarioStep::Expect(Counter::Lost, count(n)?),
        _ => return Err(format!("`expect {}` means nothing here", words.join(" "))),
    })
}

fn number(word: &str, mark: char) -> Result<u8, String> {
    let digits = word.strip_prefix(mark).and_then(|digits| digits.parse().ok());
    digits.ok_or_else(|| format!("`{word}` should be {mark} and a number"))
}

fn count(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| format!("`{word}` should be a number"))
}

fn few(word: &str) -> Result<u16, String> {
    word.parse().map_err(|_| format!("`{word}` should be a small number"))
}

fn span(word: &str) -> Result<Span, String> {
    let ms = word.strip_suffix("ms").and_then(|n| n.parse().ok()).map(Span::millis);
    let secs = || word.strip_suffix('s').and_then(|n| n.parse().ok()).map(Span::secs);
    ms.or_else(secs).ok_or_else(|| format!("`{word}` should be a time like 50ms or 2s"))
}

fn find_place(word: &str) -> Result<Place, String> {
    let found = Place::ALL.into_iter().find(|place| place.to_string() == word);
    found.ok_or_else(|| format!("there is no place `{word}`"))
}

fn find_deed(word: &str) -> Result<GameFailure, String> {
    match word {
        "panics" => Ok(GameFailure::Panic),
        "dies" => Ok(GameFailure::Abort),
        "hangs" => Ok(GameFailure::Hang),
        "spoils" => Ok(GameFailure::Spoil),
        "spoils-inputs" => Ok(GameFailure::SpoilInputs),
        _ => Err(format!("a release that `{word}` is not known")),
    }
}

fn deploy_phase(word: &str) -> Result<DeployPhase, String> {
    let found = DeployPhase::ALL.into_iter().find(|phase| phase.name() == word);
    found.ok_or_else(|| format!("there is no phase `{word}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_read_line_by_line() {
        let case: Scenario =
            "room r0 players 2 # two\n\nuntil r0 Cutover\nplay 50ms".parse().unwrap();
        let steps = [
            (1, ScenarioStep::Room(0, 2)),
            (3, ScenarioStep::UntilPlace(0, Place::Cutover)),
            (4, ScenarioStep::Play(Span::millis(50))),
        ];
        assert_eq!(case.steps, steps);
    }

    #[test]
    fn what_means_nothing_is_named_with_its_line() {
        let error = "play 1s\nexpect wonders".parse::<Scenario>().unwrap_err();
        assert_eq!(error, "line 2: `expect wonders` means nothing here");
        assert!("until r0 Nowhere".parse::<Scenario>().unwrap_err().contains("no place"));
        assert!("play fast".parse::<Scenario>().unwrap_err().contains("50ms"));
    }
}
