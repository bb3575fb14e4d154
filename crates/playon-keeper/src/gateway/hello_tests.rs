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
    while request.retry(Close::RoomFull, NOW, &lobby) {
        rooms.push(request.room());
    }
    assert_eq!(rooms.len(), 4);
    rooms.sort();
    rooms.dedup();
    assert_eq!(rooms.len(), 4, "never the same room twice");
    assert!(request.to_owner(ConnId(7)).unwrap().create.is_some(), "the last one is new");
    let mut request = Request::new(Box::new(hello()), NOW, &lobby).unwrap();
    assert!(!request.retry(Close::Refused, NOW, &lobby), "it would be refused elsewhere too");
    let named = ClientHello { name: "a".into(), ..hello() };
    let mut request = Request::new(Box::new(named), NOW, &lobby).unwrap();
    assert!(!request.retry(Close::RoomFull, NOW, &lobby), "it asked for that room");
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
