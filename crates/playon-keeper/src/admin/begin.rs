//! The thread of the admin API, and what is done there every so often.

use std::net::{SocketAddr, TcpListener};

use crate::config::KeeperConfig;
use crate::control::Handle;
use crate::data::dir::{DataDir, secret_file};
use crate::error::{Coded, listen, system};
use crate::metrics::SAMPLE_EVERY;
use crate::process::runtime::RuntimeThread;

/// Starts the API; says where it listens.
///
/// # Errors
/// When the address or the token cannot be had.
pub(crate) fn start(
    config: &KeeperConfig,
    data: &DataDir,
    handle: &Handle,
) -> Result<(RuntimeThread, SocketAddr), Coded> {
    let refuse = |error: std::io::Error| listen("admins", config.admin, &error);
    let listener = match &config.admin_socket {
        Some(listener) => listener.try_clone(),
        None => TcpListener::bind(config.admin),
    };
    let listener = listener.map_err(refuse)?;
    listener.set_nonblocking(true).map_err(refuse)?;
    let address = listener.local_addr().map_err(refuse)?;
    let bounds = config.bounds.clone();
    let token = secret_file(&data.admin_token())?;
    let router = super::router(handle.clone(), &token, bounds.admin_timeout);
    let (sampled, alarms) = (handle.clone(), handle.alarms.clone());
    let thread = RuntimeThread::start("admin", alarms.part("the admin API"), move || {
        let listener = tokio::net::TcpListener::from_std(listener)
            .map_err(|error| system("the admin API", error))?;
        Ok(async move {
            let served = super::serve(listener, router, bounds, alarms);
            tokio::join!(served, sample(&sampled));
        })
    })?;
    Ok((thread, address))
}

/// So that the status can tell what was in the last minute.
async fn sample(handle: &Handle) {
    let mut ticks = tokio::time::interval(SAMPLE_EVERY);
    loop {
        ticks.tick().await;
        handle.sample();
    }
}
