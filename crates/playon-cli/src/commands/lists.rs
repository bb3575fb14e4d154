//! Commands that show something: `releases`, `rooms`, `room`, and the two that change little: `close`, `drain`.

use clap::Args;
use playon_keeper::control::{ReleaseView, RoomView, StatusView};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::admin::{AdminClient, block_on};
use super::exit::Exit;
use super::locate::KeeperAddress;
use super::query::encode;
use super::{asleep, status, talk};

/// Where to look and how to print.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keeper: KeeperAddress,
}

impl ListArgs {
    pub(super) fn admin(&self) -> Result<AdminClient, Exit> {
        Ok(AdminClient::new(self.keeper.door()?))
    }

    fn get<T: DeserializeOwned + Serialize>(
        &self,
        path: &str,
        print: impl FnOnce(&T) -> Result<(), Exit>,
    ) -> Result<(), Exit> {
        let found: T = block_on(self.admin()?.get(path))?;
        self.show(&found, print)
    }

    pub(super) fn show<T: Serialize>(
        &self,
        found: &T,
        print: impl FnOnce(&T) -> Result<(), Exit>,
    ) -> Result<(), Exit> {
        if self.json { talk::json(found) } else { print(found) }
    }
}

/// List the releases.
#[derive(Debug, Args)]
pub(super) struct Releases {
    #[command(flatten)]
    look: ListArgs,
}

impl Releases {
    pub(super) fn run(&self) -> Result<(), Exit> {
        self.look.get("/v1/releases", |releases: &Vec<ReleaseView>| {
            let row = |release: &ReleaseView| {
                let kinds: Vec<String> = release
                    .kinds
                    .iter()
                    .map(|kind| format!("{} v{}", kind.name, kind.writes))
                    .collect();
                vec![
                    if release.current { "*".to_owned() } else { String::new() },
                    release.label.clone(),
                    release.id[..12].to_owned(),
                    release.workers.to_string(),
                    release.rooms.to_string(),
                    kinds.join(", "),
                ]
            };
            let rows: Vec<_> = releases.iter().map(row).collect();
            talk::table(&["", "LABEL", "HASH", "WORKERS", "ROOMS", "KINDS"], &rows)
        })
    }
}

/// List the rooms in memory, or those at rest.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  playon rooms --kind duel
  playon rooms --asleep                rooms at rest in the store, and when each is deleted for its age
  playon rooms --asleep --expired      those that would be deleted now")]
pub(super) struct RoomsArgs {
    /// Rooms at rest in the store instead
    #[arg(long)]
    asleep: bool,
    /// Only rooms at rest that would be deleted now for their age; nothing is deleted by asking
    #[arg(long, requires = "asleep")]
    expired: bool,
    /// Only this kind
    #[arg(long)]
    kind: Option<String>,
    /// Only on this release
    #[arg(long)]
    release: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 1_000)]
    limit: usize,
    #[command(flatten)]
    look: ListArgs,
}

impl RoomsArgs {
    pub(super) fn run(&self) -> Result<(), Exit> {
        let mut filter = String::new();
        for (name, value) in [("kind", &self.kind), ("release", &self.release)] {
            if let Some(value) = value {
                filter.push_str(&format!("&{name}={}", encode(value)));
            }
        }
        if self.asleep {
            let found = asleep::fetch(&self.look.keeper, &filter, self.expired, self.limit)?;
            return self.look.show(&found, |found| asleep::print(found, self.expired));
        }
        let path = format!("/v1/rooms?limit={}{filter}", self.limit);
        self.look.get(&path, |rooms: &Vec<RoomView>| {
            let row = |room: &RoomView| {
                vec![
                    room.id.clone(),
                    room.kind.clone(),
                    room.name.clone(),
                    room.release.clone(),
                    format!("{}/{}", room.players, room.players_max),
                    state(room).to_owned(),
                ]
            };
            let rows: Vec<_> = rooms.iter().map(row).collect();
            talk::table(&["ROOM", "KIND", "NAME", "RELEASE", "PLAYERS", "STATE"], &rows)
        })
    }
}

fn state(room: &RoomView) -> &'static str {
    match (&room.halted, room.live) {
        (Some(_), _) => "halted",
        (None, true) => "live",
        (None, false) if room.at_rest_since_ms.is_some() => "at rest",
        (None, false) => "opening",
    }
}

/// Show one room.
#[derive(Debug, Args)]
pub(super) struct RoomArgs {
    /// Its id
    id: String,
    #[command(flatten)]
    look: ListArgs,
}

impl RoomArgs {
    pub(super) fn run(&self) -> Result<(), Exit> {
        self.look.get(&format!("/v1/rooms/{}", encode(&self.id)), |room: &RoomView| {
            talk::data(&format!("room     {}", room.id))?;
            talk::data(&format!("kind     {}", room.kind))?;
            talk::data(&format!("name     {}", room.name))?;
            talk::data(&format!("release  {}", room.release))?;
            talk::data(&format!("version  {} of the state", room.version))?;
            match room.at_rest_since_ms {
                Some(_) => talk::data(&format!("seats    {}", room.players))?,
                None => talk::data(&format!("players  {} of {}", room.players, room.players_max))?,
            }
            talk::data(&format!("state    {}", room.halted.as_deref().unwrap_or(state(room))))?;
            match &room.last_fault {
                Some(fault) => talk::data(&format!("faults   {}, the last: {fault}", room.faults)),
                None => Ok(()),
            }
        })
    }
}

/// End a room for good, also a halted one or one at rest.
///
/// Its players are sent away (4903), and what is stored of it is deleted. There is no way back.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  playon rooms
  playon close 5f0c64f9d1f24a3d8c1e5b7a90d2e613")]
pub(super) struct CloseArgs {
    /// Its id
    id: String,
    #[command(flatten)]
    look: ListArgs,
}

impl CloseArgs {
    pub(super) fn run(&self) -> Result<(), Exit> {
        let path = format!("/v1/rooms/{}", encode(&self.id));
        let room: RoomView = block_on(self.look.admin()?.delete(&path))?;
        self.look.show(&room, |room| talk::data(&format!("room {} is closed", room.id)))
    }
}

/// Take no new rooms from now on.
#[derive(Debug, Args)]
pub(super) struct Drain {
    #[command(flatten)]
    look: ListArgs,
}

impl Drain {
    pub(super) fn run(&self) -> Result<(), Exit> {
        let nothing = serde_json::json!({});
        let status: StatusView = block_on(self.look.admin()?.post("/v1/drain", &nothing))?;
        self.look.show(&status, status::print)
    }
}
