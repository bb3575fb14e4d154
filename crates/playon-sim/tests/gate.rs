//! The model of the gateway is held to the points that every gateway is held to.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use playon_gate_kit::{Guest, Heard, POINTS, Said, ScriptedPlayer, Subject, check};
use playon_sim::gate::{self, Gate, Out};
use playon_types::gate::{Create, Hello, ToGateway, ToOwner, Who};
use playon_types::ids::{ConnId, Generation, History, RoomId, SecretHash, SessionId};
use playon_types::time::Time;

/// How a model could be kinder than the gateway, or otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoilt {
    No,
    /// Whom the owner closes is said to be gone.
    Talkative,
    /// Nobody is ever said to be gone.
    Silent,
    /// Who goes is said to be gone twice.
    Doubtful,
    /// What is owed to a slow player is forgotten.
    Careless,
    /// What comes before the welcome is passed on.
    Hasty,
    /// Nobody is sent elsewhere.
    Stubborn,
}

const NOW: Time = Time(0);

struct Model {
    gate: Gate,
    spoilt: Spoilt,
    players: Vec<ConnId>,
    heard: BTreeMap<ConnId, VecDeque<Heard>>,
    told: VecDeque<ToOwner>,
    drawn: u64,
}

impl Model {
    fn new(spoilt: Spoilt) -> Self {
        Self {
            gate: Gate::default(),
            spoilt,
            players: Vec::new(),
            heard: BTreeMap::new(),
            told: VecDeque::new(),
            drawn: 0,
        }
    }

    const fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.drawn
    }

    fn carry(&mut self, all: Vec<Out>) {
        for out in all {
            match out {
                Out::Owner(ToOwner::Gone { .. }) if self.spoilt == Spoilt::Silent => {}
                Out::Owner(ToOwner::Drained { conn, .. }) if self.spoilt == Spoilt::Careless => {
                    self.told.push_back(ToOwner::Ack { conn, recv: 0 });
                }
                Out::Owner(message) => {
                    if matches!(message, ToOwner::Gone { .. }) && self.spoilt == Spoilt::Doubtful {
                        self.told.push_back(message.clone());
                    }
                    self.told.push_back(message);
                }
                Out::Player(conn, what) => self.heard.entry(conn).or_default().extend(parts(what)),
            }
        }
    }

    fn hello(&mut self, conn: ConnId, guest: Guest) -> Hello {
        let fresh = SessionId(self.draw());
        let new = Who::New { session: fresh, secret: SecretHash::default(), profile: Bytes::new() };
        let (room, who) = match guest {
            Guest::New(room) => (room, new),
            Guest::Known(room, session) => {
                let who = Who::Known {
                    session,
                    secret: SecretHash::default(),
                    history: History(3),
                    generation: Generation(1),
                    recv: 0,
                    lo: 1,
                    whole: false,
                };
                (room, who)
            }
            Guest::Watcher(room) => (room, Who::Watcher),
            Guest::Anywhere => (any_room(self.draw()), new),
        };
        let create =
            Create { kind: "duel".into(), name: String::new(), params: Bytes::new(), seed: 1 };
        let create = matches!(guest, Guest::Anywhere).then_some(create);
        Hello { conn, room, who, create }
    }
}

fn any_room(number: u64) -> RoomId {
    RoomId(u128::from(number).to_be_bytes())
}

/// What a player makes of what is written for it, in the order of the frames.
fn parts(what: gate::Heard) -> Vec<Heard> {
    match what {
        gate::Heard::Welcome(_) => vec![Heard::Welcome],
        gate::Heard::Closed(why) => vec![Heard::Closed(why)],
        gate::Heard::Push(push) => {
            let applied = push.applied.map(Heard::Applied);
            let events = push.events.iter().map(|(seq, _)| Heard::Event(*seq));
            let view = push.view.map(|(as_of, _)| Heard::View(as_of));
            applied.into_iter().chain(events).chain(view).collect()
        }
    }
}

impl Subject for Model {
    fn connect(&mut self) -> ScriptedPlayer {
        let conn = ConnId(self.draw());
        self.gate.open(conn);
        self.players.push(conn);
        ScriptedPlayer(self.players.len() - 1)
    }

    fn say(&mut self, player: ScriptedPlayer, said: Said) {
        let conn = self.players[player.0];
        let out = match said {
            Said::Hello(guest) => {
                let anywhere = guest == Guest::Anywhere && self.spoilt != Spoilt::Stubborn;
                let hello = self.hello(conn, guest);
                self.gate.introduce(hello, anywhere)
            }
            Said::Pong => self.gate.pong(conn),
            Said::Bye => self.gate.say(ToOwner::Bye { conn }),
            Said::Ack(recv) => self.gate.say(ToOwner::Ack { conn, recv }),
            Said::Input { seq, recv, payload } => {
                let message = ToOwner::Input { conn, seq, recv, payload };
                if self.spoilt == Spoilt::Hasty && self.gate.is_open(conn) {
                    self.told.push_back(message);
                    return;
                }
                self.gate.say(message)
            }
        };
        self.carry(out);
    }

    fn hang_up(&mut self, player: ScriptedPlayer) {
        let out = self.gate.hang_up(self.players[player.0]);
        self.carry(out);
    }

    fn take(&mut self, player: ScriptedPlayer, takes: bool) {
        let out = self.gate.take(NOW, self.players[player.0], takes);
        self.carry(out);
    }

    fn hear(&mut self, player: ScriptedPlayer) -> Heard {
        let heard = self.heard.get_mut(&self.players[player.0]);
        heard.and_then(VecDeque::pop_front).expect("it is owed something")
    }

    fn tell(&mut self, message: ToGateway) {
        if let (ToGateway::Close { conn, .. }, Spoilt::Talkative) = (&message, self.spoilt) {
            self.told.push_back(ToOwner::Gone { conn: *conn });
        }
        let number = self.draw();
        let out = self.gate.hear(NOW, message, || (any_room(number), None));
        self.carry(out);
    }

    fn told(&mut self) -> ToOwner {
        self.told.pop_front().expect("the owner is owed something")
    }

    fn refuse(&mut self, refuses: bool) {
        let out = self.gate.refuse(refuses);
        self.carry(out);
    }

    fn go_down(&mut self) -> Vec<ToOwner> {
        let out = self.gate.go_down();
        self.carry(out);
        self.told.drain(..).collect()
    }
}

#[test]
fn the_model_of_the_gateway_does_what_every_gateway_must() {
    let failed = check(&mut || Box::new(Model::new(Spoilt::No)));
    assert!(failed.is_empty(), "{} of {} points: {failed:#?}", failed.len(), POINTS.len());
}

/// A contract that each of these met were none.
#[test]
fn a_gateway_that_does_otherwise_is_found_out() {
    for spoilt in [
        Spoilt::Talkative,
        Spoilt::Silent,
        Spoilt::Doubtful,
        Spoilt::Careless,
        Spoilt::Hasty,
        Spoilt::Stubborn,
    ] {
        // What is owed and does not come ends the script.
        let asked = || check(&mut || Box::new(Model::new(spoilt)));
        let failed = std::panic::catch_unwind(asked);
        assert!(failed.map_or(true, |failed| !failed.is_empty()), "{spoilt:?} goes unnoticed");
    }
}
