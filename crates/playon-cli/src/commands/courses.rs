//! Watching a deploy and telling how it went.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use playon_keeper::control::{DeployAnswer, DeployView};

use super::admin::Admin;
use super::exit::Exit;
use super::talk;

/// How often the keeper is asked.
const EVERY: Duration = Duration::from_millis(100);

/// Watches a deploy to its end and prints how it went.
pub(super) async fn follow(admin: &Admin, answer: DeployAnswer, json: bool) -> Result<(), Exit> {
    let Some(begun) = answer.deploy.clone() else {
        if json {
            return talk::json(&answer);
        }
        return talk::data(&answer.note);
    };
    let deploy = watch(admin, begun).await?;
    if json {
        talk::json(&deploy)?;
    } else {
        talk::data(&summary(&deploy))?;
    }
    if kept(&deploy) {
        talk::good("every promise was kept");
        return Ok(());
    }
    talk::error(deploy.reason.as_deref().unwrap_or("a promise was broken"));
    Err(Exit::Told)
}

async fn watch(admin: &Admin, mut deploy: DeployView) -> Result<DeployView, Exit> {
    talk::line(&format!(
        "deploy {}: {} -> {}",
        deploy.id,
        deploy.from.as_deref().unwrap_or("nothing"),
        deploy.to
    ));
    // Drawn on terminals only.
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{msg:>9} {bar:30} {pos}/{len} rooms");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let path = format!("/v1/deploys/{}", deploy.id);
    let mut phase = String::new();
    while !deploy.finished {
        bar.set_length(deploy.rooms_moved + deploy.rooms_waiting);
        bar.set_position(deploy.rooms_moved);
        bar.set_message(deploy.phase.clone());
        if phase != deploy.phase {
            phase.clone_from(&deploy.phase);
            if bar.is_hidden() {
                talk::line(&format!("{phase} .."));
            }
        }
        tokio::time::sleep(EVERY).await;
        deploy = admin.get(&path).await?;
    }
    bar.finish_and_clear();
    Ok(deploy)
}

/// Whether the rooms moved and nobody noticed.
pub(super) const fn kept(deploy: &DeployView) -> bool {
    let nothing_lost =
        deploy.sockets_closed == 0 && deploy.inputs_lost == 0 && deploy.inputs_applied_twice == 0;
    // "done"; a string cannot be compared in a constant function.
    nothing_lost && matches!(deploy.phase.as_bytes(), b"done")
}

/// Milliseconds as people read them.
fn duration(ms: u64) -> String {
    if ms < 1_000 { format!("{ms} ms") } else { format!("{}.{} s", ms / 1_000, ms % 1_000 / 100) }
}

/// The four numbers and what belongs to them.
pub(super) fn summary(deploy: &DeployView) -> String {
    let took = deploy.finished_ms.map_or(0, |end| end.saturating_sub(deploy.started_ms));
    let from = deploy.from.as_deref().unwrap_or("nothing");
    let pause = deploy.pause_ms;
    let mut text = format!(
        "deploy {}: {from} -> {} {} in {}\n  \
         rooms moved            {} ({} stay, {} faults)\n  \
         sockets closed         {}\n  \
         inputs lost            {}\n  \
         inputs applied twice   {}\n  \
         pause of a room        p50 {:.1} ms   p99 {:.1} ms   max {:.1} ms",
        deploy.id,
        deploy.to,
        deploy.phase,
        duration(took),
        deploy.rooms_moved,
        deploy.rooms_staying,
        deploy.faults,
        deploy.sockets_closed,
        deploy.inputs_lost,
        deploy.inputs_applied_twice,
        pause.p50,
        pause.p99,
        pause.max,
    );
    if let Some(reason) = &deploy.reason {
        text.push_str("\n  reason                 ");
        text.push_str(reason);
    }
    text
}
