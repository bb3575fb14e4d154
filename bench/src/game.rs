//! The rooms under load: one that echoes, and one that holds bytes.

use std::process::ExitCode;
use std::time::Duration;

use playon::{Cx, OnDeploy, Player, PlayerId, Policies, Refusal, Room, Survives};
use playon_types::rng::mix;
use serde::{Deserialize, Serialize};

/// The kind whose outputs leave before they are stored.
pub const ECHO: &str = "echo";
/// The kind whose outputs leave when they are stored.
pub const ECHO_SAFE: &str = "echo-safe";
/// The kind that holds bytes.
pub const BLOB: &str = "blob";
/// The kind with a view twenty times a second.
pub const TICK: &str = "tick";

/// Bytes of a view of [`Tick`], about.
const VIEW_BYTES: usize = 200;

/// Bytes that one input of a [`Blob`] changes.
pub const CHANGE_BYTES: usize = 200;

/// Sends every input back as an event.
#[derive(Serialize, Deserialize)]
pub struct Echo<const SAFE: bool> {
    /// Inputs so far.
    count: u64,
}

impl<const SAFE: bool> Room for Echo<SAFE> {
    const KIND: &'static str = if SAFE { ECHO_SAFE } else { ECHO };
    type Params = Option<()>;
    type Input = String;
    type Event = String;
    type View = ();

    fn policies() -> Policies {
        let checkpoint = Duration::from_secs(60);
        let survives =
            if SAFE { Survives::KeeperCrash } else { Survives::WorkerCrash { checkpoint } };
        Policies::default().survives(survives).on_deploy(OnDeploy::Now).players_max(10_000)
    }

    fn create(_: Option<()>, _: &mut Cx<Self>) -> Result<Self, Refusal> {
        Ok(Self { count: 0 })
    }

    fn join(&mut self, _: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
        Ok(())
    }

    fn input(&mut self, from: PlayerId, input: String, cx: &mut Cx<Self>) {
        self.count += 1;
        cx.send(from, &input);
    }

    fn view(&self, _: PlayerId, _: &Cx<Self>) {}
}

/// Ticks, shows something, and sends every input back.
#[derive(Serialize, Deserialize)]
pub struct Tick {
    /// Inputs so far.
    count: u64,
    /// Ticks so far.
    ticks: u64,
    seen: String,
}

impl Room for Tick {
    const KIND: &'static str = TICK;
    type Params = Option<()>;
    type Input = String;
    type Event = String;
    type View = (u64, u64, String);

    fn policies() -> Policies {
        Policies::default().hz(20).on_deploy(OnDeploy::Now)
    }

    fn create(_: Option<()>, _: &mut Cx<Self>) -> Result<Self, Refusal> {
        Ok(Self { count: 0, ticks: 0, seen: "v".repeat(VIEW_BYTES) })
    }

    fn join(&mut self, _: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
        Ok(())
    }

    fn input(&mut self, from: PlayerId, input: String, cx: &mut Cx<Self>) {
        self.count += 1;
        cx.send(from, &input);
    }

    fn tick(&mut self, _: &mut Cx<Self>) {
        self.ticks += 1;
    }

    fn view(&self, _: PlayerId, _: &Cx<Self>) -> Self::View {
        (self.count, self.ticks, self.seen.clone())
    }
}

/// How a [`Blob`] is created.
#[derive(Serialize, Deserialize)]
pub struct Size {
    /// Bytes it holds.
    pub bytes: usize,
}

/// Holds bytes that do not compress; every input replaces [`CHANGE_BYTES`] of them, or all if there are fewer.
#[derive(Serialize, Deserialize)]
pub struct Blob {
    #[serde(with = "raw")]
    bytes: Vec<u8>,
}

impl Room for Blob {
    const KIND: &'static str = BLOB;
    type Params = Size;
    type Input = u64;
    type Event = u64;
    type View = ();

    fn policies() -> Policies {
        // A room of 10 MB takes longer than the usual budget allows, and is to be moved all the same.
        Policies::default().on_deploy(OnDeploy::Now).pause_budget(Duration::from_secs(60))
    }

    fn create(size: Size, cx: &mut Cx<Self>) -> Result<Self, Refusal> {
        let mut bytes = vec![0; size.bytes];
        fill(&mut bytes, cx.rng().range(0..u64::MAX));
        Ok(Self { bytes })
    }

    fn join(&mut self, _: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
        Ok(())
    }

    fn input(&mut self, from: PlayerId, input: u64, cx: &mut Cx<Self>) {
        let len = self.bytes.len();
        let change = CHANGE_BYTES.min(len);
        let seed = mix(input ^ from.0);
        let at = usize::try_from(seed % (len - change + 1) as u64).unwrap_or(0);
        fill(&mut self.bytes[at..at + change], seed);
        cx.send(from, &input);
    }

    fn view(&self, _: PlayerId, _: &Cx<Self>) {}
}

fn fill(bytes: &mut [u8], seed: u64) {
    for (n, chunk) in (0_u64..).zip(bytes.chunks_mut(8)) {
        let fresh = mix(seed.wrapping_add(n)).to_le_bytes();
        chunk.copy_from_slice(&fresh[..chunk.len()]);
    }
}

/// Bytes as one value instead of a list of numbers.
mod raw {
    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        struct Raw;
        impl Visitor<'_> for Raw {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }

            fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(bytes)
            }
        }
        from.deserialize_byte_buf(Raw)
    }
}

/// Runs as a worker.
pub fn run() -> ExitCode {
    playon::app("bench")
        .room::<Echo<false>>()
        .room::<Echo<true>>()
        .room::<Tick>()
        .room::<Blob>()
        .run()
}
