//! The pages of releases: that of the current one, and what open pages of the last ones may still ask for.

use std::collections::VecDeque;

use playon_types::ids::ReleaseId;
use playon_wire::attach::Asset as Sent;

use crate::gateway::Asset;

/// Releases whose files are kept: a page that is loading, or imports a file later, finds those that it began with.
const SITES_KEPT_MAX: usize = 4;

/// The files for browsers of the last releases, the one that was served or attached last in front.
#[derive(Debug, Default)]
pub(crate) struct Sites(VecDeque<(ReleaseId, Vec<Asset>)>);

impl Sites {
    /// A worker of a release brings its files. They are not served yet.
    pub(crate) fn add(&mut self, release: ReleaseId, assets: impl IntoIterator<Item = Sent>) {
        let asset = |sent: Sent| Asset { path: sent.path, mime: sent.mime, body: sent.bytes };
        let assets: Vec<Asset> = assets.into_iter().map(asset).collect();
        match self.0.iter_mut().find(|(of, _)| *of == release) {
            Some((_, held)) => *held = assets,
            None => self.0.push_front((release, assets)),
        }
        self.0.truncate(SITES_KEPT_MAX);
    }

    /// The files of a release, and after them those of others that lie under paths which it does not have.
    pub(crate) fn layers(&mut self, current: ReleaseId) -> Option<(Vec<Asset>, Vec<Asset>)> {
        let at = self.0.iter().position(|(of, _)| *of == current)?;
        let found = self.0.remove(at)?;
        self.0.push_front(found);
        let mut sites = self.0.iter().map(|(_, assets)| assets);
        let own = sites.next()?.clone();
        let mut former: Vec<Asset> = Vec::new();
        for asset in sites.flatten() {
            let plain = |path: &str| path.trim_start_matches('/').to_owned();
            let path = plain(&asset.path);
            let taken = |other: &Asset| plain(&other.path) == path;
            if !own.iter().any(taken) && !former.iter().any(taken) {
                former.push(asset.clone());
            }
        }
        Some((own, former))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, body: &'static str) -> Sent {
        Sent { path: path.into(), mime: String::new(), bytes: bytes::Bytes::from(body) }
    }

    fn paths(assets: &[Asset]) -> Vec<(&str, &[u8])> {
        assets.iter().map(|asset| (asset.path.as_str(), asset.body.as_ref())).collect()
    }

    #[test]
    fn files_of_former_releases_are_found_where_the_current_one_has_none() {
        let release = |n| ReleaseId([n; 32]);
        let mut sites = Sites::default();
        sites.add(release(1), [file("index.html", "1"), file("main-1.js", "a")]);
        sites.layers(release(1)).unwrap();
        sites.add(release(2), [file("/index.html", "2"), file("main-2.js", "b")]);
        let (own, former) = sites.layers(release(2)).unwrap();
        assert_eq!(paths(&own), [("/index.html", b"2".as_slice()), ("main-2.js", b"b")]);
        assert_eq!(paths(&former), [("main-1.js", b"a".as_slice())]);
        for n in 3..=9 {
            sites.add(release(n), [file("index.html", "n")]);
            sites.layers(release(n)).unwrap();
        }
        assert_eq!(sites.0.len(), SITES_KEPT_MAX);
        assert!(sites.layers(release(1)).is_none());
    }
}
