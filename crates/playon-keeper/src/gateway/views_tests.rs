use playon_types::gate::Push;
use playon_types::time::Time;
use playon_wire::player::{ServerFrame, apply_delta, decode_server};

use super::*;
use crate::gateway::config::OutboxConfig;
use crate::gateway::outbox::Outbox;

const NOW: Time = Time(1_000_000);

/// A thread's sockets, and what is read at the other end of each.
struct Thread {
    stats: Arc<GatewayStats>,
    teller: ViewTeller,
    sockets: Vec<Socket>,
}

struct Socket {
    outbox: Outbox,
    deltas: bool,
    /// What came last.
    base: Option<Bytes>,
}

impl Thread {
    fn new(bounds: OutboxConfig, deltas: &[bool]) -> Self {
        let socket = |deltas: &bool| {
            let mut outbox = Outbox::new(bounds);
            outbox.take_deltas(*deltas);
            Socket { outbox, deltas: *deltas, base: None }
        };
        let sockets = deltas.iter().map(socket).collect();
        Self { stats: Arc::default(), teller: ViewTeller::default(), sockets }
    }

    /// Hands a view to all sockets, in one batch.
    fn push(&mut self, view: &Bytes) {
        let mut copies = ViewCopies::default();
        for socket in &mut self.sockets {
            let push = Push { view: Some((0, view.clone())), ..Push::default() };
            socket.outbox.push(NOW, push, &mut copies, &self.stats);
        }
    }

    /// Writes what waits for one socket; what it is shown, and whether that was told as a delta.
    fn write(&mut self, socket: usize) -> (Bytes, bool) {
        let socket = &mut self.sockets[socket];
        let mut out = BytesMut::new();
        socket.outbox.encode(NOW, &mut out, &mut self.teller, &self.stats);
        let frames = decode_server(out.freeze()).unwrap();
        let [ServerFrame::View { as_of: 0, base, payload }] = &frames[..] else {
            panic!("{frames:?}");
        };
        let view = match (base, &socket.base) {
            (1, Some(base)) if socket.deltas => {
                apply_delta(base, payload.clone(), DELTA_VIEW_BYTES_MAX).unwrap()
            }
            (0, _) => payload.clone(),
            _ => panic!("{frames:?}"),
        };
        socket.base = Some(view.clone());
        (view, *base == 1)
    }

    /// How the sockets are shown a view: of each whether it was told as a delta.
    fn show(&mut self, view: &Bytes) -> Vec<bool> {
        self.push(view);
        let sockets = 0..self.sockets.len();
        let told = sockets.map(|socket| {
            let (shown, delta) = self.write(socket);
            assert_eq!(shown, view);
            delta
        });
        told.collect()
    }

    fn kept(&self) -> u64 {
        self.stats.view_bases_bytes.get()
    }
}

/// Views of one length that differ a little.
fn view(number: u8, bytes: usize) -> Bytes {
    let mut view: Vec<u8> = (0..bytes).map(|at| (at * at / 7) as u8).collect();
    view[bytes / 2] = number;
    view.into()
}

#[test]
fn a_view_is_told_by_the_last_one_to_those_who_take_it() {
    let mut thread = Thread::new(OutboxConfig::default(), &[true, false]);
    assert_eq!(thread.show(&view(1, 500)), [false, false], "there is none before it");
    assert_eq!(thread.show(&view(2, 500)), [true, false]);
    assert_eq!(thread.show(&view(3, 500)), [true, false]);
    let stats = &thread.stats;
    assert_eq!((stats.views.get(), stats.views_delta.get()), (6, 2));
    assert_eq!(stats.view_bytes_whole.get(), 3_000);
    assert!((2_000..2_100).contains(&stats.view_bytes_out.get()));
}

#[test]
fn a_view_that_was_replaced_before_it_was_written_is_no_base() {
    let mut thread = Thread::new(OutboxConfig::default(), &[true]);
    thread.show(&view(1, 500));
    thread.push(&view(2, 500));
    assert_eq!(thread.show(&view(3, 500)), [true]);
}

#[test]
fn nothing_is_told_by_another_where_it_is_switched_off() {
    let bounds = OutboxConfig { view_deltas: false, ..OutboxConfig::default() };
    let mut thread = Thread::new(bounds, &[true]);
    assert_eq!((thread.show(&view(1, 500)), thread.kept()), (vec![false], 0));
    assert_eq!((thread.show(&view(2, 500)), thread.kept()), (vec![false], 0));
}

#[test]
fn what_is_shown_to_many_is_copied_and_compared_once() {
    let mut thread = Thread::new(OutboxConfig::default(), &[true; 9]);
    for number in 1..4 {
        let block = view(number, 100 << 10);
        let told = thread.show(&block.slice(100 << 9..(100 << 9) + 900));
        assert_eq!(told, [number > 1; 9]);
        assert!(block.is_unique(), "the block it came in could be freed");
    }
    // By the two deltas that were told all three are held, each once.
    assert_eq!(thread.kept(), 3 * 900);
    assert_eq!(thread.teller.shared.iter().flatten().count(), 2);
    assert_eq!(thread.teller.next, 2, "one delta each time");
}

#[test]
fn a_socket_that_is_behind_is_told_by_what_it_was_told() {
    let mut thread = Thread::new(OutboxConfig::default(), &[true; 3]);
    thread.show(&view(1, 900));
    thread.push(&view(2, 900));
    assert_eq!((thread.write(0).1, thread.write(1).1), (true, true));
    let third = view(3, 900);
    thread.push(&third);
    for socket in [2, 0, 1] {
        assert_eq!(thread.write(socket), (third.clone(), true), "socket {socket}");
    }
}

#[test]
fn views_over_the_bound_are_whole_and_not_kept() {
    let mut thread = Thread::new(OutboxConfig::default(), &[true]);
    assert_eq!(thread.show(&view(1, DELTA_VIEW_BYTES_MAX)), [false]);
    assert_eq!(thread.show(&view(2, DELTA_VIEW_BYTES_MAX)), [true]);
    assert_eq!(thread.show(&view(3, DELTA_VIEW_BYTES_MAX + 1)), [false]);
    assert_eq!(thread.kept(), 0);
    assert_eq!(thread.show(&view(4, 500)), [false]);
    assert_eq!(thread.show(&view(5, 500)), [true]);
}

#[test]
fn over_the_bound_of_all_views_are_whole_until_there_is_room() {
    let bounds = OutboxConfig { view_bases_bytes_max: 1_600, ..OutboxConfig::default() };
    let mut thread = Thread::new(bounds, &[true; 2]);
    let of = |socket: u8, number: u8| view(socket << 4 | number, 500);
    let mut told = |number: u8| {
        let mut told = [false; 2];
        for (socket, delta) in (0..).zip(&mut told) {
            let view = of(socket, number);
            let push = Push { view: Some((0, view.clone())), ..Push::default() };
            let copies = &mut ViewCopies::default();
            thread.sockets[usize::from(socket)].outbox.push(NOW, push, copies, &thread.stats);
            let (shown, by_delta) = thread.write(usize::from(socket));
            assert_eq!(shown, view);
            *delta = by_delta;
        }
        assert!(thread.kept() <= 1_600);
        told
    };
    assert_eq!([told(1), told(2)], [[false; 2], [true; 2]], "two are kept, and one waits");
    let mut thread = Thread::new(OutboxConfig { view_bases_bytes_max: 900, ..bounds }, &[true]);
    // The next one waits while the last one is kept, and there is no room for both.
    let told: Vec<_> = (1..5).flat_map(|number| thread.show(&view(number, 500))).collect();
    assert_eq!(told, [false, true, false, true]);
}

#[test]
fn a_quiet_socket_keeps_nothing() {
    let mut thread = Thread::new(OutboxConfig::default(), &[true]);
    thread.show(&view(1, 500));
    thread.sockets[0].outbox.rest();
    assert_eq!(thread.kept(), 500, "one was written since the last time");
    assert_eq!(thread.show(&view(2, 500)), [true]);
    thread.sockets[0].outbox.rest();
    thread.sockets[0].outbox.rest();
    assert_eq!(thread.kept(), 0);
    assert_eq!(thread.show(&view(3, 500)), [false]);
    drop(thread.sockets.pop());
    assert_eq!(thread.kept(), 0);
}
