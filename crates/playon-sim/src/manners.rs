//! What releases say of their kinds beside their versions.

use playon_types::ids::ReleaseId;
use playon_types::kind::{OnDeploy, Policies};
use playon_types::time::Span;

/// When a deploy may move rooms of each kind, and how long they are kept at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manners {
    /// Of the kind `ticking`.
    pub ticking: OnDeploy,
    /// Of the kind `turns`.
    pub turns: OnDeploy,
    /// Of the kind `lossy`.
    pub lossy: OnDeploy,
    /// How long the first release keeps rooms at rest; each one after it longer by as much.
    pub expire: Span,
}

/// How long a deploy waits for the end of a round.
pub const ROUND: OnDeploy = OnDeploy::BetweenRounds { deadline: Span::secs(2) };

impl Default for Manners {
    fn default() -> Self {
        let expire = Policies::default().expire;
        Self { ticking: OnDeploy::Now, turns: ROUND, lossy: OnDeploy::Now, expire }
    }
}

impl Manners {
    /// Of the kind of that name.
    pub fn of(self, kind: &str) -> OnDeploy {
        match kind {
            "ticking" => self.ticking,
            "turns" => self.turns,
            _ => self.lossy,
        }
    }

    /// How long a release keeps rooms at rest.
    pub fn keeps(self, release: ReleaseId) -> Span {
        Span(self.expire.0 * u64::from(release.0[0]))
    }
}
