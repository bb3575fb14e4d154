//! Deploys and ways back, as somebody asks for them.

use playon_core::deploy::{DeployRefusal, DeployWish, Taken, WayBack};
use playon_types::ids::ReleaseId;
use playon_types::ply;
use playon_types::record::Course;

use crate::control::thread::Control;
use crate::control::views::{DeployAnswer, WayBackView};
use crate::error::Coded;

fn no_way_back(why: &str) -> Coded {
    let remedy =
        "`playon rollback --to R` or `playon deploy R` takes the rooms to the release you want";
    Coded::new(ply!("PLY-0512"), format!("there is no release to go back to: {why}"), remedy)
}

impl Control {
    pub(crate) fn deploy_release(
        &mut self,
        release: &str,
        now: bool,
    ) -> Result<DeployAnswer, Coded> {
        let to = self.named(release)?;
        self.deploy(DeployWish { to, at_once: now, course: Course::Forward })
    }

    fn named(&self, release: &str) -> Result<ReleaseId, Coded> {
        self.catalog().find_release(release).ok_or_else(|| {
            let remedy = "`playon releases` lists what there is";
            Coded::new(ply!("PLY-0511"), format!("there is no release {release}"), remedy)
        })
    }

    /// What a rollback would do now.
    pub(crate) fn way_back(&self) -> Result<WayBackView, Coded> {
        let WayBack { undoes, from, to } =
            self.director.way_back().ok_or_else(|| no_way_back(self.why_no_way()))?;
        let catalog = self.catalog();
        let (from, to) = (catalog.label(from), catalog.label(to));
        let deploy = catalog.deploy(undoes);
        let what = deploy.map_or_else(String::new, |deploy| {
            let (kind, phase, moved) = (deploy.kind, deploy.phase, deploy.rooms_moved);
            format!(": undoes the {kind} {undoes} to {from} ({phase}, {moved} rooms moved)")
        });
        let note = format!("{from} -> {to}{what}");
        Ok(WayBackView { undoes: undoes.0, from, to, note })
    }

    fn why_no_way(&self) -> &'static str {
        let last = self.director.deploy().filter(|deploy| deploy.course == Course::Rescue);
        match last {
            Some(_) => "the keeper has gone back by itself",
            None => "no deploy has taken effect",
        }
    }

    /// To the release that was named, or else to where rooms were before the last deploy that took effect.
    pub(crate) fn rollback(&mut self, to: Option<&str>, now: bool) -> Result<DeployAnswer, Coded> {
        let to = match to {
            Some(release) => self.named(release)?,
            None => {
                let way = self.director.way_back();
                way.ok_or_else(|| no_way_back(self.why_no_way()))?.to
            }
        };
        self.deploy(DeployWish { to, at_once: now, course: Course::Back })
    }

    fn deploy(&mut self, wish: DeployWish) -> Result<DeployAnswer, Coded> {
        let label = self.catalog().label(wish.to);
        let stored = self.setup.artifacts.path(wish.to).is_some();
        let attached = self.catalog().workers.values().any(|worker| worker.release == wish.to);
        if !stored && !attached {
            let message =
                format!("the executable of {label} is gone and no worker of it is attached");
            return Err(Coded::new(ply!("PLY-0513"), message, "upload the release again"));
        }
        match self.begin_deploy(wish) {
            Ok(taken) => {
                let deploy = self.catalog().deploy(taken.id());
                let joined = matches!(taken, Taken::Joined(_));
                let note = match (&deploy, wish.course) {
                    (Some(going), _) if joined => {
                        format!("{} {} to {label} is under way already", going.kind, going.id)
                    }
                    (_, Course::Forward) => format!("deploying {label}"),
                    (_, Course::Back | Course::Rescue) => format!("going back to {label}"),
                };
                Ok(DeployAnswer { deploy, note, joined })
            }
            Err(DeployRefusal::NoWayBack) => Err(no_way_back(self.why_no_way())),
            Err(DeployRefusal::NoChange) => {
                let retried = self.retry(wish.to);
                let note = if retried {
                    format!("{label} is current already: its workers are started again now")
                } else {
                    format!("PLY-0301 {label} is current already: nothing to do")
                };
                Ok(DeployAnswer { deploy: None, note, joined: false })
            }
        }
    }

    pub(crate) fn begin_deploy(&mut self, wish: DeployWish) -> Result<Taken, DeployRefusal> {
        let taken = self.director.handle_deploy(self.setup.clock.now(), wish)?;
        self.drain();
        self.retry(wish.to);
        Ok(taken)
    }
}
