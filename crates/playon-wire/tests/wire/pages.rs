//! The pages about the protocols say what the code does.

use std::fs;
use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use playon_types::attach::{Body, Deliver, Item, ToWorker};
use playon_types::gate::Close;
use playon_types::ids::{Attempt, ReleaseId, RoomId, Seq, SessionId};
use playon_types::image::{Record, SeatChange};
use playon_types::time::RoomTime;
use playon_wire::attach::{Down, decode_down, encode_down};
use playon_wire::player::{
    BASE_LAST, ClientFrame, DELTA_VIEW_BYTES_MAX, PlayerLimits, ServerFrame, apply_delta,
    decode_client, decode_server, put_delta,
};
use playon_wire::stored::{decode_record, encode_record};
use xxhash_rust::xxh3::xxh3_64;

use crate::vectors::hello;
use crate::{hex, unhex};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).expect("the page is committed")
}

/// The bytes of the page's examples: the left column of each block marked `bytes`.
fn examples(name: &str) -> Vec<Bytes> {
    let page = page(name);
    let blocks =
        page.split("```bytes\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    let left = |line: &str| line.split("  ").next().unwrap_or_default().to_owned();
    blocks.map(|block| unhex(&block.lines().map(left).collect::<String>()).into()).collect()
}

/// Each page names the files it describes and their hash at the time someone last compared the two.
#[test]
fn pages_were_read_again_after_their_sources_changed() {
    let mut stale = String::new();
    for name in ["player-protocol.md", "attach-protocol.md", "stored-formats.md"] {
        let page = page(name);
        let marks: Vec<_> =
            page.lines().filter_map(|line| line.strip_prefix("<!-- describes ")).collect();
        assert!(!marks.is_empty(), "docs/{name} names no source");
        for mark in marks {
            let (source, hash) =
                mark.trim_end_matches(" -->").split_once(" = ").expect("`path = hash`");
            let found = xxh3_64(&fs::read(root().join(source)).expect("the source exists"));
            if hash != format!("{found:016x}") {
                stale += &format!("\ndocs/{name}: <!-- describes {source} = {found:016x} -->");
            }
        }
    }
    assert!(
        stale.is_empty(),
        "Sources have changed since these pages were last compared with them. Read each page, correct what is no longer so, \
         and then replace its line by the one given here:{stale}"
    );
}

#[test]
fn the_player_page_shows_what_is_sent() {
    let examples = examples("player-protocol.md");
    let [first, second, third, _] = &examples[..] else { panic!("four examples") };
    let limits = PlayerLimits::default();
    let payload = Bytes::from_static(br#"{"dx":1}"#);
    assert_eq!(
        decode_client(first.clone(), &limits),
        Ok(vec![ClientFrame::Hello(Box::new(hello()))])
    );
    let input = ClientFrame::Input { seq: 1, recv: 300, payload };
    assert_eq!(decode_client(second.clone(), &limits), Ok(vec![input]));
    let payload = Bytes::from_static(br#"{"hit":true}"#);
    let answer = vec![ServerFrame::Ack { applied: 1 }, ServerFrame::Event { seq: 301, payload }];
    assert_eq!(decode_server(third.clone()).as_ref(), Ok(&answer));

    let mut out = BytesMut::new();
    answer.iter().for_each(|frame| frame.encode(&mut out));
    assert_eq!(hex(&out), hex(third));
}

#[test]
fn the_player_page_shows_a_delta() {
    let page = page("player-protocol.md");
    let quoted = |begin: &str| {
        let at = page.find(begin).expect("the page has the view");
        page[at..].split('`').next().unwrap_or_default().as_bytes().to_vec()
    };
    let (base, view) = (quoted(r#"{"tick":9,"#), quoted(r#"{"tick":10,"#));
    let example = examples("player-protocol.md").remove(3);
    let frames = decode_server(example.clone()).expect("a frame");
    let [ServerFrame::View { as_of: 301, base: BASE_LAST, payload }] = &frames[..] else {
        panic!("{frames:?}");
    };
    assert_eq!(apply_delta(&base, payload.clone(), DELTA_VIEW_BYTES_MAX).as_deref(), Ok(&view[..]));
    let mut written = BytesMut::new();
    assert!(put_delta(&base, &view, &mut written));
    assert_eq!(hex(&written), hex(payload));
    let bound = format!("{} bytes", DELTA_VIEW_BYTES_MAX).replace("65536", "65,536");
    assert!(page.contains(&bound), "docs/player-protocol.md does not say {bound}");
}

#[test]
fn the_player_page_lists_all_close_codes() {
    let page = page("player-protocol.md");
    for close in Close::ALL {
        let code = close.code();
        assert!(
            page.contains(&format!("| {code} |")),
            "docs/player-protocol.md lacks {code} ({close:?})"
        );
    }
}

#[test]
fn the_attach_page_shows_what_is_sent() {
    let deliver = Down::Room(ToWorker::Deliver(Deliver {
        room: RoomId(*b"0123456789abcdef"),
        attempt: Attempt(5),
        seq: Seq(9),
        now: RoomTime(150_000),
        items: vec![
            Item::Tick(3),
            Item::Input { session: SessionId(7), seq: 4, payload: Bytes::from_static(b"{}") },
        ],
        render: vec![SessionId(7)],
        render_watch: false,
    }));
    let example = examples("attach-protocol.md").remove(0);
    let written = encode_down(std::slice::from_ref(&deliver)).expect("small");
    assert_eq!(hex(&example), hex(&written));
    assert_eq!(decode_down(example.slice(4..)).expect("valid"), [deliver]);
}

#[test]
fn the_page_of_stored_formats_shows_what_is_written() {
    let hash = 0x0123_4567_89ab_cdef;
    let progress = SeatChange::Progress {
        session: SessionId(7),
        applied: 4,
        events: vec![Bytes::from_static(b"{}")],
        lost: 0,
        kept_from: 1,
    };
    let record = Record {
        seq: Seq(2),
        parent_hash: hash,
        hash,
        version: 3,
        body: Body::Same,
        release: ReleaseId([6; 32]),
        now: RoomTime(50_000),
        tick: 1,
        wake_at: None,
        between_rounds: false,
        ended: false,
        migrate: None,
        seats: vec![progress],
    };
    let example = examples("stored-formats.md").remove(0);
    assert_eq!(hex(&example), hex(&encode_record(&record)));
    assert_eq!(decode_record(&example), Ok(record));
}
