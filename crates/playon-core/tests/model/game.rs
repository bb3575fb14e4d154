//! The naive game that the rooms of these tests play: its state is the list of everything that ever happened to it.

use std::collections::BTreeSet;

use bytes::Bytes;
use playon_types::attach::{Body, Item, Noted};
use playon_types::ids::SessionId;
use playon_types::image::StateCodec;
use playon_types::time::RoomTime;

/// Deltas are what is appended, hashes a fold over the bytes.
#[derive(Clone, Copy)]
pub(crate) struct Suffix;

impl StateCodec for Suffix {
    fn apply(&self, base: &[u8], delta: &[u8], max: usize) -> Option<Bytes> {
        let state = [base, delta].concat();
        (state.len() <= max).then(|| state.into())
    }

    fn hash(&self, state: &[u8]) -> u64 {
        let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        state.iter().fold(0xcbf2_9ce4_8422_2325, step)
    }
}

pub(crate) fn hash(state: &[u8]) -> u64 {
    Suffix.hash(state)
}

/// What an input makes the game do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Nothing but being noted.
    Note,
    /// Tells the sender so many events of so many bytes each.
    Tell(u8, u8),
    /// Tells everybody one event, and once without a number.
    Shout,
    /// Sends the sender away.
    Kick,
    /// Sets the timer so many milliseconds ahead.
    Timer(u8),
    /// Says whether the room is between rounds.
    Between(bool),
    /// Makes the game panic, every time.
    Poison,
}

impl Command {
    pub(crate) fn payload(self) -> Bytes {
        let bytes = match self {
            Self::Note => [0, 0, 0],
            Self::Tell(count, size) => [1, count, size],
            Self::Shout => [2, 0, 0],
            Self::Kick => [3, 0, 0],
            Self::Timer(ms) => [4, ms, 0],
            Self::Between(open) => [5, u8::from(open), 0],
            Self::Poison => [6, 0, 0],
        };
        Bytes::copy_from_slice(&bytes)
    }

    pub(crate) fn read(payload: &[u8]) -> Self {
        match *payload {
            [1, count, size] => Self::Tell(count, size),
            [2, ..] => Self::Shout,
            [3, ..] => Self::Kick,
            [4, ms, _] => Self::Timer(ms),
            [5, open, _] => Self::Between(open != 0),
            [6, ..] => Self::Poison,
            _ => Self::Note,
        }
    }
}

/// A profile with which a join is refused.
pub(crate) const UNWELCOME: &[u8] = b"no";

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) what: u8,
    pub(crate) session: u64,
    /// The input's number, or the room time at which a timer fired.
    pub(crate) number: u64,
}

pub(crate) const JOINED: u8 = 1;
pub(crate) const INPUT: u8 = 2;
pub(crate) const AWAY: u8 = 3;
pub(crate) const BACK: u8 = 4;
pub(crate) const LEFT: u8 = 5;
pub(crate) const FIRED: u8 = 6;

/// The state of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) version: u8,
    pub(crate) between: bool,
    pub(crate) timer: Option<u64>,
    pub(crate) log: Vec<Entry>,
}

/// What one batch says beside the state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) refused: Vec<SessionId>,
    pub(crate) dismissed: Vec<SessionId>,
    /// Who is told what, and whether with a number.
    pub(crate) outputs: Vec<(SessionId, Bytes, bool)>,
}

const HEAD: usize = 11;
const ENTRY: usize = 17;

impl State {
    pub(crate) fn new(version: u8) -> Self {
        Self { version, between: false, timer: None, log: Vec::new() }
    }

    pub(crate) fn encode(&self) -> Bytes {
        let mut out = vec![self.version, u8::from(self.between), u8::from(self.timer.is_some())];
        out.extend(self.timer.unwrap_or(0).to_be_bytes());
        for entry in &self.log {
            out.push(entry.what);
            out.extend(entry.session.to_be_bytes());
            out.extend(entry.number.to_be_bytes());
        }
        out.into()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Self {
        let word = |at: &[u8]| u64::from_be_bytes(at.try_into().expect("8 bytes"));
        let log = bytes[HEAD..].chunks(ENTRY).map(|raw| Entry {
            what: raw[0],
            session: word(&raw[1..9]),
            number: word(&raw[9..]),
        });
        let timer = (bytes[2] != 0).then(|| word(&bytes[3..HEAD]));
        Self { version: bytes[0], between: bytes[1] != 0, timer, log: log.collect() }
    }

    /// What makes the encoding of `self` from that of an earlier state.
    pub(crate) fn body_after(&self, before: &[u8]) -> Body {
        let after = self.encode();
        if after == before {
            Body::Same
        } else if after.len() > before.len() && after.starts_with(before) {
            Body::Delta(after.slice(before.len()..))
        } else {
            Body::Full(after)
        }
    }

    fn players(&self) -> BTreeSet<u64> {
        let mut players = BTreeSet::new();
        for entry in &self.log {
            match entry.what {
                JOINED => drop(players.insert(entry.session)),
                LEFT => drop(players.remove(&entry.session)),
                _ => {}
            }
        }
        players
    }

    /// Whether the game panics on this batch.
    pub(crate) fn panics_on(items: &[Item]) -> bool {
        items.iter().any(|item| matches!(item, Item::Input { payload, .. } if Command::read(payload) == Command::Poison))
    }

    /// Runs a batch.
    pub(crate) fn run(&mut self, now: RoomTime, items: &[Item]) -> Said {
        let mut said = Said::default();
        if let Some(at) = self.timer.filter(|at| *at <= now.0) {
            self.timer = None;
            self.log.push(Entry { what: FIRED, session: at, number: now.0 });
        }
        for item in items {
            let (what, session, number) = match item {
                Item::Join { session, profile } if profile == UNWELCOME => {
                    said.refused.push(*session);
                    continue;
                }
                Item::Join { session, .. } => (JOINED, session.0, 0),
                Item::Input { session, seq, .. } => (INPUT, session.0, *seq),
                Item::Away(session) => (AWAY, session.0, 0),
                Item::Back { session, lost } => (BACK, session.0, *lost),
                Item::Leave(session) => (LEFT, session.0, 0),
                Item::Noted { session, change: Noted::Away } => (AWAY, session.0, 0),
                Item::Noted { session, change: Noted::Back } => (BACK, session.0, 0),
                Item::Noted { session, change: Noted::Leave } => (LEFT, session.0, 0),
                Item::Tick(_) | Item::Wake => continue,
            };
            self.log.push(Entry { what, session, number });
            if let Item::Input { session, seq, payload } = item {
                self.obey(now, *session, *seq, Command::read(payload), &mut said);
            }
        }
        said
    }

    fn obey(
        &mut self,
        now: RoomTime,
        from: SessionId,
        seq: u64,
        command: Command,
        said: &mut Said,
    ) {
        let text = |n: u64, size: usize| Bytes::from(format!("{from}:{seq}:{n:0size$}"));
        match command {
            Command::Note | Command::Poison => {}
            Command::Tell(count, size) => {
                let told = (0..u64::from(count)).map(|n| (from, text(n, usize::from(size)), true));
                said.outputs.extend(told);
            }
            Command::Shout => {
                for player in self.players() {
                    said.outputs.push((SessionId(player), text(0, 1), true));
                    said.outputs.push((SessionId(player), text(1, 1), false));
                }
            }
            Command::Kick => {
                self.log.push(Entry { what: LEFT, session: from.0, number: seq });
                said.dismissed.push(from);
            }
            Command::Timer(ms) => self.timer = Some(now.0 + 1_000 * u64::from(ms)),
            Command::Between(open) => self.between = open,
        }
    }
}
