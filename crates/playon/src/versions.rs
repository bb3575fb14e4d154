//! The versions of a room's state and the ways between them.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::check;
use crate::envelope::{self, OpenedEnvelope, Trouble};
use crate::hidden::Hidden;

type Opener<T> = Arc<dyn Fn(&[u8]) -> Result<OpenedEnvelope<T>, Trouble> + Send + Sync>;
type Exporter<T> = Arc<dyn Fn(&str, &Hidden, T) -> Result<Vec<u8>, Trouble> + Send + Sync>;

/// Every version of a state that a release reads, ending with the one it writes.
///
/// A field that is added with `#[serde(default)]`, or removed, needs no new version. For other changes keep the old struct,
/// give it a name, and say how one becomes the other. Versions number themselves: 1, 2, 3.
///
/// ```
/// use playon::Versions;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct ScoresV1 { red: u32, blue: u32 }
/// #[derive(Serialize, Deserialize)]
/// struct ScoresV2 { teams: Vec<u32> }
/// #[derive(Serialize, Deserialize)]
/// struct Scores { teams: Vec<u32>, rounds: u32 }
///
/// let versions: Versions<Scores> = Versions::first()
///     .then_and_back(
///         |old: ScoresV1| ScoresV2 { teams: vec![old.red, old.blue] },
///         |new: ScoresV2| ScoresV1 { red: new.teams[0], blue: new.teams[1] },
///     )
///     .then(|old: ScoresV2| Scores { teams: old.teams, rounds: 1 });
/// assert_eq!((versions.oldest(), versions.newest()), (1, 3));
/// assert_eq!(versions.goes_back_to(), 3); // the last step is one-way
/// ```
pub struct Versions<T> {
    /// Reads `oldest` and those that follow.
    openers: Vec<Opener<T>>,
    /// Writes the newest and those before it.
    exporters: Vec<Exporter<T>>,
    oldest: u32,
}

impl<T> fmt::Debug for Versions<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (reads, writes) = (self.openers.len(), self.exporters.len());
        let mut shown = f.debug_struct("Versions");
        shown.field("oldest", &self.oldest).field("reads", &reads).field("writes", &writes).finish()
    }
}

impl<T: Serialize + DeserializeOwned + 'static> Versions<T> {
    /// The first version there ever was.
    pub fn first() -> Self {
        Self::since(1)
    }

    /// The oldest version that is still read, once support for those before it has been dropped.
    pub fn since(oldest: u32) -> Self {
        Self { openers: vec![opener()], exporters: vec![exporter(oldest)], oldest }
    }

    /// The next version. A room that has taken this step cannot go back to a release before it.
    #[must_use]
    pub fn then<N>(self, upgrade: impl Fn(T) -> N + Send + Sync + 'static) -> Versions<N>
    where
        N: Serialize + DeserializeOwned + 'static,
    {
        let newest = self.newest() + 1;
        let upgrade = Arc::new(upgrade);
        let chain = self.openers.into_iter().map(|older| {
            let upgrade = Arc::clone(&upgrade);
            Arc::new(move |bytes: &[u8]| {
                let OpenedEnvelope { hidden, state } = older(bytes)?;
                Ok(OpenedEnvelope { hidden, state: upgrade(state) })
            }) as Opener<N>
        });
        let openers = chain.chain([opener()]).collect();
        Versions { openers, exporters: vec![exporter(newest)], oldest: self.oldest }
    }

    /// The next version, with a way back: a rollback takes the running rooms along.
    #[must_use]
    pub fn then_and_back<N>(
        mut self,
        upgrade: impl Fn(T) -> N + Send + Sync + 'static,
        downgrade: impl Fn(N) -> T + Send + Sync + 'static,
    ) -> Versions<N>
    where
        N: Serialize + DeserializeOwned + 'static,
    {
        let older = std::mem::take(&mut self.exporters);
        let mut versions = self.then(upgrade);
        let downgrade = Arc::new(downgrade);
        versions.exporters.extend(older.into_iter().map(|older| {
            let downgrade = Arc::clone(&downgrade);
            Arc::new(move |kind: &str, hidden: &Hidden, state| {
                older(kind, hidden, downgrade(state))
            }) as Exporter<N>
        }));
        versions
    }

    /// The oldest version that is read.
    pub const fn oldest(&self) -> u32 {
        self.oldest
    }

    /// The version that is written.
    pub fn newest(&self) -> u32 {
        self.oldest + self.openers.len() as u32 - 1
    }

    /// The oldest version that a state can be turned back into; the newest if there is no way back.
    pub fn goes_back_to(&self) -> u32 {
        self.newest() + 1 - self.exporters.len() as u32
    }

    /// Opens bytes of any version that is read.
    pub(crate) fn open(&self, kind: &str, bytes: &[u8]) -> Result<OpenedEnvelope<T>, Trouble> {
        let found = envelope::header(kind, bytes)?;
        if found > self.newest() {
            return Err(Trouble::Newer { found, newest: self.newest() });
        }
        let index = found.checked_sub(self.oldest).and_then(|at| self.openers.get(at as usize));
        let opener = index.ok_or(Trouble::Older { found, oldest: self.oldest })?;
        opener(bytes)
    }

    /// Encodes as an older version.
    pub(crate) fn export(
        &self,
        kind: &str,
        hidden: &Hidden,
        state: T,
        version: u32,
    ) -> Result<Vec<u8>, Trouble> {
        let back =
            self.newest().checked_sub(version).and_then(|back| self.exporters.get(back as usize));
        let exporter =
            back.ok_or(Trouble::NoWayBack { wanted: version, oldest: self.goes_back_to() })?;
        exporter(kind, hidden, state)
    }
}

fn opener<T: DeserializeOwned + 'static>() -> Opener<T> {
    Arc::new(envelope::decode::<T>)
}

/// What an older release is given is read here first, as that release will.
fn exporter<T: Serialize + DeserializeOwned + 'static>(version: u32) -> Exporter<T> {
    Arc::new(move |kind: &str, hidden: &Hidden, state| {
        check::encode_and_prove(kind, version, hidden, &state)
    })
}
