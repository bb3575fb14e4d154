//! The points, one by one.

use std::collections::BTreeSet;

use playon_types::gate::{Close, Push, ToOwner, Who};
use playon_types::ids::{ConnId, SessionId};

use crate::script::{ROOM, Script, equal, events, view};
use crate::{Guest, Heard, Said};

/// One thing that a gateway must do.
pub struct Point {
    /// The fact, as a sentence.
    pub name: &'static str,
    pub(crate) check: fn(&mut Script<'_>) -> Result<(), String>,
}

const fn point(name: &'static str, check: fn(&mut Script<'_>) -> Result<(), String>) -> Point {
    Point { name, check }
}

/// All of them.
pub const POINTS: [Point; 19] = [
    point("each socket has a number of its own, and asks once", asks),
    point("what the owner says comes in its order, after the welcome", order),
    point("what a player says comes in its order, as it is", inputs),
    point("the first answer to a ping shows that somebody is there", pongs),
    point("of a socket that the owner has closed it hears nothing more", owner_closes),
    point("a player who hangs up is gone, once", hangs_up),
    point("a player who hangs up before the welcome is gone, too", hangs_up_early),
    point("a socket that the gateway closes is gone, once", gateway_closes),
    point("what comes before the welcome is not passed on", too_early),
    point("goodbye is the owner's to answer", bye),
    point("who says goodbye and hangs up has said both", bye_and_gone),
    point("goodbye before the welcome gives up whatever seat there may be", early_bye),
    point("two sockets of a player are two, and each has its end", two_sockets),
    point("a socket that was never there is nobody's", unknown),
    point("an owner that takes nothing more costs that socket, and hears of it later", full),
    point("who cannot take more is sent the rest again, without a gap or twice", slow),
    point(
        "what is too large for anybody is left out, or costs that socket, which is gone",
        too_large,
    ),
    point("who has no room of its own is asked for elsewhere, by the same number", anywhere),
    point("when the gateway goes down all come back, and nobody is gone", goes_down),
];

const NEW: Guest = Guest::New(ROOM);

fn gone(conn: ConnId) -> ToOwner {
    ToOwner::Gone { conn }
}

fn asks(script: &mut Script<'_>) -> Result<(), String> {
    let mut conns = BTreeSet::new();
    let known = SessionId(77);
    for guest in [NEW, Guest::Known(ROOM, known), Guest::Watcher(ROOM), NEW] {
        let (player, hello) = script.asks(guest)?;
        equal("the room", hello.room, ROOM)?;
        let as_it_said = match (guest, &hello.who) {
            (Guest::New(_), Who::New { session, .. }) => session.0 > 0,
            (Guest::Known(..), Who::Known { session, .. }) => *session == known,
            (Guest::Watcher(_), Who::Watcher) => true,
            _ => false,
        };
        if !as_it_said || !conns.insert(hello.conn) {
            return Err(format!("{guest:?} asks as {hello:?}"));
        }
        script.subject.hang_up(player);
        script.is_told(gone(hello.conn))?;
    }
    script.nothing_else()
}

fn order(script: &mut Script<'_>) -> Result<(), String> {
    let (player, hello) = script.asks(NEW)?;
    let conn = hello.conn;
    script.welcome(&hello);
    script.push(conn, events([1, 2], 10));
    script.push(conn, Push { applied: Some(4), ..view(2) });
    script.close(conn, Close::RoomEnded);
    script.push(conn, events([3], 10));
    script.hears(player, Heard::Welcome)?;
    // An acknowledgement may overtake events, and nothing else anything.
    let mut rest: Vec<Heard> = (0..4).map(|_| script.subject.hear(player)).collect();
    rest.retain(|heard| *heard != Heard::Applied(4));
    equal("what follows", rest, vec![Heard::Event(1), Heard::Event(2), Heard::View(2)])?;
    script.hears(player, Heard::Closed(Close::RoomEnded))?;
    script.nothing_else()
}

fn inputs(script: &mut Script<'_>) -> Result<(), String> {
    let (player, hello) = script.seated(NEW)?;
    let conn = hello.conn;
    // Whether they follow each other is the owner's to judge.
    for seq in [1, 2, 2, 4] {
        script.subject.say(player, Script::input(seq));
    }
    script.subject.say(player, Said::Ack(9));
    for seq in [1, 2, 2, 4] {
        let payload = bytes::Bytes::from_static(b"i");
        script.is_told(ToOwner::Input { conn, seq, recv: 0, payload })?;
    }
    script.is_told(ToOwner::Ack { conn, recv: 9 })?;
    script.nothing_else()
}

fn pongs(script: &mut Script<'_>) -> Result<(), String> {
    let (player, hello) = script.seated(NEW)?;
    script.subject.say(player, Said::Pong);
    script.is_told(ToOwner::Ack { conn: hello.conn, recv: 0 })?;
    script.subject.say(player, Said::Pong);
    // What it says next comes after what would come of that.
    script.subject.say(player, Script::input(1));
    let told = script.subject.told();
    if matches!(told, ToOwner::Input { .. }) {
        script.nothing_else()
    } else {
        Err(format!("the owner is told {told:?} of a second answer"))
    }
}

fn owner_closes(script: &mut Script<'_>) -> Result<(), String> {
    for why in [Close::Left, Close::Replaced, Close::Busy] {
        let (player, hello) = script.seated(NEW)?;
        script.close(hello.conn, why);
        script.hears(player, Heard::Closed(why))?;
        script.subject.say(player, Script::input(1));
        script.subject.say(player, Said::Bye);
        script.subject.hang_up(player);
        script.nothing_else()?;
        let (player, hello) = script.asks(NEW)?;
        script.close(hello.conn, why);
        script.hears(player, Heard::Closed(why))?;
        script.subject.hang_up(player);
        script.nothing_else()?;
    }
    Ok(())
}

fn hangs_up(script: &mut Script<'_>) -> Result<(), String> {
    let (player, hello) = script.seated(NEW)?;
    script.subject.say(player, Script::input(1));
    script.subject.hang_up(player);
    let conn = hello.conn;
    let payload = bytes::Bytes::from_static(b"i");
    script.is_told(ToOwner::Input { conn, seq: 1, recv: 0, payload })?;
    script.is_told(gone(conn))?;
    // What the owner had said meanwhile is about nobody any more.
    script.push(conn, events([1], 10));
    script.close(conn, Close::RoomEnded);
    script.nothing_else()
}

fn hangs_up_early(script: &mut Script<'_>) -> Result<(), String> {
    // Before it has said anything nobody knows of it.
    let player = script.subject.connect();
    script.subject.hang_up(player);
    script.nothing_else()?;
    let (player, hello) = script.asks(NEW)?;
    script.subject.hang_up(player);
    script.is_told(gone(hello.conn))?;
    script.welcome(&hello);
    script.nothing_else()
}

fn gateway_closes(script: &mut Script<'_>) -> Result<(), String> {
    let (player, hello) = script.seated(NEW)?;
    script.subject.say(player, Said::Hello(NEW));
    script.hears(player, Heard::Closed(Close::BadFrame))?;
    script.is_told(gone(hello.conn))?;
    script.subject.hang_up(player);
    script.nothing_else()?;
    // One that never asked.
    let player = script.subject.connect();
    script.subject.say(player, Script::input(1));
    script.hears(player, Heard::Closed(Close::BadFrame))?;
    script.nothing_else()
}

fn too_early(script: &mut Script<'_>) -> Result<(), String> {
    for said in [Script::input(1), Said::Ack(0)] {
        let (player, hello) = script.asks(NEW)?;
        script.subject.say(player, said);
        script.hears(player, Heard::Closed(Close::BadFrame))?;
        script.is_told(gone(hello.conn))?;
        script.nothing_else()?;
    }
    Ok(())
}

fn bye(script: &mut Script<'_>) -> Result<(), String> {
    let (player, hello) = script.seated(NEW)?;
    let conn = hello.conn;
    script.subject.say(player, Said::Bye);
    script.is_told(ToOwner::Bye { conn })?;
    // Until then it is a socket like all others.
    script.push(conn, events([1], 10));
    script.hears(player, Heard::Event(1))?;
    script.close(conn, Close::Left);
    script.hears(player, Heard::Closed(Close::Left))?;
    script.nothing_else()
}

fn bye_and_gone(script: &mut Script<'_>) -> Result<(), String> {
    let (player, hello) = script.seated(NEW)?;
    let conn = hello.conn;
    script.subject.say(player, Said::Bye);
    script.subject.hang_up(player);
    script.is_told(ToOwner::Bye { conn })?;
    script.is_told(gone(conn))?;
    script.close(conn, Close::Left);
    script.nothing_else()
}

fn early_bye(script: &mut Script<'_>) -> Result<(), String> {
    for guest in [NEW, Guest::Known(ROOM, SessionId(5))] {
        let (player, hello) = script.asks(guest)?;
        let conn = hello.conn;
        script.subject.say(player, Said::Bye);
        script.is_told(ToOwner::Bye { conn })?;
        script.is_told(gone(conn))?;
        script.hears(player, Heard::Closed(Close::Left))?;
        script.nothing_else()?;
    }
    Ok(())
}

fn two_sockets(script: &mut Script<'_>) -> Result<(), String> {
    let known = Guest::Known(ROOM, SessionId(5));
    let (old, first) = script.seated(known)?;
    let (new, second) = script.seated(known)?;
    script.close(first.conn, Close::Replaced);
    script.hears(old, Heard::Closed(Close::Replaced))?;
    script.subject.hang_up(old);
    script.subject.say(new, Said::Ack(1));
    script.is_told(ToOwner::Ack { conn: second.conn, recv: 1 })?;
    // One that the owner has not closed goes by itself, and is told of itself.
    let (third, asked) = script.seated(known)?;
    script.subject.hang_up(new);
    script.is_told(gone(second.conn))?;
    script.push(asked.conn, events([1], 10));
    script.hears(third, Heard::Event(1))?;
    script.nothing_else()
}

fn unknown(script: &mut Script<'_>) -> Result<(), String> {
    // Beyond all numbers that are given out.
    let conn = ConnId(!0xff);
    script.push(conn, events([1], 10));
    script.close(conn, Close::Busy);
    script.nothing_else()
}

fn full(script: &mut Script<'_>) -> Result<(), String> {
    let (one, first) = script.seated(NEW)?;
    let (other, second) = script.seated(NEW)?;
    script.subject.refuse(true);
    script.subject.say(one, Script::input(1));
    script.hears(one, Heard::Closed(Close::Busy))?;
    script.push(second.conn, events([1], 10));
    script.hears(other, Heard::Event(1))?;
    script.subject.refuse(false);
    script.is_told(gone(first.conn))?;
    script.subject.say(other, Said::Ack(1));
    script.is_told(ToOwner::Ack { conn: second.conn, recv: 1 })?;
    script.nothing_else()?;
    // Of one that could not even ask it hears that it is gone: the owner has to know that it knows nothing of it.
    script.subject.refuse(true);
    let player = script.subject.connect();
    script.subject.say(player, Said::Hello(NEW));
    script.hears(player, Heard::Closed(Close::Busy))?;
    script.subject.refuse(false);
    match script.subject.told() {
        ToOwner::Gone { conn } if conn != second.conn => script.nothing_else(),
        other => Err(format!("the owner is told {other:?} instead of who is gone")),
    }
}

/// Far more than waits for anybody.
const FLOOD_EVENTS: u64 = 400;
const EVENT_BYTES: usize = 4 << 10;

fn slow(script: &mut Script<'_>) -> Result<(), String> {
    let (player, hello) = script.seated(NEW)?;
    let conn = hello.conn;
    script.push(conn, events([1], 10));
    script.hears(player, Heard::Event(1))?;
    script.subject.take(player, false);
    for seq in 2..=FLOOD_EVENTS {
        script.push(conn, Push { applied: Some(seq), ..events([seq], EVENT_BYTES) });
    }
    script.push(conn, view(FLOOD_EVENTS));
    script.subject.take(player, true);
    let told = script.subject.told();
    let ToOwner::Drained { conn: of, sent } = told else {
        return Err(format!("the owner is told {told:?} and not what to send again"));
    };
    equal("who has caught up", of, conn)?;
    if !(1..FLOOD_EVENTS).contains(&sent) {
        return Err(format!("{sent} events are said to be written, of {FLOOD_EVENTS}"));
    }
    // The owner sends what is missing, and in its haste some of it twice, up to a view of all.
    let again = sent.saturating_sub(2).max(1);
    script.push(conn, events(again..=FLOOD_EVENTS, 10));
    script.push(conn, Push { view: view(FLOOD_EVENTS).view, ..events([FLOOD_EVENTS], 10) });
    let mut last = 1;
    loop {
        match script.subject.hear(player) {
            Heard::Event(seq) if seq == last + 1 => last = seq,
            Heard::View(as_of) if as_of == FLOOD_EVENTS && last == as_of => break,
            Heard::Applied(_) => {}
            other => return Err(format!("the player hears {other:?} after event {last}")),
        }
    }
    script.push(conn, events([FLOOD_EVENTS + 1], 10));
    loop {
        match script.subject.hear(player) {
            Heard::Event(seq) if seq == FLOOD_EVENTS + 1 => break,
            // Of the same state, written as soon as it could be.
            Heard::View(FLOOD_EVENTS) => {}
            other => return Err(format!("the player hears {other:?} after the last view")),
        }
    }
    script.nothing_else()
}

/// Bytes of one event or view, where nobody has set it otherwise.
const PAYLOAD_BYTES_MAX: usize = 1 << 20;

fn too_large(script: &mut Script<'_>) -> Result<(), String> {
    let (player, hello) = script.seated(NEW)?;
    let conn = hello.conn;
    let large = bytes::Bytes::from(vec![b'v'; PAYLOAD_BYTES_MAX + 1]);
    script.push(conn, Push { view: Some((1, large)), ..Push::default() });
    script.push(conn, view(2));
    script.hears(player, Heard::View(2))?;
    // An event is owed. The owner has not closed the socket, so it has to learn that it is gone.
    script.push(conn, events([3], PAYLOAD_BYTES_MAX + 1));
    script.hears(player, Heard::Closed(Close::RoomFails))?;
    script.is_told(gone(conn))?;
    script.subject.hang_up(player);
    script.nothing_else()
}

fn anywhere(script: &mut Script<'_>) -> Result<(), String> {
    for why in [Close::RoomFull, Close::RoomEnded, Close::UnknownRoom] {
        let (player, first) = script.asks(Guest::Anywhere)?;
        script.close(first.conn, why);
        let ToOwner::Hello(second) = script.subject.told() else {
            return Err(format!("nobody asks elsewhere after {why:?}"));
        };
        equal("the socket", second.conn, first.conn)?;
        if second.room == first.room {
            return Err(format!("it asks for the same room again after {why:?}"));
        }
        script.welcome(&second);
        script.hears(player, Heard::Welcome)?;
        // From here on it is a socket like all others.
        script.close(second.conn, Close::RoomFull);
        script.hears(player, Heard::Closed(Close::RoomFull))?;
        script.nothing_else()?;
    }
    let (player, hello) = script.asks(Guest::Anywhere)?;
    script.close(hello.conn, Close::Busy);
    script.hears(player, Heard::Closed(Close::Busy))?;
    let (player, hello) = script.asks(Guest::Anywhere)?;
    script.subject.hang_up(player);
    script.is_told(gone(hello.conn))?;
    script.nothing_else()
}

fn goes_down(script: &mut Script<'_>) -> Result<(), String> {
    let (seated, _) = script.seated(NEW)?;
    let (waits, _) = script.asks(NEW)?;
    let left = script.subject.go_down();
    equal("what the owner is told", left, Vec::new())?;
    script.hears(seated, Heard::Closed(Close::Restarting))?;
    script.hears(waits, Heard::Closed(Close::Restarting))
}
