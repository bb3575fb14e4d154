//! Watching a deploy and telling how it went.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use playon_keeper::control::{DeployAnswer, DeployView};
use playon_types::ply;
use serde::Serialize;

use super::admin::AdminClient;
use super::exit::{CliError, ErrorJson, Exit};
use super::serve::catch;
use super::talk;

/// How often the keeper is asked.
const EVERY: Duration = Duration::from_millis(100);

/// What `--json` prints of a deploy or rollback, whatever came of it: these fields, and no others.
#[derive(Debug, Serialize)]
struct CourseJson {
    /// How the deploy ended (`done`, `partial`, `stopped`, `reverted`, `superseded`), or `nothing` if there was nothing to do,
    /// `refused`, `unreachable`, `failed`, `misused` if the command made no sense, or `signalled` if a signal has ended the command.
    /// If `deploy` is there all the same, it was begun, is as it was last seen, and may go on.
    outcome: String,
    /// One line about it.
    note: String,
    /// The deploy, if one was begun.
    deploy: Option<DeployView>,
    /// What was promised and is not so.
    broken: Vec<String>,
    /// What went wrong instead.
    error: Option<ErrorJson>,
}

/// Prints what kept a deploy from being begun, for whoever reads JSON. Passes the result on.
pub(super) fn tell(json: bool, result: Result<(), Exit>) -> Result<(), Exit> {
    match result {
        Err(exit) if json && !talk::answered() => Err(told(exit, None)),
        result => result,
    }
}

/// Prints why a deploy was not begun or is no longer watched, as it stood then. Gives back the end of the command.
fn told(exit: Exit, deploy: Option<DeployView>) -> Exit {
    let outcome = match &exit {
        Exit::Failed(_) => "failed",
        Exit::Usage(_) => "misused",
        Exit::Unreachable(_) => "unreachable",
        Exit::Refused(_) => "refused",
        Exit::Signalled(..) => "signalled",
        Exit::Told => return exit,
    };
    let (outcome, note) = (outcome.to_owned(), exit.to_string());
    let error = exit.trouble().map(ErrorJson::from);
    // A stdout that takes nothing does not change how the command ends.
    let _ = talk::json(&CourseJson { outcome, note, deploy, broken: Vec::new(), error });
    exit
}

/// Asks for a deploy, watches it to its end and prints how it went. A signal ends the watching, and nothing else.
pub(super) async fn follow(
    admin: &AdminClient,
    path: &str,
    wish: &impl Serialize,
    json: bool,
) -> Result<(), Exit> {
    let mut signals = catch()?;
    let answer: DeployAnswer = tokio::select! {
        answer = admin.post(path, wish) => answer?,
        signal = signals.next() => return left(None, signal, json),
    };
    let begun = answer.deploy.clone();
    tokio::select! {
        told = follow_on(admin, answer, json) => told,
        signal = signals.next() => left(begun, signal, json),
    }
}

/// The command ends before the deploy does.
fn left(begun: Option<DeployView>, signal: u8, json: bool) -> Result<(), Exit> {
    let trouble = match &begun {
        Some(DeployView { id, kind, to, .. }) => {
            let message =
                format!("{kind} {id} to {to} goes on in the keeper; only this command ends");
            let remedy = format!(
                "`playon status` shows how far it is, `{} {to}` waits for its end again, `playon rollback` undoes it",
                if kind == "deploy" { "playon deploy" } else { "playon rollback --to" }
            );
            CliError::new(ply!("PLY-0610"), message, &remedy)
        }
        None => {
            let message = "the keeper had not answered yet: it may have begun what was asked for";
            CliError::new(ply!("PLY-0610"), message, "`playon status` shows the last deploy")
        }
    };
    let exit = Exit::Signalled(signal, trouble);
    Err(if json { told(exit, begun) } else { exit })
}

async fn follow_on(admin: &AdminClient, answer: DeployAnswer, json: bool) -> Result<(), Exit> {
    let DeployAnswer { deploy, note, joined } = answer;
    let Some(begun) = deploy else {
        if json {
            let (outcome, broken) = ("nothing".to_owned(), Vec::new());
            return talk::json(&CourseJson { outcome, note, deploy: None, broken, error: None });
        }
        return talk::data(&note);
    };
    if joined {
        talk::line(&note);
    }
    let mut deploy = begun;
    if let Err(exit) = watch(admin, &mut deploy).await {
        let exit = out_of_sight(exit, &deploy);
        return Err(if json { told(exit, Some(deploy)) } else { exit });
    }
    let broken = broken(&deploy);
    if json {
        let (outcome, deploy) = (deploy.phase.clone(), Some(deploy.clone()));
        talk::json(&CourseJson { outcome, note, deploy, broken: broken.clone(), error: None })?;
    } else {
        talk::data(&summary(&deploy))?;
    }
    if broken.is_empty() {
        talk::good(&verdict(&deploy));
        return Ok(());
    }
    broken.iter().for_each(|what| talk::error(what));
    Err(Exit::Told)
}

/// The keeper says no more about a deploy that it has begun.
fn out_of_sight(exit: Exit, DeployView { id, kind, to, .. }: &DeployView) -> Exit {
    exit.told_as(|trouble| {
        let more = format!("; {kind} {id} to {to} may still go on, as it is the keeper's");
        trouble.message.push_str(&more);
        trouble.remedy.push_str("; `playon status` shows what becomes of the ");
        trouble.remedy.push_str(kind);
    })
}

/// Waits for the end of a deploy; `deploy` is what was last heard of it.
async fn watch(admin: &AdminClient, deploy: &mut DeployView) -> Result<(), Exit> {
    talk::line(&format!(
        "{} {}: {} -> {}",
        deploy.kind,
        deploy.id,
        deploy.from.as_deref().unwrap_or("nothing"),
        deploy.to
    ));
    // Drawn on terminals only.
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{msg:>9} {bar:30} {pos}/{len} rooms");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let path = format!("/v1/deploys/{}", deploy.id);
    let (mut phase, mut waited) = (String::new(), String::new());
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
        if let Some(line) = waits(deploy).filter(|line| *line != waited) {
            bar.suspend(|| talk::line(&line));
            waited = line;
        }
        tokio::time::sleep(EVERY).await;
        *deploy = admin.get(&path).await?;
    }
    bar.finish_and_clear();
    Ok(())
}

/// What was promised and is not so; empty if all rooms are where the deploy says and nobody has noticed.
pub(super) fn broken(deploy: &DeployView) -> Vec<String> {
    let mut broken = Vec::new();
    if deploy.phase != "done" {
        let why = deploy.reason.as_deref().unwrap_or("no reason was given");
        broken.push(format!("the deploy is {}: {why}", deploy.phase));
    }
    for (count, what) in [
        (deploy.sockets_closed, "sockets of players were closed"),
        (deploy.inputs_lost, "inputs were lost"),
        (deploy.inputs_set_aside, "inputs were set aside, because the game failed on them"),
        (deploy.inputs_applied_twice, "inputs were applied twice"),
        (deploy.pauses_over_budget, "rooms stood still for longer than their kind's pause_budget"),
    ] {
        if count > 0 {
            broken.push(format!("{count} {what}"));
        }
    }
    broken
}

/// One line about a deploy in which nothing was broken.
fn verdict(deploy: &DeployView) -> String {
    let mut text = match (deploy.rooms_moved, deploy.rooms_staying) {
        (0, 0) => "there was no room to move; new rooms go to the new release".to_owned(),
        (0, staying) => format!("no room was moved: {staying} end on the release they have"),
        _ => "every promise was kept".to_owned(),
    };
    if deploy.rooms_checked == 0 && deploy.at_rest_checked == 0 {
        let none = "; no room was live and none at rest could be tried, so nothing could be checked before";
        text.push_str(none);
    }
    if deploy.restarts > 0 {
        text.push_str("; the keeper ended meanwhile, and what closed with it is not counted");
    }
    text
}

/// What a deploy waits for, if that takes a while.
fn waits(deploy: &DeployView) -> Option<String> {
    let until = deploy.in_round_until_ms?;
    let rooms = deploy.rooms_in_round;
    let what = if rooms == 1 { "room waits" } else { "rooms wait" };
    let at = clock(until);
    Some(format!(
        "{rooms} {what} for the end of the round, until {at} at the latest; `--now` moves them"
    ))
}

/// The time of day, in UTC as nobody here knows where the reader is.
fn clock(ms: u64) -> String {
    let minutes = ms / 60_000 % (24 * 60);
    format!("{:02}:{:02} UTC", minutes / 60, minutes % 60)
}

/// Milliseconds as people read them.
fn duration(ms: u64) -> String {
    if ms < 1_000 { format!("{ms} ms") } else { format!("{}.{} s", ms / 1_000, ms % 1_000 / 100) }
}

/// Of what copies were opened before anything moved.
fn checked(deploy: &DeployView) -> String {
    let mut text =
        format!("{} in memory, {} at rest", deploy.rooms_checked, deploy.at_rest_checked);
    if deploy.at_rest_damaged > 0 {
        text.push_str(&format!(" ({} at rest are damaged)", deploy.at_rest_damaged));
    }
    if deploy.at_rest_untried > 0 {
        let of = "versions and releases of rooms at rest that it reads";
        text.push_str(&format!("; {} {of} were not tried", deploy.at_rest_untried));
    }
    text
}

/// The four numbers and what belongs to them.
pub(super) fn summary(deploy: &DeployView) -> String {
    let took = deploy.finished_ms.map_or(0, |end| end.saturating_sub(deploy.started_ms));
    let from = deploy.from.as_deref().unwrap_or("nothing");
    let pause = deploy.pause_ms;
    let mut text = format!(
        "{} {}: {from} -> {} {} in {}\n  \
         rooms checked          {}\n  \
         rooms moved            {} of {} ({} stay, {} gone, {} could not go, {} faults)\n  \
         sockets closed         {}\n  \
         inputs lost            {}\n  \
         inputs set aside       {}\n  \
         inputs applied twice   {}\n  \
         pause of a room        p50 {:.1} ms   p99 {:.1} ms   max {:.1} ms ({} over budget)",
        deploy.kind,
        deploy.id,
        deploy.to,
        deploy.phase,
        duration(took),
        checked(deploy),
        deploy.rooms_moved,
        deploy.rooms,
        deploy.rooms_staying,
        deploy.rooms_gone,
        deploy.rooms_left,
        deploy.faults,
        deploy.sockets_closed,
        deploy.inputs_lost,
        deploy.inputs_set_aside,
        deploy.inputs_applied_twice,
        pause.p50,
        pause.p99,
        pause.max,
        deploy.pauses_over_budget,
    );
    if let Some(unread) = deploy.at_rest_unread.filter(|unread| *unread > 0) {
        let lost = deploy.at_rest_lost.unwrap_or_default();
        text.push_str(&format!(
            "\n  rooms at rest          {unread} are not read by {} ({lost} by no release that is kept)",
            deploy.to
        ));
    }
    for left in &deploy.left {
        text.push_str(&format!("\n  could not go           {}: {}", left.room, left.reason));
    }
    if let Some(reason) = &deploy.reason {
        text.push_str("\n  reason                 ");
        text.push_str(reason);
    }
    text
}
