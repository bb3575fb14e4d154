//! The player port to a browser that is not playing yet.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Response;
use http_body_util::{BodyExt, Full};
use playon_keeper::gateway::{Asset, Site};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{World, check, until};

/// Sends a request as it is and returns the whole reply.
async fn ask(address: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{head}\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    answer(stream).await
}

/// All that comes. A connection that was answered ends in order and is not reset, whatever was not read of the request.
async fn answer(mut stream: TcpStream) -> String {
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.unwrap();
    String::from_utf8(reply).unwrap()
}

fn asset(path: &str, mime: &str, body: &'static str) -> Asset {
    Asset { path: path.into(), mime: mime.into(), body: body.into() }
}

fn site(body: &'static str) -> Site {
    Site::new([asset("/index.html", "text/html", body), asset("js/main.js", "", "play()")]).unwrap()
}

#[tokio::test]
async fn the_pages_of_the_current_release() {
    check(async {
        let world = World::new();
        let get = async |path: &str| ask(world.address(), &format!("GET {path} HTTP/1.1")).await;
        assert!(get("/").await.starts_with("HTTP/1.1 404"), "no release yet");
        world.assets.set(site("<p>one</p>"));
        let index = get("/").await;
        assert!(index.starts_with("HTTP/1.1 200") && index.ends_with("<p>one</p>"), "{index}");
        assert!(index.contains("content-type: text/html; charset=utf-8\r\n"));
        assert!(index.contains("x-content-type-options: nosniff\r\n"));
        assert_eq!(get("/?from=mail").await.split("\r\n\r\n").last(), Some("<p>one</p>"));
        assert!(
            get("/js/main.js").await.contains("content-type: text/javascript; charset=utf-8\r\n")
        );
        world.assets.set(site("<p>two</p>"));
        assert!(get("/index.html").await.ends_with("<p>two</p>"));
        assert!(get("/healthz").await.ends_with("ok\n"));
    })
    .await;
}

#[tokio::test]
async fn nothing_but_the_pages() {
    check(async {
        let world = World::new();
        world.assets.set(site("one"));
        let paths = [
            "/../Cargo.toml",
            "/js/../index.html",
            "/%2e%2e/%2e%2e/etc/passwd",
            "//index.html",
            "/js",
            "/demo",
        ];
        for path in paths {
            let reply = ask(world.address(), &format!("GET {path} HTTP/1.1")).await;
            assert!(reply.starts_with("HTTP/1.1 404"), "{path}: {reply}");
        }
        let reply = ask(world.address(), "POST / HTTP/1.1\r\nContent-Length: 0").await;
        assert!(reply.starts_with("HTTP/1.1 405") && reply.contains("allow: GET, HEAD"), "{reply}");
        let reply = ask(world.address(), "GET /play HTTP/1.1").await;
        assert!(
            reply.starts_with("HTTP/1.1 426") && reply.contains("sec-websocket-version: 13"),
            "{reply}"
        );
        let long = format!("GET /{} HTTP/1.1", "x".repeat(9_000));
        let reply = ask(world.address(), &long).await;
        assert!(reply.starts_with("HTTP/1.1 4"), "{reply}");
    })
    .await;
}

/// Most clients look for the answer only when they have written everything.
#[tokio::test]
async fn whoever_writes_everything_first_finds_the_answer() {
    check(async {
        let world = World::new();
        world.assets.set(site("one"));
        let body = vec![b'x'; 512 << 10];
        let long = format!("GET /{} HTTP/1.1", "x".repeat(300 << 10));
        for (head, status) in [
            ("POST / HTTP/1.1", "405"),
            ("PUT /nowhere HTTP/1.1", "405"),
            ("POST /play HTTP/1.1", "426"),
            ("GET / HTTP/1.1", "200"),
            ("GET /nowhere HTTP/1.1", "404"),
            ("POST /demo HTTP/1.1", "405"),
            ("no request at all", "400"),
            (&long, "4"),
        ] {
            let mut stream = TcpStream::connect(world.address()).await.unwrap();
            let length = body.len();
            let head = format!(
                "{head}\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(&body).await.unwrap();
            let reply = answer(stream).await;
            let wanted = format!("HTTP/1.1 {status}");
            assert!(reply.starts_with(&wanted), "{status}: {:.60}: {reply}", head);
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_finds_no_place_reads_that() {
    check(async {
        let world = World::with(|config| config.sockets_max = 1);
        let _first = TcpStream::connect(world.address()).await.unwrap();
        until(|| world.stats.sockets.get() == 1).await;
        for _ in 0..20 {
            let reply = ask(world.address(), &format!("GET / HTTP/1.1\r\nX: {:04000}", 1)).await;
            assert!(reply.starts_with("HTTP/1.1 503") && reply.contains("Retry-After"), "{reply}");
        }
        until(|| world.stats.turned_away.get() == 0).await;
    })
    .await;
}

/// Neither who goes on for ever nor who stays and says nothing is listened to for long.
#[tokio::test]
async fn what_follows_an_answer_is_read_within_bounds() {
    check(async {
        let world = World::new();
        let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000000\r\n\r\n";
        let mut endless = TcpStream::connect(world.address()).await.unwrap();
        endless.write_all(head.as_bytes()).await.unwrap();
        let piece = vec![0; 64 << 10];
        while endless.write_all(&piece).await.is_ok() {}
        let mut silent = TcpStream::connect(world.address()).await.unwrap();
        silent.write_all(head.as_bytes()).await.unwrap();
        let (reading, _writing) = silent.split();
        let mut reading = reading;
        let mut reply = String::new();
        reading.read_to_string(&mut reply).await.unwrap();
        assert!(reply.starts_with("HTTP/1.1 405"), "{reply}");
        until(|| world.stats.sockets.get() == 0).await;
    })
    .await;
}

#[tokio::test]
async fn a_page_that_has_not_changed_is_not_sent_again() {
    check(async {
        let world = World::new();
        world.assets.set(site("one"));
        let head = ask(world.address(), "HEAD / HTTP/1.1").await;
        assert!(
            head.starts_with("HTTP/1.1 200")
                && head.contains("content-length: 3\r\n")
                && head.ends_with("\r\n\r\n")
        );
        let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
        let again = format!("GET / HTTP/1.1\r\nIf-None-Match: {etag}");
        let reply = ask(world.address(), &again).await;
        assert!(reply.starts_with("HTTP/1.1 304") && reply.ends_with("\r\n\r\n"), "{reply}");
        world.assets.set(site("two"));
        assert!(ask(world.address(), &again).await.starts_with("HTTP/1.1 200"));
    })
    .await;
}

#[tokio::test]
async fn what_is_below_demo_is_answered_by_whoever_is_there() {
    check(async {
        let extra = Arc::new(|request: http::Request<hyper::body::Incoming>| {
            let path = request.uri().path().to_owned();
            (path != "/demo/none").then(|| {
                let body = Full::from(format!("{} {path}", request.method()))
                    .map_err(Into::into)
                    .boxed_unsync();
                let reply: std::pin::Pin<Box<dyn Future<Output = _> + Send>> =
                    Box::pin(async { Response::new(body) });
                reply
            })
        });
        let world = World::with_extra(|_| {}, Some(extra));
        let reply = ask(world.address(), "POST /demo/deploy HTTP/1.1\r\nContent-Length: 0").await;
        assert!(reply.ends_with("POST /demo/deploy"), "{reply}");
        assert!(ask(world.address(), "GET /demo/none HTTP/1.1").await.starts_with("HTTP/1.1 404"));
        assert!(ask(world.address(), "GET /demolition HTTP/1.1").await.starts_with("HTTP/1.1 404"));
    })
    .await;
}

#[tokio::test]
async fn a_browser_that_never_finishes_its_request_is_cut_off() {
    check(async {
        let world = World::with(|config| config.head_timeout = Duration::from_millis(100));
        let mut stream = TcpStream::connect(world.address()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x").await.unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).await.unwrap();
        until(|| world.stats.sockets.get() == 0).await;
    })
    .await;
}

#[tokio::test]
async fn more_sockets_than_there_are_places_are_closed_at_once() {
    check(async {
        let world = World::with(|config| config.sockets_max = 1);
        let first = TcpStream::connect(world.address()).await.unwrap();
        until(|| world.stats.sockets.get() > 0).await;
        let mut second = TcpStream::connect(world.address()).await.unwrap();
        let mut reply = String::new();
        second.read_to_string(&mut reply).await.unwrap();
        assert!(reply.starts_with("HTTP/1.1 503"), "{reply}");
        drop(first);
    })
    .await;
}
