//! Releases: how they get their labels and how they are kept.

use playon_store::ReleaseRow;
use playon_types::ids::ReleaseId;
use playon_types::ply;
use playon_types::record::{DeployPhase, DeployRecord};

use crate::control::catalog::ReleaseEntry;
use crate::control::thread::Control;
use crate::control::views::ReleaseView;
use crate::data::artifacts::Artifact;
use crate::error::{Coded, store_error};
use crate::time::clock::wall_ms;

/// Characters of a label.
const LABEL_CHARS_MAX: usize = 64;

/// Whether a release may be called so.
///
/// # Errors
/// When it may not (`PLY-0509`).
pub fn check_label(label: &str) -> Result<(), Coded> {
    let fits = !label.is_empty() && label.chars().count() <= LABEL_CHARS_MAX;
    let plain = label.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+".contains(c));
    if fits && plain {
        return Ok(());
    }
    let remedy = "use up to 64 letters, digits and - _ . +";
    Err(Coded::new(ply!("PLY-0509"), format!("{label:?} is not a label"), remedy))
}

impl Control {
    /// Adds a release. A known one keeps its label. An executable that becomes no release is deleted.
    pub(crate) fn add_release(
        &mut self,
        artifact: &Artifact,
        label: Option<String>,
        hint: Option<&str>,
    ) -> Result<ReleaseView, Coded> {
        let added = self.add_named(artifact, label, hint);
        if added.is_err() && !self.catalog().releases.contains_key(&artifact.id) {
            // Somebody else may have uploaded the same and been refused before.
            let _ = self.setup.artifacts.remove(artifact.id);
        }
        added
    }

    fn add_named(
        &mut self,
        artifact: &Artifact,
        label: Option<String>,
        hint: Option<&str>,
    ) -> Result<ReleaseView, Coded> {
        if self.setup.artifacts.path(artifact.id).is_none() {
            let message = "the executable was deleted before it became a release";
            return Err(Coded::new(ply!("PLY-0513"), message, "upload the release again"));
        }
        let known = self.catalog().releases.get(&artifact.id).map(|entry| entry.row.label.clone());
        let mut former = None;
        let label = match (label, known) {
            (Some(label), Some(known)) if label != known => {
                let message = format!("this executable is the release {known} already");
                let remedy = "deploy it under that label, or build it anew";
                return Err(Coded::new(ply!("PLY-0535"), message, remedy));
            }
            (Some(label), _) => {
                check_label(&label)?;
                former = self.take_label(&label, artifact.id)?;
                label
            }
            (None, Some(known)) => known,
            (None, None) => self.make_label(artifact.id, hint),
        };
        let kept = self.keep_release(artifact.id, label, true)?;
        let stored = self.catalog().stored_by_age();
        self.director.handle_upload(artifact.id, stored);
        self.drain();
        Ok(ReleaseView { label_was_of: former, ..kept })
    }

    /// Makes sure that no other release has the label. One that never ran a room gives it up: whoever mends what was refused
    /// calls it what it was to be called. What that one is called from now on.
    fn take_label(&self, label: &str, id: ReleaseId) -> Result<Option<String>, Coded> {
        let Some(holder) = self.holder(label).filter(|holder| *holder != id) else {
            return Ok(None);
        };
        if !self.never_ran(holder) {
            let message = format!("the label {label} belongs to another release");
            return Err(Coded::new(ply!("PLY-0510"), message, "choose another label with --label"));
        }
        let renamed = self.keep_release(holder, self.make_label(holder, None), false)?.label;
        tracing::info!(
            release = label,
            renamed,
            "the label passes on from a release that never ran a room"
        );
        Ok(Some(renamed))
    }

    /// Whether a release was refused each time that it was deployed, and there is nothing of it but its executable.
    fn never_ran(&self, id: ReleaseId) -> bool {
        let catalog = self.catalog();
        let Some(added_ms) = catalog.releases.get(&id).map(|entry| entry.row.added_ms) else {
            return false;
        };
        let records = || catalog.deploys.values().map(|deploy| &deploy.record);
        // Earlier deploys may be forgotten; none of it can be older than it is.
        let all_known = catalog
            .deploys
            .first_key_value()
            .is_some_and(|(first, deploy)| first.0 == 1 || deploy.started_ms <= added_ms);
        let mut tries = records().filter(|record| record.to == id).peekable();
        let tried = tries.peek().is_some();
        let refused = tries.all(|record| record.phase.is_final() && !record.took_effect());
        // What began to move rooms may have got new ones.
        let reverted = |record: &DeployRecord| record.phase == DeployPhase::Reverted;
        let rooms_known = catalog.recovered || records().filter(|r| r.to == id).all(reverted);
        let left = records().any(|record| record.from == Some(id));
        let live = catalog.rooms.values().any(|room| room.listing.release == id);
        let idle = catalog.current != Some(id) && !left && !live;
        drop(catalog);
        let rests = || self.rest_groups().is_some_and(|all| all.iter().all(|g| g.release != id));
        all_known && tried && refused && rooms_known && idle && rests()
    }

    /// The release that has the label.
    fn holder(&self, label: &str) -> Option<ReleaseId> {
        let catalog = self.catalog();
        let holder = catalog.releases.values().find(|entry| entry.row.label == label);
        holder.map(|entry| entry.row.id)
    }

    /// The hint, with a number if it is taken; without a hint the beginning of the hash.
    fn make_label(&self, id: ReleaseId, hint: Option<&str>) -> String {
        let cleaned: String = hint
            .unwrap_or_default()
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || "-_.+".contains(*c))
            .take(LABEL_CHARS_MAX - 8)
            .collect();
        let base = if cleaned.is_empty() { id.to_string()[..12].to_owned() } else { cleaned };
        let free = |label: &String| self.holder(label).is_none_or(|holder| holder == id);
        let numbered = (2..10_000).map(|n| format!("{base}-{n}"));
        std::iter::once(base.clone()).chain(numbered).find(free).unwrap_or_else(|| id.to_string())
    }

    /// Stores a release and puts it into the catalog.
    pub(crate) fn keep_release(
        &self,
        id: ReleaseId,
        label: String,
        stored: bool,
    ) -> Result<ReleaseView, Coded> {
        let known = self.catalog().releases.get(&id).map(|entry| entry.row.clone());
        let added_ms = known.as_ref().map_or_else(wall_ms, |row| row.added_ms);
        let row = ReleaseRow { id, label, added_ms };
        if known.as_ref() != Some(&row) {
            self.setup.releases.put_release(row.clone()).map_err(|error| store_error(&error))?;
        }
        self.setup.labels.set(id, row.label.clone());
        let mut catalog = self.catalog_mut();
        let entry = catalog.releases.entry(id).or_insert_with(|| ReleaseEntry {
            row: row.clone(),
            stored,
            kinds: Vec::new(),
        });
        entry.row = row;
        entry.stored |= stored;
        catalog
            .release(id)
            .ok_or_else(|| crate::error::system("a release vanished", "this is a bug"))
    }

    /// A worker that the keeper did not start may run a release that the keeper has never seen.
    pub(crate) fn keep_external(&self, id: ReleaseId, label: &str) {
        if self.catalog().releases.contains_key(&id) {
            return;
        }
        let label = self.make_label(id, Some(label));
        if let Err(error) = self.keep_release(id, label, false) {
            tracing::error!(%error, "an external release is not stored");
        }
    }
}
