//! Write a multiplayer game that stays up while you deploy it.

mod app;
mod check;
mod cx;
mod envelope;
mod hidden;
mod kind;
mod live;
mod player;
mod policies;
mod refusal;
mod rng;
mod room;
pub mod testing;
mod versions;
pub mod worker;

pub use app::{App, Asset, app};
pub use cx::Cx;
pub use player::{Player, PlayerId};
pub use policies::{OnDeploy, Policies, Survives};
pub use refusal::Refusal;
pub use rng::{Number, Rng};
pub use room::Room;
pub use versions::Versions;
