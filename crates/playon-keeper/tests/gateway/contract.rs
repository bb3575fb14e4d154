//! What every gateway must do: the real one, over real sockets, asked by the script that asks the simulator's model, too.

use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;

use playon_gate_kit::{Guest, Heard, POINTS, Said, ScriptedPlayer, Subject, check};
use playon_types::gate::{Close, ToGateway, ToOwner};
use playon_wire::player::{ClientFrame, ClientHello, ServerFrame, Token, decode_server};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};

use crate::harness::{Client, DEADLINE, World, client_hello};

/// What a player is to do.
enum Order {
    Say(ClientFrame),
    Take(bool),
    HangUp,
}

/// A player, whose task reads and writes for it.
struct Seat {
    orders: UnboundedSender<Order>,
    heard: mpsc::Receiver<Heard>,
}

struct Real {
    runtime: Runtime,
    world: World,
    players: Vec<Seat>,
}

impl Real {
    fn new() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let world = World::with_shards(
            1,
            |config| {
                config.threads = 1;
                // Little fits in between, so that who does not read is noticed soon.
                config.send_buffer_bytes = 4 << 10;
                // The script answers as soon as it can, which may be late.
                config.outbox.view_grace = DEADLINE;
            },
            None,
        );
        Self { runtime, world, players: Vec::new() }
    }

    fn order(&self, player: ScriptedPlayer, order: Order) {
        // Who has hung up, or was closed, says nothing any more.
        let _ = self.players[player.0].orders.send(order);
    }
}

/// What a player does until its socket is gone.
async fn play(
    mut client: Client,
    mut orders: UnboundedReceiver<Order>,
    heard: mpsc::Sender<Heard>,
) {
    let mut takes = true;
    loop {
        tokio::select! {
            biased;
            order = orders.recv() => match order {
                Some(Order::Say(frame)) => {
                    let mut bytes = bytes::BytesMut::new();
                    frame.encode(&mut bytes);
                    // Nobody may listen any more.
                    let message = Message::Binary(bytes.freeze());
                    let _ = futures_util::SinkExt::send(&mut client.ws, message).await;
                }
                Some(Order::Take(now)) => takes = now,
                Some(Order::HangUp) | None => return,
            },
            message = client.message(), if takes => match message {
                Some(Ok(Message::Binary(bytes))) => {
                    let frames = decode_server(bytes).unwrap();
                    frames.iter().filter_map(what).for_each(|what| heard.send(what).unwrap());
                }
                Some(Ok(Message::Close(Some(CloseFrame { code, .. })))) => {
                    let why = Close::ALL.into_iter().find(|why| why.code() == u16::from(code));
                    heard.send(Heard::Closed(why.unwrap())).unwrap();
                }
                Some(Ok(_)) => {}
                None | Some(Err(_)) => return,
            },
        }
    }
}

fn what(frame: &ServerFrame) -> Option<Heard> {
    match frame {
        ServerFrame::Welcome(_) => Some(Heard::Welcome),
        ServerFrame::Ack { applied } => Some(Heard::Applied(*applied)),
        ServerFrame::Event { seq, .. } => Some(Heard::Event(*seq)),
        ServerFrame::View { as_of, .. } => Some(Heard::View(*as_of)),
        _ => None,
    }
}

fn hello(guest: Guest) -> ClientFrame {
    let any = client_hello("");
    let hello = match guest {
        Guest::New(room) => ClientHello { room: Some(room), ..any },
        Guest::Known(room, session) => {
            let token = Some(Token { session, secret: [1; 16] });
            ClientHello { room: Some(room), token, ..any }
        }
        Guest::Watcher(room) => ClientHello { room: Some(room), watch: true, ..any },
        Guest::Anywhere => any,
    };
    ClientFrame::Hello(Box::new(hello))
}

impl Subject for Real {
    fn connect(&mut self) -> ScriptedPlayer {
        let client = Client::connect_with(self.world.address(), None, 4 << 10);
        let client = self.runtime.block_on(client).unwrap();
        let (orders, ordered) = unbounded_channel();
        let (tell, heard) = mpsc::channel();
        self.runtime.spawn(play(client, ordered, tell));
        self.players.push(Seat { orders, heard });
        ScriptedPlayer(self.players.len() - 1)
    }

    fn say(&mut self, player: ScriptedPlayer, said: Said) {
        let frame = match said {
            Said::Hello(guest) => hello(guest),
            Said::Input { seq, recv, payload } => ClientFrame::Input { seq, recv, payload },
            Said::Ack(recv) => ClientFrame::Ack { recv },
            Said::Pong => ClientFrame::Pong { nonce: 0 },
            Said::Bye => ClientFrame::Bye,
        };
        self.order(player, Order::Say(frame));
    }

    fn hang_up(&mut self, player: ScriptedPlayer) {
        self.order(player, Order::HangUp);
    }

    fn take(&mut self, player: ScriptedPlayer, takes: bool) {
        self.order(player, Order::Take(takes));
    }

    fn hear(&mut self, player: ScriptedPlayer) -> Heard {
        self.players[player.0].heard.recv_timeout(DEADLINE).expect("it is owed something")
    }

    fn tell(&mut self, message: ToGateway) {
        self.runtime.block_on(self.world.send(message));
    }

    fn told(&mut self) -> ToOwner {
        let told = async { timeout(DEADLINE, self.world.told()).await };
        self.runtime.block_on(told).expect("the owner is owed something")
    }

    fn refuse(&mut self, refuses: bool) {
        self.world.full.store(refuses, Ordering::Relaxed);
    }

    fn go_down(&mut self) -> Vec<ToOwner> {
        self.world.gateway.take().unwrap().shutdown(Duration::from_secs(10));
        self.world.left()
    }
}

#[test]
fn the_gateway_does_what_every_gateway_must() {
    let failed = check(&mut || Box::new(Real::new()));
    assert!(failed.is_empty(), "{} of {} points: {failed:#?}", failed.len(), POINTS.len());
}
