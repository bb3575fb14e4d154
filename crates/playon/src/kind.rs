//! A kind of room without its type, so that a worker can hold many.

use std::marker::PhantomData;

use playon_types::kind::KindInfo;
use serde::de::DeserializeOwned;

use crate::check::{self, Tried};
use crate::envelope::{OpenedEnvelope, Trouble};
use crate::hidden::Hidden;
use crate::live::{Live, LiveRoom};
use crate::{Cx, Room, Versions};

/// A kind of room. The functions call the game and may panic.
pub(crate) trait Kind: Send + Sync {
    /// What the keeper is told about the kind.
    fn info(&self) -> KindInfo;
    /// The version of the state that is written.
    fn version(&self) -> u32;
    /// Makes a new room.
    fn create(&self, params: &[u8], seed: u64) -> Result<Box<dyn Live>, Trouble>;
    /// Opens a room of any version that is read.
    fn open(&self, bytes: &[u8]) -> Result<Box<dyn Live>, Trouble>;
    /// Turns bytes of the newest version into those of an older one.
    fn export(&self, bytes: &[u8], version: u32) -> Result<Vec<u8>, Trouble>;
    /// Tries the state with made-up contents, before there is any room.
    fn try_out(&self) -> Tried;
}

/// A kind whose type is known.
pub(crate) struct TypedKind<R: Room> {
    versions: Versions<R>,
    room: PhantomData<fn() -> R>,
}

impl<R: Room> TypedKind<R> {
    pub(crate) fn new() -> Self {
        Self { versions: R::versions(), room: PhantomData }
    }

    pub(crate) fn create_room(&self, params: &[u8], seed: u64) -> Result<LiveRoom<R>, Trouble> {
        let params = read_params(params)?;
        let mut cx = Cx::new(Hidden::new(seed));
        let state =
            R::create(params, &mut cx).map_err(|refusal| Trouble::Refused(refusal.to_string()))?;
        Ok(LiveRoom { state, cx, version: self.versions.newest() })
    }

    pub(crate) fn open_room(&self, bytes: &[u8]) -> Result<LiveRoom<R>, Trouble> {
        let OpenedEnvelope { hidden, state } = self.versions.open(R::KIND, bytes)?;
        Ok(LiveRoom { state, cx: Cx::new(hidden), version: self.versions.newest() })
    }
}

impl<R: Room> Kind for TypedKind<R> {
    fn info(&self) -> KindInfo {
        KindInfo {
            name: R::KIND.to_owned(),
            writes: self.versions.newest(),
            reads_from: self.versions.oldest(),
            exports_to: self.versions.goes_back_to(),
            policies: R::policies().declared().clone(),
        }
    }

    fn version(&self) -> u32 {
        self.versions.newest()
    }

    fn create(&self, params: &[u8], seed: u64) -> Result<Box<dyn Live>, Trouble> {
        Ok(Box::new(self.create_room(params, seed)?))
    }

    fn open(&self, bytes: &[u8]) -> Result<Box<dyn Live>, Trouble> {
        Ok(Box::new(self.open_room(bytes)?))
    }

    fn export(&self, bytes: &[u8], version: u32) -> Result<Vec<u8>, Trouble> {
        let OpenedEnvelope { hidden, state } = self.versions.open(R::KIND, bytes)?;
        self.versions.export(R::KIND, &hidden, state, version)
    }

    fn try_out(&self) -> Tried {
        check::try_out::<R>(R::KIND, self.versions.newest())
    }
}

/// Clients may leave params out: they are `null` then, or `{}` for a struct whose fields all have defaults.
fn read_params<T: DeserializeOwned>(params: &[u8]) -> Result<T, Trouble> {
    let read = if params.is_empty() {
        serde_json::from_slice(b"null").or_else(|_| serde_json::from_slice(b"{}"))
    } else {
        serde_json::from_slice(params)
    };
    read.map_err(|why| Trouble::Refused(format!("the params cannot be read: {why}")))
}
