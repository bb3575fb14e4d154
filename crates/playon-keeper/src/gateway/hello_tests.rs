use bytes::BytesMut;
use playon_core::lobby::LobbyOpening;
use playon_types::ids::{Generation, History};
use playon_wire::player::ClientFrame;

use super::*;

const NOW: Time = Time(1);

fn hello() -> ClientHello {
    ClientHello {
        protocol: PLAYER_PROTOCOL,
        watch: false,
        whole: false,
        deltas: false,
        token: None,
        room: None,
        kind: "duel".into(),
        name: String::new(),
        profile: Bytes::from_static(b"{}"),
        params: Bytes::from_static(b"[]"),
        history: History(0),
        generation: Generation(1),
        recv: 0,
        lo: 1,
    }
}

fn ask(hello: ClientHello, lobby: &Mutex<Lobby>) -> Result<Hello, Farewell> {
    Request::new(Box::new(hello), NOW, lobby)?.to_owner(ConnId(7))
}

fn refused(hello: ClientHello) -> Close {
    ask(hello, &Mutex::default()).unwrap_err().why
}

fn seat(room: RoomId, players: u32) -> LobbyOpening {
    LobbyOpening { room, kind: "duel".into(), players, players_max: 2, open: true }
}

#[test]
fn a_new_player_gets_a_key_and_the_owner_its_hash() {
    let lobby = Mutex::default();
    let request = Request::new(Box::new(hello()), NOW, &lobby).unwrap();
    let token = request.token.unwrap();
    assert!(token.session.0 > 0 && token.session.0 < 1 << 53);
    let Who::New { session, secret, profile } = request.to_owner(ConnId(7)).unwrap().who else {
        panic!()
    };
    assert_eq!((session, profile), (token.session, Bytes::from_static(b"{}")));
    assert_eq!(secret.0, Sha256::digest(token.secret)[..16]);
    let other = Request::new(Box::new(hello()), NOW, &lobby).unwrap().token.unwrap();
    assert_ne!((other.session, other.secret), (token.session, token.secret));
}

#[test]
fn a_named_room_is_the_same_for_everyone_and_created_on_demand() {
    let named =
        |name: &str| ask(ClientHello { name: name.into(), ..hello() }, &Mutex::default()).unwrap();
    let (one, two) = (named("a"), named("b"));
    assert_eq!(one.room, named("a").room);
    assert_ne!(one.room, two.room);
    assert_eq!(one.room.0, Sha256::digest("duel/a")[..16]);
    let create = one.create.unwrap();
    assert_eq!(
        (create.kind.as_str(), create.name.as_str(), &create.params[..]),
        ("duel", "a", &b"[]"[..])
    );
}

#[test]
fn a_known_player_goes_back_to_its_room_and_creates_nothing() {
    let token = Token { session: SessionId(5), secret: [9; 16] };
    let known =
        ClientHello { token: Some(token), room: Some(RoomId([1; 16])), recv: 3, lo: 4, ..hello() };
    let asked = ask(known.clone(), &Mutex::default()).unwrap();
    assert_eq!((asked.room, asked.create), (RoomId([1; 16]), None));
    let Who::Known { session, generation, recv, lo, .. } = asked.who else { panic!() };
    assert_eq!((session, generation, recv, lo), (SessionId(5), Generation(1), 3, 4));
    assert_eq!(refused(ClientHello { room: None, ..known }), Close::BadFrame);
}

#[test]
fn a_spectator_never_creates() {
    let lobby = Mutex::default();
    let watch = ClientHello { watch: true, ..hello() };
    assert_eq!(refused(watch.clone()), Close::UnknownRoom);
    lock(&lobby).handle_listing(seat(RoomId([3; 16]), 2));
    let asked = ask(watch.clone(), &lobby).unwrap();
    assert_eq!((asked.room, asked.who, asked.create), (RoomId([3; 16]), Who::Watcher, None));
    let asked = ask(ClientHello { name: "a".into(), ..watch }, &lobby).unwrap();
    assert_eq!((asked.room, asked.create), (named_room("duel", "a"), None));
}

#[test]
fn a_matched_player_is_sent_on_when_the_room_is_full() {
    let lobby = Mutex::default();
    for n in 1..=3 {
        lock(&lobby).handle_listing(seat(RoomId([n; 16]), 1));
    }
    let mut request = Request::new(Box::new(hello()), NOW, &lobby).unwrap();
    let mut rooms = vec![request.room()];
    let full = Farewell::new(Close::RoomFull, reason!("PLY-0102 every seat is taken"));
    while request.retry(&full, NOW, &lobby) {
        rooms.push(request.room());
    }
    assert_eq!(rooms.len(), 4);
    rooms.sort();
    rooms.dedup();
    assert_eq!(rooms.len(), 4, "never the same room twice");
    assert!(request.to_owner(ConnId(7)).unwrap().create.is_some(), "the last one is new");
    let mut request = Request::new(Box::new(hello()), NOW, &lobby).unwrap();
    let refused = Farewell::new(Close::Refused, reason!("PLY-0137 there is no such kind"));
    assert!(!request.retry(&refused, NOW, &lobby), "it would be refused elsewhere too");
    let named = ClientHello { name: "a".into(), ..hello() };
    let mut request = Request::new(Box::new(named), NOW, &lobby).unwrap();
    assert!(!request.retry(&full, NOW, &lobby), "it asked for that room");
}

fn declined() -> Farewell {
    Farewell::new(Close::Refused, reason!("PLY-0106 the round has begun"))
}

fn failed() -> Farewell {
    Farewell::new(Close::Refused, reason!("PLY-0107 the game failed"))
}

/// The rooms that the request is sent to while all of them answer the same.
fn way(mut request: Request, farewell: &Farewell, lobby: &Mutex<Lobby>) -> Vec<(RoomId, bool)> {
    let mut way = vec![(request.room(), request.create)];
    while request.retry(farewell, NOW, lobby) {
        way.push((request.room(), request.create));
        assert!(way.len() <= MATCHES_MAX);
    }
    way
}

fn asks(lobby: &Mutex<Lobby>) -> Request {
    Request::new(Box::new(hello()), NOW, lobby).unwrap()
}

#[test]
fn a_matched_player_is_sent_on_when_the_game_refuses_and_at_last_to_a_new_room() {
    let lobby = Mutex::default();
    for n in 1..=9 {
        lock(&lobby).handle_listing(seat(RoomId([n; 16]), 1));
    }
    let mut way = way(asks(&lobby), &declined(), &lobby);
    let new: Vec<_> = way.iter().map(|(_, new)| *new).collect();
    assert_eq!(new, [false, false, false, true]);
    way.sort();
    way.dedup();
    assert_eq!(way.len(), 4, "never the same room twice");
}

/// A profile that every room refuses makes one room and not four.
#[test]
fn a_player_that_a_room_of_its_own_refuses_is_sent_no_further() {
    let lobby = Mutex::default();
    assert_eq!(way(asks(&lobby), &declined(), &lobby).len(), 1);
    let first = asks(&lobby);
    let second = asks(&lobby);
    assert_eq!(first.room(), second.room());
    assert!(way(first, &declined(), &lobby).len() > 1, "the other one was there first");
}

/// Each try may cost processes.
#[test]
fn a_player_on_whom_a_room_fails_has_one_more_try_in_a_new_one() {
    let lobby = Mutex::default();
    for n in 1..=9 {
        lock(&lobby).handle_listing(seat(RoomId([n; 16]), 1));
    }
    let first = asks(&lobby);
    let room = first.room();
    let new: Vec<_> = way(first, &failed(), &lobby).iter().map(|(_, new)| *new).collect();
    assert_eq!(new, [false, true]);
    // Whom no room takes keeps nobody else out of any.
    let mut second = asks(&lobby);
    assert_eq!(second.room(), room);
    assert!(second.retry(&failed(), NOW, &lobby));
    second.taken(NOW, &lobby);
    assert_ne!(asks(&lobby).room(), room, "others are not sent there");
}

/// What one player says of a room to be made is nothing that others stand for.
#[test]
fn a_room_that_cannot_be_made_for_one_player_is_made_for_the_others() {
    let lobby = Mutex::default();
    let not_made = Farewell::new(Close::Refused, reason!("PLY-0117 it could not be created"));
    let mut first = asks(&lobby);
    let others = [asks(&lobby), asks(&lobby)];
    assert!(others.iter().all(|other| other.room() == first.room()));
    assert!(!first.retry(&not_made, NOW, &lobby));
    let rooms = others.map(|mut other| {
        assert!(other.retry(&not_made, NOW, &lobby));
        other.room()
    });
    assert_eq!(rooms[0], rooms[1]);
    assert_ne!(rooms[0], first.room());
}

#[test]
fn a_spectator_is_sent_on_when_a_room_takes_no_more_and_makes_none() {
    let lobby = Mutex::default();
    for n in 1..=2 {
        lock(&lobby).handle_listing(seat(RoomId([n; 16]), 2));
    }
    let watch =
        || Request::new(Box::new(ClientHello { watch: true, ..hello() }), NOW, &lobby).unwrap();
    let crowded = Farewell::new(Close::Refused, reason!("PLY-0114 too many spectators"));
    let expected = [(RoomId([2; 16]), false), (RoomId([1; 16]), false)];
    assert_eq!(way(watch(), &crowded, &lobby), expected);
    let shows_nothing = Farewell::new(Close::Refused, reason!("PLY-0108 there is no view"));
    assert_eq!(way(watch(), &shows_nothing, &lobby), expected[..1]);
}

#[test]
fn only_the_players_own_versions_and_kinds_make_sense() {
    assert_eq!(
        refused(ClientHello { protocol: ProtocolRange { min: 8, max: 9 }, ..hello() }),
        Close::Version
    );
    for name in ["a\nb", "\x1b[2J", "\u{202e}nimda", "\u{9b}31m", "a\0", "\u{2028}"] {
        let named = ClientHello { name: name.into(), ..hello() };
        assert_eq!(refused(named), Close::BadFrame, "{name:?}");
        let kind = ClientHello { kind: name.into(), ..hello() };
        assert_eq!(refused(kind), Close::BadFrame, "{name:?}");
    }
    for kind in ["", "a/b"] {
        assert_eq!(
            refused(ClientHello { kind: kind.into(), ..hello() }),
            Close::BadFrame,
            "{kind}"
        );
    }
}

#[test]
fn a_hello_of_the_future_is_told_about_the_version() {
    let mut bytes = BytesMut::new();
    ClientFrame::Hello(Box::new(ClientHello {
        protocol: ProtocolRange { min: 8, max: 9 },
        ..hello()
    }))
    .encode(&mut bytes);
    bytes.truncate(20);
    assert_eq!(check_version(&bytes.freeze()).unwrap_err().why, Close::Version);
    for fine in [&[kind::HELLO][..], &[kind::HELLO, 9, 1, 1], &[kind::IN, 9, 8, 9], &[]] {
        assert!(check_version(&Bytes::copy_from_slice(fine)).is_ok(), "{fine:?}");
    }
}
