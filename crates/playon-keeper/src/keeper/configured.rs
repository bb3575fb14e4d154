//! The releases that the configuration names.

use std::time::{Duration, Instant};

use playon_types::ids::ReleaseId;
use tokio::sync::oneshot;

use super::Keeper;
use crate::config::{KeeperConfig, ReleaseFile};
use crate::error::{Coded, system};
use crate::messages::{FromOperator, ToControl};

impl Keeper {
    /// Adds the releases of the configuration; the last becomes current if none is yet. A keeper that has releases already
    /// goes on with those if a file is not what it was: whoever rebuilt it deploys it.
    pub(super) fn add_releases(&self, config: &KeeperConfig) -> Result<(), Coded> {
        let mut last = None;
        for file in &config.releases {
            match self.add_configured(file) {
                Ok(id) => last = Some(id),
                Err(error) if self.handle.catalog().current().is_some() => {
                    let (path, code) = (file.path.display(), "PLY-0536");
                    tracing::warn!(%path, %error, code, "a release of the configuration is not what it was and is left out");
                }
                Err(error) => return Err(error),
            }
        }
        let undecided = self.handle.catalog().current().is_none();
        match last.filter(|_| undecided) {
            Some(id) => self
                .ask(|reply| FromOperator::Deploy { release: id.to_string(), now: true, reply })
                .map(|_| ()),
            None => Ok(()),
        }
    }

    fn add_configured(&self, file: &ReleaseFile) -> Result<ReleaseId, Coded> {
        let artifact = self.handle.artifacts.add_file(&file.path)?;
        let id = artifact.id;
        let hint = file.path.file_name().map(|name| name.to_string_lossy().into_owned());
        let label = file.label.clone();
        self.ask(|reply| FromOperator::AddRelease { artifact, label, hint, reply })?;
        Ok(id)
    }

    /// Asks the control thread and waits, on whatever thread this is.
    fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, Coded>>) -> FromOperator,
    ) -> Result<T, Coded> {
        let stopping = || system("the control thread", "it has ended");
        let (reply, mut answer) = oneshot::channel();
        self.handle.news.send(ToControl::Operator(request(reply))).map_err(|_| stopping())?;
        let until = Instant::now() + self.stop_timeout;
        loop {
            match answer.try_recv() {
                Ok(answer) => return answer,
                Err(oneshot::error::TryRecvError::Closed) => return Err(stopping()),
                Err(oneshot::error::TryRecvError::Empty) if Instant::now() >= until => {
                    return Err(system("the control thread", "it does not answer"));
                }
                Err(oneshot::error::TryRecvError::Empty) => {
                    std::thread::sleep(Duration::from_millis(1))
                }
            }
        }
    }
}
