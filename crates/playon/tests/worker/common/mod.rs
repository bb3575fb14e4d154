//! A room that does a little of everything.

// Each test binary uses its own part of this, and in tests a failed step is a failed test.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

pub mod owner;
pub mod releases;

use std::time::Duration;

use playon::{Cx, Player, PlayerId, Policies, Refusal, Room, Timer};
use serde::{Deserialize, Serialize};

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Log {
    pub lines: Vec<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LogParams {
    pub refuse: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Do {
    Say(String),
    Flash(String),
    FlashAll(String),
    Timer(String, u64),
    Cancel(String),
    Roll,
    Id,
    Safe(bool),
    Dismiss(PlayerId),
    End,
    Panic,
    Flood(usize),
}

impl Log {
    fn line(&mut self, text: impl Into<String>, cx: &mut Cx<Self>) {
        let text = text.into();
        cx.broadcast(&text);
        self.lines.push(text);
    }
}

impl Room for Log {
    const KIND: &'static str = "log";
    type Params = LogParams;
    type Input = Do;
    type Event = String;
    type View = String;

    fn policies() -> Policies {
        Policies::default().players_max(3).hz(10)
    }

    fn create(params: LogParams, cx: &mut Cx<Self>) -> Result<Self, Refusal> {
        if params.refuse {
            return Err("not today".into());
        }
        cx.set_timer("first", Duration::from_millis(250));
        Ok(Self::default())
    }

    fn join(&mut self, who: &Player, cx: &mut Cx<Self>) -> Result<(), Refusal> {
        if who.name() == "mallory" {
            cx.broadcast(&"mallory is at the door".to_owned());
            return Err("not you".into());
        }
        self.line(format!("join {}", who.name()), cx);
        Ok(())
    }

    fn input(&mut self, from: PlayerId, input: Do, cx: &mut Cx<Self>) {
        match input {
            Do::Say(text) => self.line(format!("{from}: {text}"), cx),
            Do::Flash(text) => cx.flash(from, &text),
            Do::FlashAll(text) => cx.flash_all(&text),
            Do::Timer(name, millis) => cx.set_timer(&name, Duration::from_millis(millis)),
            Do::Cancel(name) => cx.cancel_timer(&name),
            Do::Roll => {
                let roll: u32 = cx.rng().range(0..1_000_000);
                self.line(format!("roll {roll}"), cx);
            }
            Do::Id => {
                let id = cx.new_id();
                self.line(format!("id {id}"), cx);
            }
            Do::Safe(safe) => cx.between_rounds(safe),
            Do::Dismiss(who) => cx.dismiss(who, "rude"),
            Do::End => cx.end(),
            Do::Panic => panic!("asked to"),
            Do::Flood(count) => (0..count).for_each(|_| cx.send(from, &"drop".to_owned())),
        }
    }

    fn unreadable(&mut self, from: PlayerId, _: &[u8], cx: &mut Cx<Self>) {
        cx.send(from, &"what?".to_owned());
    }

    fn tick(&mut self, cx: &mut Cx<Self>) {
        if cx.tick() <= 3 {
            self.line(format!("tick {} at {:?}", cx.tick(), cx.now()), cx);
        }
    }

    fn timer(&mut self, timer: &Timer, cx: &mut Cx<Self>) {
        let name = timer.name();
        self.line(format!("timer {name} at {:?}", cx.now()), cx);
        match name {
            "again" => cx.set_timer("again", Duration::ZERO),
            "killer" => cx.cancel_timer("victim"),
            _ => {}
        }
    }

    fn away(&mut self, who: PlayerId, cx: &mut Cx<Self>) {
        self.line(format!("away {who}"), cx);
    }

    fn back(&mut self, who: PlayerId, cx: &mut Cx<Self>) {
        self.line(format!("back {who}"), cx);
    }

    fn leave(&mut self, who: PlayerId, cx: &mut Cx<Self>) {
        self.line(format!("leave {who}"), cx);
    }

    fn lost(&mut self, who: PlayerId, inputs: u64, cx: &mut Cx<Self>) {
        self.line(format!("lost {who} {inputs}"), cx);
    }

    fn view(&self, who: PlayerId, cx: &Cx<Self>) -> String {
        format!("{who} sees {} lines at {:?}", self.lines.len(), cx.now())
    }

    fn watch(&self, _: &Cx<Self>) -> Option<String> {
        Some(format!("{} lines", self.lines.len()))
    }
}
