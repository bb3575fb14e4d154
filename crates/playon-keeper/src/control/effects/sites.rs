//! The page of the current release, served.

use playon_types::ids::ReleaseId;

use crate::control::thread::Control;
use crate::gateway::Site;

impl Control {
    /// From now on this release's page is the one.
    pub(crate) fn serve_site(&mut self, release: ReleaseId) {
        let Some((own, former)) = self.sites.layers(release) else { return };
        let label = self.catalog().label(release);
        // Former files are a courtesy: without room for all of them there are none.
        let whole = Site::new(own.iter().chain(&former).cloned());
        match whole.or_else(|_| Site::new(own)) {
            Ok(site) => self.setup.assets.set(site),
            Err(error) => {
                tracing::error!(release = label, %error, "the release's page cannot be served")
            }
        }
    }
}
