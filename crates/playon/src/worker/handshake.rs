//! What a worker says about itself when it attaches.

use std::collections::BTreeSet;

use bytes::Bytes;
use playon_wire::attach::{
    ASSETS_BYTES_MAX, ASSETS_MAX, ATTACH_PROTOCOL, Asset, DEFECTS_MAX, KINDS_MAX, LinkSecret,
    WorkerHello,
};

use super::guard;
use crate::App;
use crate::check::Tried;
use crate::kind::Kind;

/// Bytes of a kind's name.
const KIND_BYTES_MAX: usize = 64;

/// What the start of a worker finds out about its release.
#[derive(Default)]
pub(super) struct Findings {
    /// Everything that keeps this release from being served, one line each.
    pub(super) defects: Vec<String>,
    /// What could not be found out, one line each.
    pub(super) notes: Vec<String>,
}

pub(super) fn hello(app: &App, secret: LinkSecret, mut defects: Vec<String>) -> WorkerHello {
    let kinds = app.kinds();
    defects.truncate(DEFECTS_MAX);
    WorkerHello {
        protocol: ATTACH_PROTOCOL,
        secret,
        app: app.name().to_owned(),
        label: app.name_of_release().to_owned(),
        pid: std::process::id(),
        kinds: kinds.iter().take(KINDS_MAX).map(|kind| kind.info()).collect(),
        assets: if assets_fit(app) { assets(app) } else { Vec::new() },
        defects,
    }
}

fn assets(app: &App) -> Vec<Asset> {
    app.files()
        .iter()
        .map(|file| Asset {
            path: file.path.trim_start_matches('/').to_owned(),
            mime: file.mime.to_owned(),
            bytes: Bytes::from_static(file.bytes),
        })
        .collect()
}

fn assets_fit(app: &App) -> bool {
    let bytes: usize = app.files().iter().map(|file| file.bytes.len()).sum();
    app.files().len() <= ASSETS_MAX && bytes <= ASSETS_BYTES_MAX
}

/// Looks at a release before it is served; `unwinds` says how it was built.
pub(super) fn examine(app: &App, unwinds: bool) -> Findings {
    let mut found = Findings::default();
    let mut defect = |text: String| found.defects.push(text);
    if !assets_fit(app) {
        defect(format!(
            "PLY-0438 more than {ASSETS_MAX} assets, or more than {ASSETS_BYTES_MAX} bytes of them"
        ));
    }
    if app.kinds().is_empty() || app.kinds().len() > KINDS_MAX {
        defect(format!("PLY-0438 an app has 1 to {KINDS_MAX} kinds of rooms"));
    }
    if !unwinds {
        defect(
            "PLY-0447 it is built with `panic = \"abort\"`: a panic in one room would end all of them"
                .to_owned(),
        );
    }
    let mut names = BTreeSet::new();
    for kind in app.kinds() {
        let name = kind.info().name;
        if !well_named(&name) {
            defect(format!("PLY-0438 `{name}` is no name for a kind: [a-z0-9_-], 1 to 64 bytes"));
        }
        if !names.insert(name.clone()) {
            defect(format!("PLY-0438 two kinds are called `{name}`"));
        }
        let Tried { defect: trouble, untried } = try_out(&**kind);
        trouble.into_iter().for_each(|trouble| defect(trouble.to_string()));
        found.notes.extend(untried.map(|what| {
            format!("PLY-0448 the state of kind `{name}` could not be tried in full: {what}")
        }));
    }
    found
}

fn well_named(name: &str) -> bool {
    (1..=KIND_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

/// A type that cannot cope with made-up contents is judged later, by its first real room.
fn try_out(kind: &dyn Kind) -> Tried {
    guard::guard(|| kind.try_out()).unwrap_or_else(|panicked| Tried {
        defect: None,
        untried: Some(format!("it panics over made-up contents: {}", panicked.message)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_that_cannot_catch_a_panic_has_a_defect() {
        let defects = |unwinds| examine(&crate::app("game"), unwinds).defects;
        let [none, abort] = &defects(false)[..] else { panic!("{:?}", defects(false)) };
        assert!(none.starts_with("PLY-0438"), "{none}");
        assert!(abort.starts_with("PLY-0447 it is built with `panic = \"abort\"`"), "{abort}");
        assert_eq!(&defects(true), std::slice::from_ref(none));
    }
}
