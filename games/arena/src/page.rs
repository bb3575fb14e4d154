//! The page that a release brings along.

use playon::Asset;

const JS: &str = "text/javascript; charset=utf-8";

/// Everything a browser needs to play.
pub const ASSETS: &[Asset] = &[
    Asset::new("/index.html", "text/html; charset=utf-8", include_bytes!("../page/index.html")),
    Asset::new("/style.css", "text/css; charset=utf-8", include_bytes!("../page/style.css")),
    Asset::new("/arena.js", JS, include_bytes!("../page/arena.js")),
    Asset::new("/controls.js", JS, include_bytes!("../page/controls.js")),
    Asset::new("/demo.js", JS, include_bytes!("../page/demo.js")),
    Asset::new("/hud.js", JS, include_bytes!("../page/hud.js")),
    Asset::new("/probe.js", JS, include_bytes!("../page/probe.js")),
    Asset::new("/scene.js", JS, include_bytes!("../page/scene.js")),
    Asset::new("/shapes.js", JS, include_bytes!("../page/shapes.js")),
    Asset::new("/sound.js", JS, include_bytes!("../page/sound.js")),
    Asset::new("/sparks.js", JS, include_bytes!("../page/sparks.js")),
    Asset::new("/timeline.js", JS, include_bytes!("../page/timeline.js")),
    Asset::new("/playon.js", JS, include_bytes!("../../../clients/typescript/dist/playon.js")),
];
