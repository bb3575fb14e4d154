//! `drill disk`: the disk under the keeper fills up, fails to sync or becomes read-only, in steady play and in the middle of deploys.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use playon_types::code::Code;

use super::faults::FaultInjector;
use super::socket::{BotSocket, SocketEnd};

/// A keeper that cannot store anything must have ended within that time.
const END_TIMEOUT: Duration = Duration::from_secs(20);
/// What players are told by a keeper that ends: come back (`Close::Restarting`).
const COME_BACK: SocketEnd = SocketEnd::Closed(4000);
/// A keeper that was started on a disk that is read-only, in the account of ends.
const REFUSED: &str = "keeper started on a read-only disk";

/// What goes wrong with the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DiskTrouble {
    Full,
    SyncFails,
    ReadOnly,
}

impl DiskTrouble {
    /// In this order, again and again; every second time in the middle of a deploy.
    const fn of(turn: u64) -> Self {
        match turn % 3 {
            0 => Self::Full,
            1 => Self::SyncFails,
            _ => Self::ReadOnly,
        }
    }

    /// The keeper under it, in the account of ends.
    const fn keeper(self) -> &'static str {
        match self {
            Self::Full => "keeper, disk full",
            Self::SyncFails => "keeper, disk sync-fails",
            Self::ReadOnly => "keeper, disk read-only",
        }
    }

    /// Also what the fault library calls it.
    const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::SyncFails => "sync-fails",
            Self::ReadOnly => "read-only",
        }
    }
}

impl FaultInjector<'_> {
    /// Breaks the disk, sees to it that the keeper ends as it should, mends the disk and starts the keeper again.
    pub(super) async fn break_disk(&mut self, turn: u64) -> anyhow::Result<()> {
        let wrong = DiskTrouble::of(turn);
        let log_begin = self.log().await?.len();
        let onlooker = self.onlooker().await?;
        let onlooker = tokio::spawn(onlooker);
        let deploy = if turn.is_multiple_of(2) { None } else { self.order().await? };
        if deploy.is_some() {
            tokio::time::sleep(self.while_deploying()).await;
        }
        self.set_wrong(wrong)?;
        let status = self.keeper.ended(END_TIMEOUT).await?;
        let Some(status) = status else {
            self.set_right(wrong)?;
            onlooker.abort();
            let name = wrong.name();
            self.done.wrong.push(format!("disk {name}: the keeper goes on as if nothing were"));
            return match deploy {
                Some(deploy) => self.finish(deploy.id).await,
                None => Ok(()),
            };
        };
        let told = onlooker.await.context("the onlooker")?;
        let said = self.log().await?.split_off(log_begin);
        self.judge_end(wrong, status.code(), &said, told);
        self.refuse_read_only(wrong).await?;
        self.set_right(wrong)?;
        self.keeper.launch.through = self.through(DiskTrouble::of(turn + 1))?;
        self.keeper.restart().await.context("the keeper on a mended disk")?;
        self.until_ready().await?;
        match deploy {
            Some(deploy) => self.finish(deploy.id).await.context("the keeper on a mended disk"),
            None => Ok(()),
        }
    }

    /// A player in a room of its own, who hears with what its socket is closed.
    async fn onlooker(&self) -> anyhow::Result<impl Future<Output = SocketEnd> + Send + 'static> {
        let mut socket = BotSocket::open(self.keeper.players_at(), None).await?;
        let room = format!("{}-onlooker", self.room_name(0));
        let end = match socket.hello(self.args.kind(), &room).await {
            // The welcome.
            Ok(()) => socket.next().await.err(),
            Err(end) => Some(end),
        };
        Ok(async move {
            match end {
                Some(end) => end,
                None => socket.end().await,
            }
        })
    }

    /// The end must be an error with a code of the store, and players must have been told.
    fn judge_end(&mut self, wrong: DiskTrouble, status: Option<i32>, said: &str, told: SocketEnd) {
        let name = wrong.name();
        let code = Code::all_in(said).find(|code| code.is_of_store());
        let end = (wrong.keeper(), named(code));
        *self.done.ends.entry(end).or_default() += 1;
        let mut broken = |what: String| self.done.wrong.push(format!("disk {name}: {what}"));
        if status != Some(1) {
            broken(format!("the keeper ended with {status:?}, promised is 1"));
        }
        if code.is_none() {
            broken(format!("the keeper said no code of the store: {said}"));
        }
        if told != COME_BACK {
            broken(format!("a player's socket ended with {told}, promised is {COME_BACK}"));
        }
    }

    /// A keeper must not begin on a disk that it cannot write to.
    async fn refuse_read_only(&mut self, wrong: DiskTrouble) -> anyhow::Result<()> {
        let Some(medium) = self
            .gear
            .medium
            .as_ref()
            .filter(|medium| wrong == DiskTrouble::ReadOnly && medium.can_be_read_only())
        else {
            return Ok(());
        };
        let log_begin = self.log().await?.len();
        medium.set_read_only(true)?;
        let status = self.keeper.try_restart(END_TIMEOUT).await?;
        medium.set_read_only(false)?;
        let said = self.log().await?.split_off(log_begin);
        let code = Code::all_in(&said).next();
        *self.done.ends.entry((REFUSED, named(code))).or_default() += 1;
        if status.is_none_or(|status| status.code() != Some(1)) || code.is_none() {
            let wrong = format!("a keeper on a read-only disk ended with {status:?}: {said}");
            self.done.wrong.push(wrong);
        }
        Ok(())
    }

    fn set_wrong(&self, wrong: DiskTrouble) -> anyhow::Result<()> {
        match (wrong, &self.gear.medium) {
            (DiskTrouble::Full, Some(medium)) => medium.fill(self.keeper.pid()),
            _ => std::fs::write(self.switch(), b"").context("breaking the disk"),
        }
    }

    fn set_right(&self, wrong: DiskTrouble) -> anyhow::Result<()> {
        match (wrong, &self.gear.medium) {
            (DiskTrouble::Full, Some(medium)) => medium.make_room(),
            _ => std::fs::remove_file(self.switch()).context("mending the disk"),
        }
    }

    /// The file whose existence breaks the disk.
    fn switch(&self) -> PathBuf {
        self.gear.scratch.join("broken")
    }

    /// What stands in front of the keeper's command line, so that this can go wrong with its disk.
    fn through(&self, wrong: DiskTrouble) -> anyhow::Result<Vec<OsString>> {
        if let (DiskTrouble::Full, Some(medium)) = (wrong, &self.gear.medium) {
            return Ok(medium.through());
        }
        let shim = super::beside("playon-drill-shim")?;
        let library = self.gear.scratch.join("faults.so");
        let paths = [shim, library, self.keeper.launch.data.clone(), self.switch()];
        Ok(paths.into_iter().map(OsString::from).chain([wrong.name().into()]).collect())
    }

    async fn log(&self) -> anyhow::Result<String> {
        Ok(tokio::fs::read_to_string(&self.keeper.launch.log).await?)
    }
}

/// As it stands in the account of ends.
fn named(code: Option<Code>) -> String {
    code.map_or_else(|| "no code".to_owned(), |code| code.to_string())
}
