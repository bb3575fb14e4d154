//! The web page of the current release, in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// Bytes of all files of one release together.
pub const SITE_BYTES_MAX: usize = 16 << 20;

/// Files of one release.
pub const SITE_FILES_MAX: usize = 4_096;

/// One file that a release brings along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Where it is served, such as `index.html` or `js/main.js`; a leading slash makes no difference.
    pub path: String,
    /// Its media type; empty to go by the path's ending.
    pub mime: String,
    /// Its content.
    pub body: Bytes,
}

/// Why the files of a release cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SiteError {
    /// A path is not a plain relative one.
    #[error("`{0}` is not a path that can be served")]
    Path(String),
    /// A media type cannot stand in a header.
    #[error("`{0}` is not a media type")]
    Mime(String),
    /// More than [`SITE_BYTES_MAX`] or [`SITE_FILES_MAX`].
    #[error("the files of a release may have {SITE_BYTES_MAX} bytes and number {SITE_FILES_MAX}")]
    TooLarge,
}

/// The files of one release.
#[derive(Debug, Default)]
pub struct Site {
    files: BTreeMap<String, SiteFile>,
}

#[derive(Debug)]
pub(super) struct SiteFile {
    pub(super) mime: http::HeaderValue,
    pub(super) etag: http::HeaderValue,
    pub(super) body: Bytes,
}

impl Site {
    /// Takes the files of a release.
    ///
    /// # Errors
    /// When a path or media type cannot be served, or there is too much of it.
    pub fn new(assets: impl IntoIterator<Item = Asset>) -> Result<Self, SiteError> {
        let mut site = Self { files: BTreeMap::new() };
        let mut bytes = 0;
        for asset in assets {
            bytes += asset.body.len();
            if bytes > SITE_BYTES_MAX || site.files.len() == SITE_FILES_MAX {
                return Err(SiteError::TooLarge);
            }
            let path = asset.path.strip_prefix('/').unwrap_or(&asset.path);
            if path
                .split('/')
                .any(|part| matches!(part, "" | "." | "..") || part.contains(['\\', '\0']))
            {
                return Err(SiteError::Path(asset.path));
            }
            site.files.insert(path.to_owned(), SiteFile::new(path, &asset)?);
        }
        Ok(site)
    }

    /// The file for a request's path: decoded, the index for a folder, nothing but exact matches.
    pub(super) fn find(&self, path: &str) -> Option<&SiteFile> {
        let path = decode(path.strip_prefix('/')?)?;
        match path.is_empty() || path.ends_with('/') {
            true => self.files.get(&format!("{path}index.html")),
            false => self.files.get(&path),
        }
    }
}

impl SiteFile {
    fn new(path: &str, asset: &Asset) -> Result<Self, SiteError> {
        let mime = match asset.mime.as_str() {
            "" => mime_of(path),
            text if text.starts_with("text/") && !text.contains("charset") => {
                &format!("{text}; charset=utf-8")
            }
            other => other,
        };
        let mime = mime.try_into().map_err(|_| SiteError::Mime(asset.mime.clone()))?;
        let hash = Sha256::digest(&asset.body);
        let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let etag = http::HeaderValue::try_from(format!("\"{hex}\""))
            .map_err(|_| SiteError::Path(path.to_owned()))?;
        Ok(Self { mime, etag, body: asset.body.clone() })
    }
}

fn mime_of(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        _ => "application/octet-stream",
    }
}

/// Percent-decodes a path; nothing if it is malformed.
fn decode(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// A shared handle on the files being served. Copies see the same.
#[derive(Clone, Debug, Default)]
pub struct Assets(Arc<RwLock<Arc<Site>>>);

impl Assets {
    /// Serves these files from now on. Requests under way finish with what they began with.
    pub fn set(&self, site: Site) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(site);
    }

    /// What is served now.
    pub fn current(&self) -> Arc<Site> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset(path: &str) -> Asset {
        Asset {
            path: path.into(),
            mime: String::new(),
            body: Bytes::copy_from_slice(path.as_bytes()),
        }
    }

    #[test]
    fn only_what_is_there_is_found() {
        let site = Site::new(["/index.html", "js/a b.js", "sub/index.html"].map(asset)).unwrap();
        let found = |path: &str| site.find(path).map(|file| file.body.clone());
        for (path, body) in [
            ("/", "/index.html"),
            ("/index.html", "/index.html"),
            ("/js/a%20b.js", "js/a b.js"),
            ("/sub/", "sub/index.html"),
        ] {
            assert_eq!(found(path), Some(Bytes::from(body)), "{path}");
        }
        for path in [
            "",
            "/sub",
            "/../index.html",
            "/%2e%2e/index.html",
            "//index.html",
            "/x%",
            "/x%zz",
            "/%ff",
        ] {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn strange_paths_and_types_are_refused() {
        for path in ["", "/", "../x", "a/../b", "a//b", "a\\b", "./a", "a/"] {
            assert_eq!(
                Site::new([asset(path)]).unwrap_err(),
                SiteError::Path(path.into()),
                "{path}"
            );
        }
        let odd = Asset { mime: "a\nb".into(), ..asset("x") };
        assert_eq!(Site::new([odd]).unwrap_err(), SiteError::Mime("a\nb".into()));
        let large = Asset { body: vec![0; SITE_BYTES_MAX + 1].into(), ..asset("x") };
        assert_eq!(Site::new([large]).unwrap_err(), SiteError::TooLarge);
    }
}
