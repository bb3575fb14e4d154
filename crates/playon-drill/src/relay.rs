//! What lies between players and keeper in some drills: it can cut every socket in one moment, or pass nothing on for a while.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::weather::{LinkSide, Weather, Whims};

/// Bytes passed on at a time.
const CHUNK_BYTES: usize = 8 << 10;

/// A relay of TCP connections. It ends, with all its connections, when dropped.
pub(super) struct Relay {
    at: SocketAddr,
    cuts: watch::Sender<u64>,
    held: watch::Sender<bool>,
    /// The weather of the network, by default fine.
    pub(super) weather: Arc<Weather>,
    listening: JoinHandle<()>,
}

impl Relay {
    /// Listens on a free port and passes everything on to `target`.
    pub(super) async fn start(target: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        let at = listener.local_addr()?;
        let (cuts, held) = (watch::Sender::new(0), watch::Sender::new(false));
        let weather = Arc::new(Weather::default());
        let passing = Arc::clone(&weather);
        let (cut, hold) = (cuts.subscribe(), held.subscribe());
        let listening = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((player, _)) => {
                        tokio::spawn(connection(
                            player,
                            target,
                            cut.clone(),
                            hold.clone(),
                            Arc::clone(&passing),
                        ));
                    }
                    // Out of descriptors, most likely: it passes.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        });
        Ok(Self { at, cuts, held, weather, listening })
    }

    /// Where players connect.
    pub(super) fn url(&self) -> String {
        format!("ws://{}/play", self.at)
    }

    /// Cuts all connections there are.
    pub(super) fn cut_all(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Passes nothing on any more, or everything again.
    pub(super) fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn connection(
    player: TcpStream,
    target: SocketAddr,
    mut cut: watch::Receiver<u64>,
    hold: watch::Receiver<bool>,
    weather: Arc<Weather>,
) {
    cut.mark_unchanged();
    let Ok(keeper) = TcpStream::connect(target).await else { return };
    if player.set_nodelay(true).and(keeper.set_nodelay(true)).is_err() {
        return;
    }
    let (from_player, to_player) = player.into_split();
    let (from_keeper, to_keeper) = keeper.into_split();
    tokio::select! {
        () = pump(from_player, to_keeper, hold.clone(), weather.whims(LinkSide::Player)) => {}
        () = pump(from_keeper, to_player, hold, weather.whims(LinkSide::Keeper)) => {}
        _ = cut.changed() => {}
    }
}

/// Passes one direction on until either side is gone.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut hold: watch::Receiver<bool>,
    mut whims: Whims,
) {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let Ok(length @ 1..) = from.read(&mut chunk).await else { return whims.closed() };
        if hold.wait_for(|held| !held).await.is_err()
            || whims.pass(&chunk[..length], &mut to).await.is_err()
        {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn it_passes_on_holds_back_and_cuts() {
        let keeper = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Relay::start(keeper.local_addr().unwrap()).await.unwrap();
        let mut player = TcpStream::connect(relay.at).await.unwrap();
        let (mut served, _) = keeper.accept().await.unwrap();
        player.write_all(b"hello").await.unwrap();
        let mut read = [0; 5];
        served.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"hello");

        relay.hold(true);
        served.write_all(b"later").await.unwrap();
        let early = tokio::time::timeout(Duration::from_millis(50), player.read_exact(&mut read));
        assert!(early.await.is_err(), "nothing passes while it is held");
        relay.hold(false);
        player.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"later");

        relay.cut_all();
        assert!(matches!(served.read(&mut read).await, Ok(0) | Err(_)));
        assert!(matches!(player.read(&mut read).await, Ok(0) | Err(_)));
        // A new connection is not cut by an old cut.
        let mut player = TcpStream::connect(relay.at).await.unwrap();
        let (mut served, _) = keeper.accept().await.unwrap();
        player.write_all(b"again").await.unwrap();
        served.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"again");
    }
}
