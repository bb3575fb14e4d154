//! The floor under every game server: one thread that sends the same bytes to everybody on a grid, and throws away what comes in.
//!
//! No rooms, no state, no rules, nothing stored: one call of the kernel per frame and per input. What a frame costs a real server
//! more than that is what the server does about it.

use std::collections::HashMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::serve::{announce, any_port, until_told};

const LISTENER: Token = Token(0);

/// Bytes read at once.
const READ_BYTES: usize = 16 << 10;

/// What every upgrade is answered with; the clients here do not look at the key.
const SWITCHING: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

/// What is sent, and how often.
#[derive(Debug, clap::Args)]
pub struct Floor {
    /// Bytes of a message
    #[arg(long)]
    bytes: u16,
    /// Milliseconds between two of them
    #[arg(long, default_value_t = 50)]
    every: u64,
}

/// A socket. Whoever has not asked for an upgrade yet is sent nothing.
struct Guest {
    stream: TcpStream,
    upgraded: bool,
}

/// Runs it until its standard input ends.
///
/// # Errors
/// When it cannot listen, or a socket cannot keep up: then it is no floor.
pub fn run(floor: &Floor) -> anyhow::Result<()> {
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(any_port())?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    announce(listener.local_addr()?, None)?;
    std::thread::spawn(move || {
        // Whether it says so or is cut off, nobody wants any more.
        let _ = until_told(String::new);
        drop(end);
    });
    let mut guests = HashMap::new();
    let frame = frame(floor.bytes);
    let (mut events, mut next) = (Events::with_capacity(1 << 10), Token(1));
    let every = Duration::from_millis(floor.every);
    let mut due = Instant::now() + every;
    while !has_ended(&ended) {
        let wait = due.saturating_duration_since(Instant::now());
        match poll.poll(&mut events, Some(wait)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            polled => polled?,
        }
        for event in &events {
            if event.token() == LISTENER {
                accept(&poll, &listener, &mut guests, &mut next)?;
            } else if !hear(guests.get_mut(&event.token()))? {
                guests.remove(&event.token());
            }
        }
        if Instant::now() >= due {
            show(&mut guests, &frame)?;
            due += every;
        }
    }
    Ok(())
}

/// One frame for everybody. Whoever has hung up is forgotten.
fn show(guests: &mut HashMap<Token, Guest>, frame: &[u8]) -> anyhow::Result<()> {
    let mut late = 0;
    guests.retain(|_, guest| {
        if !guest.upgraded {
            return true;
        }
        let sent = guest.stream.write(frame);
        let full = |error: &std::io::Error| error.kind() == ErrorKind::WouldBlock;
        late += usize::from(sent.as_ref().map_or_else(full, |sent| *sent < frame.len()));
        sent.is_ok()
    });
    anyhow::ensure!(late == 0, "{late} sockets do not keep up");
    Ok(())
}

/// One WebSocket message of so many bytes.
fn frame(bytes: u16) -> Vec<u8> {
    let mut frame = vec![0x82];
    match u8::try_from(bytes) {
        Ok(short @ 0..126) => frame.push(short),
        _ => {
            frame.push(126);
            frame.extend(bytes.to_be_bytes());
        }
    }
    frame.resize(frame.len() + usize::from(bytes), b'.');
    frame
}

fn has_ended(ended: &Receiver<()>) -> bool {
    matches!(ended.try_recv(), Err(TryRecvError::Disconnected))
}

fn accept(
    poll: &Poll,
    listener: &TcpListener,
    guests: &mut HashMap<Token, Guest>,
    next: &mut Token,
) -> anyhow::Result<()> {
    loop {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        stream.set_nodelay(true)?;
        poll.registry().register(&mut stream, *next, Interest::READABLE)?;
        guests.insert(*next, Guest { stream, upgraded: false });
        next.0 += 1;
    }
}

/// Reads what is there. Whether the socket is still open.
fn hear(guest: Option<&mut Guest>) -> anyhow::Result<bool> {
    let Some(guest) = guest else { return Ok(true) };
    let mut bytes = [0; READ_BYTES];
    loop {
        match guest.stream.read(&mut bytes) {
            Ok(0) => return Ok(false),
            Ok(_) if !guest.upgraded => {
                guest.stream.write_all(SWITCHING)?;
                guest.upgraded = true;
            }
            // Less than asked for: there is no more, and the next bytes make an event of their own.
            Ok(read) if read < bytes.len() => return Ok(true),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
}
