//! Many rooms that hold bytes.

use std::net::SocketAddr;

use crate::game::{BLOB, Size};
use crate::load::open;
use crate::player::{Player, Wish};

/// Bytes of a usual room.
pub(crate) const USUAL_BYTES: usize = 2 << 10;

async fn join(players: SocketAddr, number: usize, bytes: usize) -> anyhow::Result<Player> {
    let (name, params) = (format!("{bytes}-{number}"), serde_json::to_string(&Size { bytes })?);
    Player::join(players, &Wish { kind: BLOB, name: &name, params: &params, ..Wish::default() })
        .await
}

/// Makes rooms and leaves a player in each.
pub(super) async fn inhabited(
    players: SocketAddr,
    count: usize,
    bytes: usize,
) -> anyhow::Result<Vec<Player>> {
    open(count, move |number| join(players, number, bytes)).await
}

/// Makes rooms that nobody is in; their numbers begin with `first`.
pub(crate) async fn empty(
    players: SocketAddr,
    first: usize,
    count: usize,
    bytes: usize,
) -> anyhow::Result<()> {
    let visit =
        move |number| async move { join(players, first + number, bytes).await?.leave().await };
    open(count, visit).await.map(drop)
}
