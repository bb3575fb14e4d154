//! The gateway by itself: the keeper's own code from socket to socket, with nothing behind it.
//!
//! What would go to a shard is answered on the spot, on the gateway's thread, with the frames that an echoing room
//! sends. So what a message costs more in a keeper is the price of rooms, of a process of their own, and of nothing else.

use std::sync::Arc;

use bytes::Bytes;
use playon_keeper::gateway::{
    Assets, Gateway, GatewayLink, GatewayParts, Labels, NotTaken, OwnerLink, inboxes,
};
use playon_keeper::process::alarm::Alarms;
use playon_keeper::time::clock::Clock;
use playon_types::gate::{Hello, Mode, Push, ToGateway, ToOwner, Welcome, Who};
use playon_types::ids::{ConnId, Generation, History, ReleaseId, SessionId};
use playon_types::time::Span;

use crate::serve::{announce, gateway_config, until_told};

/// What a room without a view shows.
const NO_VIEW: Bytes = Bytes::from_static(b"null");

/// Answers every socket by itself.
struct EchoOwner(GatewayLink);

impl OwnerLink for EchoOwner {
    fn shards(&self) -> u16 {
        1
    }

    fn send(&self, _: u16, message: ToOwner) -> Result<(), NotTaken> {
        match message {
            ToOwner::Hello(hello) => self.answer(welcome(&hello)),
            ToOwner::Input { conn, seq, recv: _, payload } => {
                let push = Push {
                    applied: Some(seq),
                    events: vec![(seq, payload)],
                    view: Some((seq, NO_VIEW)),
                    ..Push::default()
                };
                self.answer(ToGateway::Push { conn, push })
            }
            ToOwner::Ack { .. }
            | ToOwner::Bye { .. }
            | ToOwner::Gone { .. }
            | ToOwner::Drained { .. } => Ok(()),
        }
    }

    fn wake(&self, _: u16) {}
}

impl EchoOwner {
    fn answer(&self, message: ToGateway) -> Result<(), NotTaken> {
        self.0.try_send(GatewayLink::thread_of(message.conn()), vec![message])
    }
}

fn welcome(hello: &Hello) -> ToGateway {
    let session = match hello.who {
        Who::New { session, .. } | Who::Known { session, .. } => session,
        Who::Watcher => SessionId(0),
    };
    let ConnId(conn) = hello.conn;
    let welcome = Welcome {
        mode: Mode::New,
        session,
        room: hello.room,
        release: ReleaseId([0; 32]),
        history: History(conn),
        generation: Generation(1),
        in_next: 1,
        event_seq: 0,
        lost: 0,
        ttl: Span::secs(60),
    };
    ToGateway::Welcome { conn: hello.conn, welcome }
}

/// Runs it until its standard input ends.
pub(crate) fn run() -> anyhow::Result<()> {
    let (link, inboxes) = inboxes(1);
    let clock = Clock::new();
    let parts = GatewayParts {
        owner: Arc::new(EchoOwner(link)),
        lobby: Arc::default(),
        assets: Assets::default(),
        labels: Labels::default(),
        extra: None,
        stats: Arc::default(),
        clock,
        alarms: Alarms::new(clock),
    };
    let gateway = Gateway::listen(gateway_config(), parts, inboxes)?;
    announce(gateway.local_addr(), None)?;
    until_told(String::new)
}
