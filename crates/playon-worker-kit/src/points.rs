//! The points, one by one.

use bytes::Bytes;
use playon_types::attach::{Body, FromWorker, Item, Noted, Stage, ToWorker};

use crate::keeper::{ANN, HeldRoom, STRANGER, ScriptedKeeper, equal};

/// One thing that a worker must do.
pub struct Point {
    /// The fact, as a sentence.
    pub name: &'static str,
    pub(crate) check: fn(&mut ScriptedKeeper<'_>) -> Result<(), String>,
}

const fn point(
    name: &'static str,
    check: fn(&mut ScriptedKeeper<'_>) -> Result<(), String>,
) -> Point {
    Point { name, check }
}

/// All of them.
pub const POINTS: [Point; 15] = [
    point("a new room is told whole, and each batch is one commit", batches),
    point("a batch with nothing but the time is a commit, too", time_alone),
    point("inputs are counted", counted),
    point("those who have a seat are shown the room, and nobody else", shown),
    point("what comes twice happens once", twice),
    point("an opened room is what was committed, and goes on", opened),
    point("what carries another attempt is refused, and has no effect", other_attempts),
    point("a room that was retired is not there", retired),
    point("what was asked for before its attempt ended is answered once, done or not", ended),
    point("a copy is brought up to date by its tail, and opens", tails),
    point("a tail that leads elsewhere opens nothing", wrong_tails),
    point("bytes that are no state open nothing, and cost nobody anything", garbage),
    point("a panic costs its room one batch, and others nothing", panics),
    point("an export is of the given bytes and leaves nothing behind", exports),
    point("what is merely noted changes the books and calls nothing", noted),
];

fn batches(keeper: &mut ScriptedKeeper<'_>) -> Result<(), String> {
    let mut room = keeper.create()?;
    let before = room.hash;
    let first = keeper.input(1);
    keeper.batch(&mut room, vec![first])?;
    if room.hash == before {
        return Err("the input has changed nothing".to_owned());
    }
    let second = keeper.input(2);
    keeper.batch(&mut room, vec![second]).map(drop)
}

fn time_alone(keeper: &mut ScriptedKeeper<'_>) -> Result<(), String> {
    let mut room = keeper.create()?;
    let deliver = keeper.deliver(&mut room, vec![Item::Wake], false);
    let commit = keeper.commit(&mut room, deliver)?;
    equal("inputs", commit.inputs, 0)?;
    keeper.batch(&mut room, Vec::new()).map(drop)
}

fn counted(keeper: &mut ScriptedKeeper<'_>) -> Result<(), String> {
    let mut room = keeper.create()?;
    let items = vec![keeper.input(1), Item::Away(ANN), keeper.input(2)];
    let commit = keeper.batch(&mut room, items)?;
    equal("inputs", commit.inputs, 2)
}

fn shown(keeper: &mut ScriptedKeeper<'_>) -> Result<(), String> {
    let mut room = keeper.create()?;
    let mut deliver = keeper.deliver(&mut room, Vec::new(), true);
    deliver.render = vec![ANN, STRANGER];
    let commit = keeper.commit(&mut room, deliver)?;
    let shown: Vec<_> = commit.views.iter().map(|(session, _)| *session).collect();
    equal("who is shown it", shown, vec![ANN])?;
    let commit = keeper.batch(&mut room, Vec::new())?;
    equal("views nobody asked for", commit.views.len(), 0)
}

fn twice(keeper: &mut ScriptedKeeper<'_>) -> Result<(), String> {
    let mut room = keeper.create()?;
    let input = keeper.input(1);
    let deliver = keeper.deliver(&mut room, vec![input], true);
    keeper.commit(&mut room, deliver.clone())?;
    keeper.tell(ToWorker::Deliver(deliver));
    // Had that been answered, its answer would come before this one's.
    keeper.batch(&mut room, Vec::new()).map(drop)
}

fn opened(keeper: &mut ScriptedKeeper<'_>) -> Result<(), String> {
    let mut room = keeper.create()?;
    let input = keeper.input(1);
    keeper.batch(&mut room, vec![input])?;
    let (mut again, _) = keeper.open(&room)?;
    let input = keeper.input(2);
    keeper.batch(&mut again, vec![input])?;
    // Both may be there at the same time: the one does not know of the other.
    keeper.batch(&mut room, Vec::new()).map(drop)
}

fn other_attempts(keeper: &mut ScriptedKeeper<'_>) -> Result<(), String> {
    let mut room = keeper.create()?;
    let mut other = room.clone();
    other.attempt = keeper.mint();
    let input = keeper.input(1);
    let deliver = keeper.deliver(&mut other, vec![input], true);
    keeper.fault(ToWorker::Deliver(deliver), Stage::Deliver)?;
    keeper.tell(ToWorker::Retire { room: room.room, attempt: other.attempt });
    keeper.batch(&mut room, Vec::new()).map(drop)
}

fn retired(keeper: &mut ScriptedKeeper<'_>) -> Result<(), String> {
    let mut room = keeper.create()?;
    keeper.tell(ToWorker::Retire { room: room.room, attempt: room.attempt });
    let deliver = keeper.deliver(&mut room, Vec::new(), true);
    keeper.fault(ToWorker::Deliver(deliver), Stage::Deliver).map(drop)
}

fn ended(keeper: &mut ScriptedKeeper<'_>) -> Result<(), String> {
    let mut room = keeper.create()?;
    let mut other = HeldRoom { attempt: keeper.mint(), ..room.clone() };
    let HeldRoom { room: id, attempt, seq, version, state, .. } = other.clone();
    let kind = keeper.game.kind.clone();
    keeper.tell(ToWorker::Open { room: id, attempt, kind, seq, version, state });
    keeper.tell(ToWorker::Retire { room: id, attempt });
    let answer = keeper.hear();
    let answered = match &answer {
        FromWorker::Ready(_) => true,
        FromWorker::Fault(fault) => fault.stage == Stage::Open,
        _ => false,
    };
    if !answered || answer.about() != (id, attempt) {
        return Err(format!("{answer:?}"));
    }
    let deliver = keeper.deliver(&mut other, Vec::new(), true);
    keeper.fault(ToWorker::Deliver(deliver), Stage::Deliver)?;
    keeper.batch(&mut room, Vec::new()).map(drop)
}

fn tails(keeper: &mut ScriptedKeeper<'_>) -> Result<(), String> {
    let mut room = keeper.create()?;
    let mut copy = room.clone();
    copy.attempt = keeper.mint();
    let (kind, state) = (keeper.game.kind.clone(), copy.state.clone());
    let (id, attempt, seq, version) = (copy.room, copy.attempt, copy.seq, copy.version);
    let size = state.len() as u64;
    let asked = ToWorker::Prewarm { room: id, attempt, kind, seq, version, state };
    let answer = keeper.ask(asked);
    let FromWorker::Prewarmed(prewarmed) = answer else { return Err(format!("{answer:?}")) };
    equal("the copy", (prewarmed.attempt, prewarmed.seq), (attempt, seq))?;
    equal("its bytes", prewarmed.size, size)?;
    let mut deltas = Vec::new();
    for seq in 1..=3 {
        let input = keeper.input(seq);
        match keeper.batch(&mut room, vec![input])?.body {
            Body::Delta(delta) => deltas.push(delta),
            // A whole state takes the place of all that came before it: the keeper sends that instead.
            Body::Full(_) | Body::Same => return opened(keeper),
        }
    }
    let (seq, hash) = (room.seq, room.hash);
    let answer = keeper.ask(ToWorker::Tail { room: id, attempt, seq, hash, deltas });
    let FromWorker::Ready(ready) = answer else { return Err(format!("{answer:?}")) };
    copy = HeldRoom { attempt, ..room };
    let mut copy = keeper.opened(copy, &ready)?;
    keeper.batch(&mut copy, Vec::new()).map(drop)
}

fn wrong_tails(keeper: &mut ScriptedKeeper<'_>) -> Result<(), String> {
    let room = keeper.create()?;
    let attempt = keeper.mint();
    let (kind, state) = (keeper.game.kind.clone(), room.state.clone());
    let (id, seq, version) = (room.room, room.seq, room.version);
    keeper.ask(ToWorker::Prewarm { room: id, attempt, kind, seq, version, state });
    let hash = room.hash ^ 1;
    let tail = ToWorker::Tail { room: id, attempt, seq: seq.next(), hash, deltas: Vec::new() };
    keeper.fault(tail, Stage::Open).map(drop)
}

fn garbage(keeper: &mut ScriptedKeeper<'_>) -> Result<(), String> {
    let mut room = keeper.create()?;
    let (attempt, kind) = (keeper.mint(), keeper.game.kind.clone());
    let (id, seq, version) = (room.room, room.seq, room.version);
    let state = Bytes::from_static(b"\xff\xfe\xfd no state of any game \x00\x01");
    keeper.fault(ToWorker::Open { room: id, attempt, kind, seq, version, state }, Stage::Open)?;
    keeper.batch(&mut room, Vec::new()).map(drop)
}

fn panics(keeper: &mut ScriptedKeeper<'_>) -> Result<(), String> {
    let (mut room, mut other) = (keeper.create()?, keeper.create()?);
    let poison = keeper.poison(1);
    let deliver = keeper.deliver(&mut room, vec![poison], true);
    keeper.fault(ToWorker::Deliver(deliver), Stage::Deliver)?;
    keeper.batch(&mut other, Vec::new())?;
    // What was in memory is not to be trusted any more.
    let deliver = keeper.deliver(&mut room, Vec::new(), true);
    keeper.fault(ToWorker::Deliver(deliver), Stage::Deliver)?;
    let (mut again, _) = keeper.open(&room)?;
    keeper.batch(&mut again, Vec::new()).map(drop)
}

fn exports(keeper: &mut ScriptedKeeper<'_>) -> Result<(), String> {
    let mut room = keeper.create()?;
    let input = keeper.input(1);
    keeper.batch(&mut room, vec![input])?;
    let (attempt, kind) = (keeper.mint(), keeper.game.kind.clone());
    let (id, seq, version, state) = (room.room, room.seq, room.version, room.state.clone());
    let asked = ToWorker::Export { room: id, attempt, kind, seq, version, state };
    let answer = keeper.ask(asked);
    let FromWorker::Exported(exported) = answer else { return Err(format!("{answer:?}")) };
    equal("what was exported", (exported.attempt, exported.seq), (attempt, seq))?;
    equal("the version", exported.version, version)?;
    let mut behind = room.clone();
    behind.attempt = attempt;
    let deliver = keeper.deliver(&mut behind, Vec::new(), true);
    keeper.fault(ToWorker::Deliver(deliver), Stage::Deliver)?;
    keeper.batch(&mut room, Vec::new()).map(drop)
}

fn noted(keeper: &mut ScriptedKeeper<'_>) -> Result<(), String> {
    let mut room = keeper.create()?;
    for change in [Noted::Away, Noted::Back, Noted::Leave] {
        let commit = keeper.batch(&mut room, vec![Item::Noted { session: ANN, change }])?;
        equal("inputs", commit.inputs, 0)?;
    }
    let mut deliver = keeper.deliver(&mut room, Vec::new(), true);
    deliver.render = vec![ANN];
    let commit = keeper.commit(&mut room, deliver)?;
    equal("views of one who has left", commit.views.len(), 0)
}
