//! A room whose players say what its code does wrong: no keeper should ever have to trust a game.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Mutex;
use std::time::Duration;

use playon::{Cx, Player, PlayerId, Policies, Refusal, Room, Timer};
use serde::{Deserialize, Serialize};

/// A room that does what it is told.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Deeds {
    /// Words taken.
    words: u64,
    /// What the next call of each sort does: filled by words such as `timer:abort`.
    next: Vec<(String, String)>,
    /// From when on the view of a player fails, and how.
    spite: Vec<(PlayerId, u64, String)>,
    /// Makes the state grow.
    ballast: Vec<u8>,
}

/// What the rooms of one process share, as no game should: whoever panics while it is held leaves it poisoned for all of them.
static SHARED: Mutex<u64> = Mutex::new(0);

fn touch_shared() {
    *SHARED.lock().expect("whoever had it panicked") += 1;
}

/// Does what the word says, in whatever call.
fn commit(deed: &str) {
    match deed {
        "panic" => panic!("as told"),
        "poison" => {
            let _held = SHARED.lock();
            panic!("as told, with a lock held");
        }
        "abort" => {
            eprintln!("I abort as told");
            std::process::abort()
        }
        "exit" => std::process::exit(0),
        "overflow" => {
            std::hint::black_box(deeper(1));
        }
        "loop" => loop {
            std::hint::black_box(0);
        },
        "bug" if ends_with(b'!') => panic!("a bug of this release"),
        "abort-bug" if ends_with(b'!') => commit("abort"),
        _ => {}
    }
}

/// Whether the executable ends with that byte: so one build makes releases that differ.
fn ends_with(mark: u8) -> bool {
    let last = || {
        let mut file = File::open(std::env::current_exe()?)?;
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        io::Result::Ok(last[0])
    };
    last().is_ok_and(|last| last == mark)
}

#[expect(unconditional_recursion, reason = "it is meant to overflow the stack")]
fn deeper(depth: u64) -> u64 {
    std::hint::black_box(depth) + deeper(depth + 1)
}

impl Deeds {
    fn call(&self, call: &str) {
        self.next.iter().filter(|(when, _)| when == call).for_each(|(_, deed)| commit(deed));
    }
}

impl Room for Deeds {
    const KIND: &'static str = "deeds";

    type Params = Option<String>;
    type Input = String;
    type Event = u64;
    type View = u64;

    fn policies() -> Policies {
        // Nobody asks these rooms how long they stood still.
        let policies = Policies::default().pause_budget(Duration::from_secs(60));
        policies.hz(20).seat_hold(Duration::from_secs(2))
    }

    fn create(params: Option<String>, cx: &mut Cx<Self>) -> Result<Self, Refusal> {
        touch_shared();
        let deed = params.unwrap_or_default();
        if deed == "end" {
            cx.end();
        }
        commit(&deed);
        Ok(Self::default())
    }

    fn join(&mut self, _: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
        self.call("join");
        Ok(())
    }

    /// `abort` does it now, `view:abort` when a view is next made, `watch:abort` when one for spectators is, `spite:abort` when one
    /// for this player is, from five ticks later on; `grow:5` takes 5 MiB; `bug` panics in an executable that ends with `!`,
    /// and `abort-bug` aborts there.
    fn input(&mut self, from: PlayerId, word: String, cx: &mut Cx<Self>) {
        touch_shared();
        self.words += 1;
        match word.split_once(':') {
            Some(("grow", mebibytes)) => {
                self.ballast.resize(mebibytes.parse().unwrap_or(0) << 20, 7);
            }
            Some(("spite", deed)) => self.spite.push((from, cx.tick() + 5, deed.to_owned())),
            Some((call, deed)) => {
                self.next.push((call.to_owned(), deed.to_owned()));
                if call == "timer" {
                    cx.set_timer("deed", Duration::from_millis(10));
                }
            }
            None => commit(&word),
        }
        cx.send(from, &self.words);
    }

    fn timer(&mut self, _: &Timer, _: &mut Cx<Self>) {
        self.call("timer");
    }

    fn tick(&mut self, _: &mut Cx<Self>) {
        touch_shared();
        self.call("tick");
    }

    fn away(&mut self, _: PlayerId, _: &mut Cx<Self>) {
        self.call("away");
    }

    fn back(&mut self, _: PlayerId, _: &mut Cx<Self>) {
        self.call("back");
    }

    fn leave(&mut self, _: PlayerId, _: &mut Cx<Self>) {
        self.call("leave");
    }

    fn view(&self, who: PlayerId, cx: &Cx<Self>) -> u64 {
        self.call("view");
        let due = |(of, from, _): &&(PlayerId, u64, String)| *of == who && *from <= cx.tick();
        self.spite.iter().filter(due).for_each(|(.., deed)| commit(deed));
        self.words
    }

    fn watch(&self, _: &Cx<Self>) -> Option<u64> {
        self.call("watch");
        Some(self.words)
    }
}
