//! A player that counts: it knows what it sent, and that each of it is answered once and in order.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use bytes::{Bytes, BytesMut};
use playon_types::ids::{Generation, History, RoomId};
use playon_wire::player::{
    ClientFrame, ClientHello, PLAYER_PROTOCOL, ServerFrame, ServerWelcome, Token, decode_server,
};

use crate::ws::Ws;

/// Where a new player wants to go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish<'a> {
    pub(crate) kind: &'a str,
    pub(crate) name: &'a str,
    pub(crate) params: &'a str,
    pub(crate) profile: &'a str,
}

/// What a player needs to come back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    token: Token,
    room: RoomId,
    history: History,
    generation: Generation,
    /// The last event taken in.
    recv: u64,
    /// The last input sent; with [`Player::round_trip`] all of them were answered.
    sent: u64,
}

/// A seated player.
#[derive(Debug)]
pub(crate) struct Player {
    ws: Ws,
    seat: Seat,
    /// The last input that was applied, as far as [`Player::look`] has seen.
    applied: u64,
    out: BytesMut,
}

impl Player {
    /// Takes a new seat.
    pub(crate) async fn join(address: SocketAddr, wish: &Wish<'_>) -> anyhow::Result<Self> {
        let hello = ClientHello {
            kind: wish.kind.to_owned(),
            name: wish.name.to_owned(),
            params: Bytes::copy_from_slice(wish.params.as_bytes()),
            profile: Bytes::copy_from_slice(wish.profile.as_bytes()),
            ..blank()
        };
        let (ws, welcome) = greet(address, hello).await?;
        let seat = Seat {
            token: welcome.token.context("a welcome without a token")?,
            room: welcome.room,
            history: welcome.history,
            generation: welcome.generation,
            recv: welcome.event_seq,
            sent: 0,
        };
        Ok(Self { ws, seat, applied: seat.sent, out: BytesMut::new() })
    }

    /// Comes back to a seat.
    pub(crate) async fn resume(address: SocketAddr, mut seat: Seat) -> anyhow::Result<Self> {
        seat.generation = seat.generation.next();
        let hello = ClientHello {
            token: Some(seat.token),
            room: Some(seat.room),
            history: seat.history,
            generation: seat.generation,
            recv: seat.recv,
            lo: seat.sent + 1,
            ..blank()
        };
        let (ws, welcome) = greet(address, hello).await?;
        if welcome.in_next != seat.sent + 1 || welcome.lost > 0 {
            bail!(
                "{} inputs were answered, but the next one wanted is {}",
                seat.sent,
                welcome.in_next
            );
        }
        Ok(Self { ws, seat, applied: seat.sent, out: BytesMut::new() })
    }

    /// The seat, to come back to.
    pub(crate) const fn seat(&self) -> Seat {
        self.seat
    }

    /// Sends an input and waits for its event, which must be the next, the payload sent, and behind no gap.
    pub(crate) async fn round_trip(&mut self, payload: &Bytes) -> anyhow::Result<()> {
        self.seat.sent += 1;
        let input = ClientFrame::Input {
            seq: self.seat.sent,
            recv: self.seat.recv,
            payload: payload.clone(),
        };
        self.send(&input).await?;
        let mut answered = false;
        let mut applied = 0;
        while !answered || applied < self.seat.sent {
            for frame in decode_server(self.ws.recv().await?)? {
                match frame {
                    ServerFrame::Ack { applied: upto } => applied = upto,
                    ServerFrame::Event { seq, payload: event } => {
                        if answered || seq != self.seat.recv + 1 || event != payload {
                            bail!("event {seq} after {}, or not the one sent", self.seat.recv);
                        }
                        self.seat.recv = seq;
                        answered = true;
                    }
                    ServerFrame::Ping { nonce } => self.send(&ClientFrame::Pong { nonce }).await?,
                    _ => {}
                }
            }
        }
        if applied != self.seat.sent {
            bail!("input {applied} is acknowledged, {} were sent", self.seat.sent);
        }
        Ok(())
    }

    /// Sends an input and does not wait.
    pub(crate) async fn say(&mut self, payload: Bytes) -> anyhow::Result<()> {
        self.seat.sent += 1;
        let (seq, recv) = (self.seat.sent, self.seat.recv);
        self.send(&ClientFrame::Input { seq, recv, payload }).await
    }

    /// The next message: its bytes, and whether it shows something.
    pub(crate) async fn look(&mut self) -> anyhow::Result<(usize, bool)> {
        let message = self.ws.recv().await?;
        let (bytes, mut shown) = (message.len(), false);
        for frame in decode_server(message)? {
            match frame {
                ServerFrame::View { .. } => shown = true,
                ServerFrame::Ack { applied } => self.applied = applied,
                ServerFrame::Event { seq, .. } => self.seat.recv = seq,
                ServerFrame::Ping { nonce } => self.send(&ClientFrame::Pong { nonce }).await?,
                ServerFrame::SetAside { code, .. } => bail!("inputs are set aside: PLY-{code:04}"),
                _ => {}
            }
        }
        Ok((bytes, shown))
    }

    /// Whether all inputs have been applied.
    pub(crate) const fn is_answered(&self) -> bool {
        self.applied == self.seat.sent
    }

    /// Gives the seat up and waits until that is stored.
    pub(crate) async fn leave(mut self) -> anyhow::Result<()> {
        self.send(&ClientFrame::Bye).await?;
        loop {
            if let Err(error) = self.ws.recv().await {
                let text = error.to_string();
                return if text.contains(" 4904 ") { Ok(()) } else { Err(error) };
            }
        }
    }

    async fn send(&mut self, frame: &ClientFrame) -> anyhow::Result<()> {
        self.out.clear();
        frame.encode(&mut self.out);
        self.ws.send(&self.out).await
    }
}

fn blank() -> ClientHello {
    ClientHello {
        protocol: PLAYER_PROTOCOL,
        watch: false,
        whole: false,
        deltas: false,
        token: None,
        room: None,
        kind: String::new(),
        name: String::new(),
        profile: Bytes::new(),
        params: Bytes::new(),
        history: History::default(),
        generation: Generation::default(),
        recv: 0,
        lo: 1,
    }
}

async fn greet(
    address: SocketAddr,
    hello: ClientHello,
) -> anyhow::Result<(Ws, Box<ServerWelcome>)> {
    let mut ws = Ws::connect(address, "/play").await?;
    let mut out = BytesMut::new();
    ClientFrame::Hello(Box::new(hello)).encode(&mut out);
    ws.send(&out).await?;
    for frame in decode_server(ws.recv().await?)? {
        if let ServerFrame::Welcome(welcome) = frame {
            return Ok((ws, welcome));
        }
    }
    bail!("the first message was no welcome")
}
