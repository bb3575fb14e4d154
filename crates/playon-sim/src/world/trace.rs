//! A run, one line a step, and one for each room that the step changed.

use std::fmt::{self, Display};

use playon_core::facts::RoomFacts;
use playon_types::attach::{Body, FromWorker, Item, ToWorker};
use playon_types::gate::{ToGateway, ToOwner, Who};
use playon_types::ids::{ReleaseId, RoomId, WorkerId};
use playon_types::reason::Reason;
use playon_types::record::DeployRecord;

use super::{World, WorldEvent};
use crate::owner::ShardInput;
use crate::store::RecoveredRoom;

/// What the columns mean.
pub const KEY: &str = "\
time in ms | L: life of the keeper | what happens
  >owner c: a socket speaks   <client c: it is told   >w: to a worker   <w: from it   disk: a batch is safe
  #: number of an input   !: close   !+: a Fault   a: attempt   s: commit   g: generation   recv: last event taken in
then, for each room that the step changed:
  r: room   @: its shard, if there are several   place   s last/safe commit   v state version   R release   posts worker:attempt
  * batch in flight   p pending items   h held commits   t room time in ms   sessions +here -away ~joining x leaving
";

/// The last four digits of a room tell it from the others.
pub(super) fn short(room: RoomId) -> String {
    format!("r{}", room.0[15])
}

fn release(id: ReleaseId) -> u8 {
    id.0[0]
}

impl World {
    /// Prints a step.
    pub(super) fn print(&self, event: &WorldEvent) {
        let ms = self.now.0 as f64 / 1e3;
        eprintln!("{ms:>10.3} L{} {event}", self.life);
    }

    /// Prints where a deploy stands.
    pub(super) fn print_deploy(&self, record: &DeployRecord) {
        let (id, to, phase) = (record.id, release(record.to), record.phase.name());
        let reason = record.reason.as_deref().unwrap_or_default();
        eprintln!(
            "{:>14} deploy {} to R{to} is {phase}, {} wait {reason}",
            "", id.0, record.waiting
        );
    }

    /// Prints what a worker is sent.
    pub(super) fn print_order(&self, id: WorkerId, message: &ToWorker) {
        eprintln!("{:>14} {}", "", Sent(id, message));
    }

    /// Prints why a worker is to be ended.
    pub(super) fn print_suspect(&self, id: WorkerId, why: &Reason) {
        eprintln!("{:>14} w{} is suspected: {why}", "", id.0);
    }

    /// Prints what a shard takes out of its queue.
    pub(super) fn print_told(&self, number: u16, told: &ShardInput) {
        eprintln!("{:>14} shard {number}: {told}", "");
    }

    /// Prints the rooms that changed since the last step.
    pub(super) fn print_rooms(&mut self) {
        let Some(keeper) = &self.keeper else { return };
        let several = keeper.count() > 1;
        for facts in keeper.rooms(self.now) {
            let shard = several.then(|| keeper.shard_of(facts.room));
            let line = Line(&facts, shard).to_string();
            let known = self.printed.entry(facts.room).or_default();
            let (what, _) = line.split_once(" t").unwrap_or((&line, ""));
            if known != what {
                *known = what.to_owned();
                eprintln!("{:>14} {line}", "");
            }
        }
    }
}

struct Sent<'a>(WorkerId, &'a ToWorker);

impl Display for Sent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        worker(f, self.0, self.1)
    }
}

/// A room, and its shard if there are several.
struct Line<'a>(&'a RoomFacts<'a>, Option<u16>);

impl Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = self.0;
        write!(f, "{}", short(facts.room))?;
        self.1.iter().try_for_each(|shard| write!(f, "@{shard}"))?;
        write!(f, " {:<16}", facts.place.to_string())?;
        if let Some(image) = facts.image {
            let (seq, safe, version) = (image.seq, facts.safe, image.version);
            write!(f, " s{seq}/{safe} v{version} R{}", release(image.release))?;
        }
        for (worker, attempt, _) in &facts.posts {
            write!(f, " w{}:a{}", worker.0, attempt.0)?;
        }
        let flight = if facts.in_flight { "*" } else { "" };
        write!(f, "{flight} p{} h{}", facts.pending, facts.held)?;
        for (session, seating, _) in &facts.sessions {
            use playon_core::facts::Seating::{Away, Here, Joining, Leaving, Unknown};
            let sign = match seating {
                Here => '+',
                Away => '-',
                Joining => '~',
                Leaving => 'x',
                Unknown => '?',
            };
            write!(f, " {sign}{}", session.0 % 1_000_000)?;
        }
        write!(f, " t{:.3}", facts.clock.0 as f64 / 1e3)
    }
}

impl Display for WorldEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ToOwner(_, message) => owner(f, message),
            Self::ToClient(message) => client(f, message),
            Self::WorkerStep(id) => write!(f, "w{} works", id.0),
            Self::FromWorker(id, message) => from_worker(f, *id, message),
            Self::WorkerAttached(id, berth) => {
                write!(f, "a {berth:?} worker of R{} attaches", release(*id))
            }
            Self::WorkerGone(id, end) => write!(f, "w{} is gone: {end:?}", id.0),
            Self::Heard(id) => write!(f, "w{} answers", id.0),
            Self::Turn(id, turn) => write!(f, "w{} is at {turn:?}", id.0),
            Self::Inbox(number) => write!(f, "shard {number} takes"),
            Self::Flush(number) => write!(f, "shard {number} hands over to the disk"),
            Self::Fsync => f.write_str("disk"),
            Self::Wanted(rooms) => {
                f.write_str("the disk wants")?;
                rooms.iter().try_for_each(|room| write!(f, " {}", short(*room)))
            }
            Self::Order(number, order) => write!(f, "order to shard {number} {order:?}"),
            Self::Report(number, report) => write!(f, "report of shard {number} {report:?}"),
            Self::Listed(number) => write!(f, "shard {number} has listed all its rooms"),
            Self::Loaded(room) => write!(f, "loaded {}", short(*room)),
            Self::FindSleepers(search) => write!(f, "sleepers of deploy {}", search.deploy.0),
            Self::CountRests(asks) => write!(f, "what is at rest, for the {asks:?}"),
            Self::FindDue(due) => write!(f, "what is past its age: {due:?}"),
            Self::Timer => f.write_str("timer"),
            Self::RecoverNext(left) => write!(f, "recovery, {} rooms left", left.len()),
            Self::CaughtUp(conn) => write!(f, "c{} can take more", conn.0),
            Self::Pong(conn) => write!(f, "c{} answers a ping", conn.0),
            Self::Ripe(conn) => write!(f, "c{} is looked at again", conn.0),
            Self::HangUp(conn) => write!(f, "c{} is noticed to be gone", conn.0),
            Self::Empty => f.write_str("the shard takes something again"),
            Self::Thread(id, room) => write!(f, "w{} dies of a thread of {}", id.0, short(*room)),
            Self::Strike(Some(id)) => write!(f, "STRIKE w{}", id.0),
            Self::Strike(None) => f.write_str("STRIKE keeper"),
            Self::StopLate => f.write_str("the stop has taken too long"),
            Self::KeeperStart => f.write_str("keeper starts"),
            Self::Connect(index) => write!(f, "player {index} connects"),
            Self::Act(index) => write!(f, "player {index} acts"),
            Self::Trouble => f.write_str("trouble"),
        }
    }
}

impl Display for ShardInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gate(message) => owner(f, message),
            Self::Worker(id, message) => from_worker(f, *id, message),
            Self::Up(info) => {
                let (id, berth) = (info.id, info.berth);
                write!(f, "w{id} is there, {berth:?} of R{}", release(info.release))
            }
            Self::Down(id, end, _) => write!(f, "w{id} is gone: {end:?}"),
            Self::Heard(id, at) => write!(f, "w{id} has answered at {at:?}"),
            Self::Turn(id, turn) => write!(f, "w{id} is at {turn:?}"),
            Self::Order(order) => write!(f, "{order:?}"),
            Self::Stored(outcomes) => outcomes
                .iter()
                .try_for_each(|(room, stored)| write!(f, "{} {stored:?} is safe ", short(*room))),
            Self::Wanted(rooms) => {
                f.write_str("the disk wants")?;
                rooms.iter().try_for_each(|room| write!(f, " {}", short(*room)))
            }
            Self::Loaded(room, _) => write!(f, "loaded {}", short(*room)),
            Self::Found(RecoveredRoom::Whole(image)) => write!(f, "found {}", short(image.room)),
            Self::Found(RecoveredRoom::Damaged(room)) => {
                write!(f, "found {} damaged", short(*room))
            }
            Self::Listed => f.write_str("that was all"),
        }
    }
}

fn owner(f: &mut fmt::Formatter<'_>, message: &ToOwner) -> fmt::Result {
    write!(f, ">owner c{} ", message.conn().0)?;
    match message {
        ToOwner::Hello(hello) => {
            write!(f, "hello {} ", short(hello.room))?;
            match &hello.who {
                Who::New { session, .. } => write!(f, "new {}", session.0 % 1_000_000),
                Who::Known { session, generation, recv, lo, .. } => {
                    let id = session.0 % 1_000_000;
                    write!(f, "known {id} g{} recv {recv} lo {lo}", generation.0)
                }
                Who::Watcher => f.write_str("watcher"),
            }
        }
        ToOwner::Input { seq, recv, .. } => write!(f, "#{seq} recv {recv}"),
        ToOwner::Ack { recv, .. } => write!(f, "recv {recv}"),
        ToOwner::Bye { .. } => f.write_str("bye"),
        ToOwner::Gone { .. } => f.write_str("gone"),
        ToOwner::Drained { sent, .. } => write!(f, "drained to {sent}"),
    }
}

fn client(f: &mut fmt::Formatter<'_>, message: &ToGateway) -> fmt::Result {
    write!(f, "<client c{} ", message.conn().0)?;
    match message {
        ToGateway::Welcome { welcome: w, .. } => {
            write!(f, "{:?} next #{} event {} lost {}", w.mode, w.in_next, w.event_seq, w.lost)
        }
        ToGateway::Push { push, .. } => {
            let events: Vec<_> = push.events.iter().map(|(seq, _)| *seq).collect();
            let view = push.view.as_ref().map(|(as_of, _)| *as_of);
            write!(f, "applied {:?} events {events:?} view {view:?}", push.applied)
        }
        ToGateway::Close { why, detail, .. } => write!(f, "!{why:?} {detail}"),
    }
}

fn worker(f: &mut fmt::Formatter<'_>, id: WorkerId, message: &ToWorker) -> fmt::Result {
    write!(f, ">w{} ", id.0)?;
    match message {
        ToWorker::Create { room, attempt, .. } => {
            write!(f, "create {} a{}", short(*room), attempt.0)
        }
        ToWorker::Open { room, attempt, seq, version, .. } => {
            write!(f, "open {} a{} s{seq} v{version}", short(*room), attempt.0)
        }
        ToWorker::Deliver(d) => {
            write!(f, "deliver {} a{} s{}", short(d.room), d.attempt.0, d.seq)?;
            d.items.iter().try_for_each(|item| write!(f, " {}", Thing(item)))
        }
        ToWorker::Export { room, attempt, version, .. } => {
            write!(f, "export {} a{} v{version}", short(*room), attempt.0)
        }
        ToWorker::Prewarm { room, attempt, seq, .. } => {
            write!(f, "prewarm {} a{} s{seq}", short(*room), attempt.0)
        }
        ToWorker::Tail { room, attempt, seq, deltas, .. } => {
            write!(f, "tail {} a{} s{seq}, {} deltas", short(*room), attempt.0, deltas.len())
        }
        ToWorker::Retire { room, attempt } => write!(f, "retire {} a{}", short(*room), attempt.0),
    }
}

fn from_worker(f: &mut fmt::Formatter<'_>, id: WorkerId, message: &FromWorker) -> fmt::Result {
    let (room, attempt) = message.about();
    write!(f, "<w{} {} a{} ", id.0, short(room), attempt.0)?;
    match message {
        FromWorker::Commit(commit) => {
            let body = match &commit.body {
                Body::Same => "same",
                Body::Delta(_) => "delta",
                Body::Full(_) => "full",
            };
            write!(f, "commit s{} {body}", commit.seq)
        }
        FromWorker::Ready(ready) => write!(f, "ready s{} v{}", ready.seq, ready.version),
        FromWorker::Exported(e) => write!(f, "exported s{} v{}", e.seq, e.version),
        FromWorker::Prewarmed(p) => write!(f, "prewarmed s{}", p.seq),
        FromWorker::Fault(fault) => write!(f, "!+ {:?} {}", fault.stage, fault.message),
    }
}

struct Thing<'a>(&'a Item);

impl Display for Thing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Item::Join { session, .. } => write!(f, "join:{}", session.0 % 1_000_000),
            Item::Input { session, seq, .. } => write!(f, "#{seq}:{}", session.0 % 1_000_000),
            Item::Away(session) => write!(f, "away:{}", session.0 % 1_000_000),
            Item::Back { session, lost } => write!(f, "back:{}/{lost}", session.0 % 1_000_000),
            Item::Leave(session) => write!(f, "leave:{}", session.0 % 1_000_000),
            Item::Noted { session, change } => write!(f, "noted {change:?} {}", session.0),
            Item::Tick(tick) => write!(f, "tick:{tick}"),
            Item::Wake => f.write_str("wake"),
        }
    }
}
