//! The admin port: who may connect, and for how long without saying anything.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower_service::Service;

use crate::config::Bounds;
use crate::process::accepting::AcceptTrouble;
use crate::process::alarm::Alarms;
use crate::process::linger::{linger, served};

/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Bytes that are read of a refused request after its answer: an executable that was not wanted may be on its way.
const ADMIN_LINGER_BYTES_MAX: u64 = 64 << 20;

/// Serves the API for as long as it is polled.
pub(crate) async fn serve(listener: TcpListener, router: Router, bounds: Bounds, alarms: Alarms) {
    let mut trouble = AcceptTrouble::new("admins");
    let places = Arc::new(Semaphore::new(bounds.admin_connections_max));
    // The semaphore is never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                trouble.over();
                let connection = connection(stream, router.clone(), bounds.admin_timeout);
                let mishap = alarms.one_of_many("a request to the admin API");
                tokio::spawn(async move {
                    let _mishap = mishap;
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => trouble.wait(&error).await,
        }
    }
}

async fn connection(stream: TcpStream, router: Router, head_timeout: Duration) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        Box::pin(answer(router.clone(), request))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let stream = served(connection).await.io.into_inner();
    linger(stream, ADMIN_LINGER_BYTES_MAX).await;
}

async fn answer(
    mut router: Router,
    request: hyper::Request<Incoming>,
) -> Result<Response, Infallible> {
    router.call(request).await
}
