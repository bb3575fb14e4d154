use arena::page::ASSETS;

/// What the files of the page refer to: module imports, the style sheet and the script.
fn references() -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for asset in ASSETS.iter().filter(|asset| asset.path != "/playon.js") {
        let text = std::str::from_utf8(asset.bytes).expect("the page is text");
        for mark in [" from \"./", "href=\"", "src=\""] {
            for rest in text.split(mark).skip(1) {
                let target = rest.split('"').next().unwrap_or_default();
                if !target.starts_with("data:") && !target.starts_with('?') {
                    found.push((asset.path, format!("/{target}")));
                }
            }
        }
    }
    found
}

#[test]
fn whatever_the_page_refers_to_is_shipped() {
    let references = references();
    assert!(references.len() > 10, "{references:?}");
    for (from, to) in references {
        assert!(ASSETS.iter().any(|asset| asset.path == to), "{from} refers to {to}");
    }
}

#[test]
fn nothing_is_shipped_twice_or_empty() {
    for (at, asset) in ASSETS.iter().enumerate() {
        assert!(!asset.bytes.is_empty(), "{}", asset.path);
        assert!(ASSETS[..at].iter().all(|other| other.path != asset.path), "{}", asset.path);
    }
}
