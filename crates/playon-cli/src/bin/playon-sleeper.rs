//! A game whose rooms go to rest as soon as nobody is there. For tests of rooms at rest.
//!
//! The last two bytes of its executable say which versions it reads and writes, so that one program makes many releases: `12` reads
//! from version 1 on and writes version 2, `22` reads and writes version 2 only. Without them it is `11`. The byte before them may
//! say what its upgrade does to a room in which three words were said: `!` panics, `#` dies, `~` hangs, `?` leaves a state that it
//! cannot read again.

use std::process::ExitCode;
use std::time::Duration;

use playon::{Cx, OnDeploy, Player, PlayerId, Policies, Refusal, Room, Versions};
use serde::{Deserialize, Serialize};

/// A room that counts words and remembers how often it was upgraded.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Nap {
    #[serde(deserialize_with = "words")]
    words: u64,
    upgrades: u64,
}

/// The oldest version that is read, and the one that is written.
fn versions_of_this_build() -> (u8, u8) {
    let bytes = std::env::current_exe().and_then(std::fs::read).unwrap_or_default();
    match bytes.as_slice() {
        [.., reads @ b'1'..=b'2', writes @ b'1'..=b'2'] if reads <= writes => {
            (reads - b'0', writes - b'0')
        }
        _ => (1, 1),
    }
}

/// What this build does to a room in which three words were said.
fn upgrade(nap: Nap) -> Nap {
    let bytes = std::env::current_exe().and_then(std::fs::read).unwrap_or_default();
    let deed = bytes.iter().rev().nth(2).copied().filter(|_| nap.words == 3);
    match deed {
        Some(b'!') => panic!("three words are too many"),
        Some(b'#') => {
            eprintln!("three words are too many");
            std::process::abort()
        }
        Some(b'~') => loop {
            std::thread::park();
        },
        Some(b'?') => Nap { words: UNREADABLE, ..nap },
        _ => Nap { upgrades: nap.upgrades + 1, ..nap },
    }
}

/// A number of words that is written and not read again.
const UNREADABLE: u64 = u64::MAX;

fn words<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    match u64::deserialize(from)? {
        UNREADABLE => Err(serde::de::Error::custom("so many words are not read")),
        words => Ok(words),
    }
}

/// How long rooms are kept at rest, if the test says so.
fn expire() -> Option<Duration> {
    let ms = std::env::var("PLAYON_SLEEPER_EXPIRE_MS").ok()?;
    Some(Duration::from_millis(ms.parse().ok()?))
}

impl Room for Nap {
    const KIND: &'static str = "nap";

    type Params = Option<()>;
    type Input = ();
    type Event = u64;
    type View = (u64, u64);

    fn policies() -> Policies {
        let policies = Policies::default()
            .on_deploy(OnDeploy::Now)
            // Nobody asks these rooms how long they stood still.
            .pause_budget(Duration::from_secs(60))
            .seat_hold(Duration::from_secs(600))
            .idle_hibernate(Duration::from_millis(100));
        match expire() {
            Some(after) => policies.expire(after),
            None => policies,
        }
    }

    fn versions() -> Versions<Self> {
        match versions_of_this_build() {
            (1, 2) => Versions::first().then(upgrade),
            (reads, _) => Versions::since(reads.into()),
        }
    }

    fn create(_: Option<()>, _: &mut Cx<Self>) -> Result<Self, Refusal> {
        Ok(Self::default())
    }

    fn join(&mut self, _: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
        Ok(())
    }

    fn input(&mut self, from: PlayerId, (): (), cx: &mut Cx<Self>) {
        self.words += 1;
        cx.send(from, &self.words);
    }

    fn view(&self, _: PlayerId, _: &Cx<Self>) -> (u64, u64) {
        (self.words, self.upgrades)
    }
}

fn main() -> ExitCode {
    playon::app("sleeper").room::<Nap>().run()
}
