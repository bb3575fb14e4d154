//! What the player port says to plain HTTP: the upgrade at `/play`, pages, and whether it is alive.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::config::Origins;
use super::local::Local;
use super::stats::{HelloRefusal, StatsSlot};

/// The body of a reply.
pub type ReplyBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// A reply.
pub type Reply = Response<ReplyBody>;

/// Answers requests below `/demo`; where it returns nothing the reply is 404.
pub type Extra = Arc<
    dyn Fn(Request<Incoming>) -> Option<Pin<Box<dyn Future<Output = Reply> + Send>>> + Send + Sync,
>;

/// Where players connect.
const PLAY: &str = "/play";

/// A place for a player, left here by the request that was granted an upgrade.
pub(super) type Granted = Rc<RefCell<Option<StatsSlot>>>;

type Answer = Pin<Box<dyn Future<Output = Result<Reply, Infallible>>>>;

/// Answers one request.
pub(super) fn answer(local: &Local, granted: &Granted, request: Request<Incoming>) -> Answer {
    let path = request.uri().path();
    if path == PLAY {
        let reply = upgrade(local, &request).map(|(reply, slot)| {
            granted.replace(Some(slot));
            reply
        });
        return Box::pin(done(reply.unwrap_or_else(HttpRefusal::into_reply)));
    }
    local.stats().requests.add(1);
    if let Some(extra) = &local.shared.parts.extra
        && (path == "/demo" || path.starts_with("/demo/"))
    {
        return match extra(request) {
            Some(reply) => Box::pin(async { Ok(reply.await) }),
            None => Box::pin(done(text(StatusCode::NOT_FOUND, "there is nothing here\n"))),
        };
    }
    Box::pin(done(page(local, &request)))
}

fn done(reply: Reply) -> Ready<Result<Reply, Infallible>> {
    ready(Ok(reply))
}

/// A request that gets no player socket.
struct HttpRefusal {
    status: StatusCode,
    text: &'static str,
    extra: Option<(HeaderName, HeaderValue)>,
}

impl HttpRefusal {
    fn into_reply(self) -> Reply {
        let mut reply = text(self.status, self.text);
        reply.headers_mut().extend(self.extra);
        reply
    }
}

/// Whether the request is granted a player socket: the reply that says so, and the place taken.
fn upgrade(local: &Local, request: &Request<Incoming>) -> Result<(Reply, StatsSlot), HttpRefusal> {
    let refuse = |why: HelloRefusal, status, text, extra| {
        local.stats().refuse(why);
        HttpRefusal { status, text, extra }
    };
    let later = |why, text, seconds: u64| {
        refuse(
            why,
            StatusCode::SERVICE_UNAVAILABLE,
            text,
            Some((header::RETRY_AFTER, seconds.into())),
        )
    };
    let Some(key) = websocket_key(request) else {
        let version = (header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        let text = "PLY-0153 this is the address of a WebSocket, version 13\n";
        return Err(refuse(
            HelloRefusal::Handshake,
            StatusCode::UPGRADE_REQUIRED,
            text,
            Some(version),
        ));
    };
    let config = &local.shared.config;
    if !allowed(&config.origins, request) {
        let told = |name| {
            let value = request.headers().get(name).map(|value: &HeaderValue| value.as_bytes());
            String::from_utf8_lossy(value.unwrap_or_default())
        };
        local.shared.note_refused_origin(&told(header::ORIGIN), &told(header::HOST));
        let text = "PLY-0154 pages of that origin may not connect\n";
        return Err(refuse(HelloRefusal::Origin, StatusCode::FORBIDDEN, text, None));
    }
    let slot = StatsSlot::take(local.stats(), |stats| &stats.connections, config.connections_max)
        .ok_or_else(|| {
        later(HelloRefusal::Connections, "PLY-0155 too many players are connected\n", 5)
    })?;
    local.shared.admit().map_err(|wait| {
        later(
            HelloRefusal::Pace,
            "PLY-0156 too many players connect at once\n",
            wait.as_millis().div_ceil(1_000).max(1),
        )
    })?;
    let mut reply = Response::new(Full::default().map_err(Into::into).boxed_unsync());
    *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = reply.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = derive_accept_key(key).try_into() {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    Ok((reply, slot))
}

/// The key of a proper WebSocket request (RFC 6455, 4.2.1).
fn websocket_key<B>(request: &Request<B>) -> Option<&[u8]> {
    /// Bytes of 16 bytes in base64.
    const KEY_BYTES: usize = 24;
    let header =
        |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    // A list may be spread over several lines (RFC 9110, 5.3), as some proxies do with `Connection`.
    let lists = |name, wanted: &str| {
        let lines = request.headers().get_all(name).iter();
        lines
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|word| word.trim().eq_ignore_ascii_case(wanted)))
    };
    let proper = request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && lists(header::CONNECTION, "upgrade")
        && lists(header::UPGRADE, "websocket")
        && header(header::SEC_WEBSOCKET_VERSION) == Some("13");
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY)?.as_bytes();
    (proper && key.len() == KEY_BYTES).then_some(key)
}

/// Whether the page that asks may. Programs send no origin; browsers always do, and pages cannot forge it.
fn allowed<B>(origins: &Origins, request: &Request<B>) -> bool {
    let Some(origin) = request.headers().get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let same_host = || {
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let from = origin.split_once("://");
        host.zip(from).is_some_and(|(host, (scheme, from))| {
            let plain = |host| without_usual_port(scheme, host);
            plain(host).eq_ignore_ascii_case(plain(from))
        })
    };
    match origins {
        Origins::Any => true,
        Origins::SameHost => same_host(),
        Origins::Listed(list) => {
            same_host() || list.iter().any(|listed| listed.eq_ignore_ascii_case(origin))
        }
    }
}

/// A host without the port that its scheme has anyway: browsers leave it out, proxies may say it.
fn without_usual_port<'a>(scheme: &str, host: &'a str) -> &'a str {
    let usual = match scheme {
        scheme if scheme.eq_ignore_ascii_case("https") => ":443",
        scheme if scheme.eq_ignore_ascii_case("http") => ":80",
        _ => return host,
    };
    host.strip_suffix(usual).unwrap_or(host)
}

/// A page of the current release.
fn page(local: &Local, request: &Request<Incoming>) -> Reply {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut reply = text(StatusCode::METHOD_NOT_ALLOWED, "pages can be read, nothing else\n");
        reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return reply;
    }
    if request.uri().path() == "/healthz" {
        return text(StatusCode::OK, "ok\n");
    }
    let site = local.shared.parts.assets.current();
    let Some(file) = site.find(request.uri().path()) else {
        return text(StatusCode::NOT_FOUND, "there is nothing here\n");
    };
    let known = request.headers().get(header::IF_NONE_MATCH);
    let unchanged = known.and_then(|known| known.to_str().ok()).is_some_and(|known| {
        known.split(',').any(|etag| {
            matches!(etag.trim(), "*") || file.etag == etag.trim().trim_start_matches("W/")
        })
    });
    // Hyper cuts the body of an answer to HEAD but keeps its length.
    let body = if unchanged { Bytes::new() } else { file.body.clone() };
    let mut reply = Response::new(Full::new(body).map_err(Into::into).boxed_unsync());
    *reply.status_mut() = if unchanged { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let headers = reply.headers_mut();
    headers.insert(header::ETAG, file.etag.clone());
    headers.insert(header::CONTENT_TYPE, file.mime.clone());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // A deploy may replace it at any moment; the etag makes asking cheap.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    reply
}

fn text(status: StatusCode, text: &'static str) -> Reply {
    let mut reply = Response::new(
        Full::new(Bytes::from_static(text.as_bytes())).map_err(Into::into).boxed_unsync(),
    );
    *reply.status_mut() = status;
    reply
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().uri(PLAY);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    const PROPER: [(&str, &str); 4] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    #[test]
    fn a_proper_request_has_all_its_headers() {
        assert!(websocket_key(&request(&PROPER)).is_some());
        for missing in PROPER {
            let headers: Vec<_> = PROPER.into_iter().filter(|header| *header != missing).collect();
            assert_eq!(websocket_key(&request(&headers)), None, "without {}", missing.0);
        }
        let apart = [
            PROPER[1],
            PROPER[2],
            PROPER[3],
            ("connection", "keep-alive"),
            ("connection", "upgrade"),
        ];
        assert!(websocket_key(&request(&apart)).is_some(), "on two lines");
        let mut short = PROPER;
        short[3].1 = "short";
        assert_eq!(websocket_key(&request(&short)), None);
    }

    #[test]
    fn pages_of_other_hosts_are_kept_out() {
        let from = |origin| request(&[("host", "Game.example:4000"), ("origin", origin)]);
        let listed = Origins::Listed(vec!["https://play.example".into()]);
        assert!(allowed(&Origins::SameHost, &request(&[])));
        assert!(allowed(&Origins::SameHost, &from("http://game.example:4000")));
        assert!(allowed(&listed, &from("http://game.example:4000")));
        assert!(allowed(&listed, &from("https://play.example")));
        assert!(allowed(&Origins::Any, &from("https://evil.example")));
        for (host, origin) in [
            ("game.example:443", "https://game.example"),
            ("game.example", "https://Game.example:443"),
            ("game.example:80", "http://game.example"),
            ("[::1]:443", "https://[::1]"),
        ] {
            let request = request(&[("host", host), ("origin", origin)]);
            assert!(allowed(&Origins::SameHost, &request), "{origin} at {host}");
        }
        for (host, origin) in [
            ("game.example:443", "http://game.example"),
            ("game.example:80", "https://game.example"),
            ("game.example:443", "https://game.example:8443"),
            ("game.example:443", "https://game.example.evil"),
        ] {
            let request = request(&[("host", host), ("origin", origin)]);
            assert!(!allowed(&Origins::SameHost, &request), "{origin} at {host}");
        }
        for origin in [
            "http://game.example",
            "https://evil.example",
            "null",
            "http://game.example:4000.evil",
            "",
        ] {
            assert!(!allowed(&Origins::SameHost, &from(origin)), "{origin}");
            assert!(!allowed(&listed, &from(origin)), "{origin}");
        }
    }
}
