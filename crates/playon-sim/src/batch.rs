//! What a worker does with a batch.

use bytes::{BufMut, Bytes, BytesMut};
use playon_types::attach::{Commit, Deliver, Item, Noted, Output};
use playon_types::ids::{Seq, SessionId};
use playon_types::image::StateCodec;
use playon_types::time::RoomTime;
use playon_wire::state::{ZstdXxh3, diff};

use crate::game::Game;

/// What an input begins with that ends the room.
pub const FAREWELL: u8 = 0xfa;

/// A payload that says where in history it was written: room commit, then input number, then chain.
pub fn stamp(seq: Seq, number: u64, chain: u64) -> Bytes {
    let mut out = BytesMut::with_capacity(24);
    out.put_u64(seq.0);
    out.put_u64(number);
    out.put_u64(chain);
    out.freeze()
}

/// What a player is shown: a stamp, and whether the game has it as here.
pub fn view(stamp: Bytes, here: bool) -> Bytes {
    stamp.into_iter().chain([u8::from(here)]).collect()
}

/// A room in a worker.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) game: Game,
    pub(crate) seq: Seq,
    pub(crate) state: Bytes,
    /// The game has ended the room.
    pub(crate) ended: bool,
}

/// Whether it is an input of that sort.
fn begins_with(item: &Item, sort: u8) -> bool {
    matches!(item, Item::Input { payload, .. } if payload.first() == Some(&sort))
}

/// Runs a batch on an object.
pub(crate) fn commit(deliver: &Deliver, object: &mut Object) -> Commit {
    let parent = object.state.clone();
    let mut outputs = Vec::new();
    object.game.writer = deliver.attempt.0;
    object.game.fire(deliver.now);
    for item in &deliver.items {
        run(&mut object.game, item, deliver.now, deliver.seq, &mut outputs);
    }
    let view = |id: &SessionId| {
        let tally = object.game.players.get(id)?;
        Some((*id, view(stamp(deliver.seq, tally.count, tally.chain), tally.here)))
    };
    let views = deliver.render.iter().filter_map(view).collect();
    let state = object.game.encode();
    let body = diff(&parent, &state);
    let hash = ZstdXxh3.hash(&state);
    object.state = state;
    object.seq = deliver.seq;
    object.ended |= deliver.items.iter().any(|item| begins_with(item, FAREWELL));
    Commit {
        room: deliver.room,
        attempt: deliver.attempt,
        seq: object.seq,
        parent_hash: ZstdXxh3.hash(&parent),
        hash,
        version: object.game.version,
        body,
        refused: Vec::new(),
        dismissed: Vec::new(),
        outputs,
        inputs: deliver.inputs(),
        views,
        left_out: Vec::new(),
        watch_view: deliver.render_watch.then(|| stamp(deliver.seq, 0, 0)),
        wake_at: object.game.timer,
        between_rounds: object.game.between_rounds(),
        ended: object.ended,
        cost_us: 10,
    }
}

fn run(game: &mut Game, item: &Item, now: RoomTime, at: Seq, outputs: &mut Vec<Output>) {
    match item {
        Item::Join { session, .. } => {
            game.players.entry(*session).or_default().here = true;
        }
        Item::Input { session, seq, .. } => {
            game.input(*session, *seq, now);
            let chain = game.players.get(session).map_or(0, |tally| tally.chain);
            outputs.push(Output {
                session: *session,
                payload: stamp(at, *seq, chain),
                reliable: true,
            });
        }
        Item::Away(session) => {
            if let Some(tally) = game.players.get_mut(session) {
                tally.here = false;
            }
        }
        Item::Back { session, lost } => {
            if let Some(tally) = game.players.get_mut(session) {
                // Whoever comes back has been away, unless something was lost on the way.
                game.odd += u64::from(tally.here && *lost == 0);
                tally.here = true;
                // The game is told how many inputs it will never see.
                tally.count += lost;
            }
        }
        Item::Leave(session) => {
            game.players.remove(session);
        }
        // The worker's own books, without the game's hook.
        Item::Noted { session, change: Noted::Away | Noted::Back } => {
            if let Some(tally) = game.players.get_mut(session) {
                tally.here = matches!(item, Item::Noted { change: Noted::Back, .. });
            }
        }
        Item::Noted { session, change: Noted::Leave } => {
            game.players.remove(session);
        }
        Item::Tick(tick) => game.ticks = *tick,
        Item::Wake => {}
    }
}
