//! The processes that play.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use playon_types::reason::Reason;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::args::{DrillArgs, DrillScenario};
use super::bots::{BotOrder, BotReport, DrillPhase, Word};
use super::sabotage::Sabotage;

/// How long everyone may take to get in.
const READY_TIMEOUT: Duration = Duration::from_secs(90);
/// How long a process may take for its last words; it waits for its players at most half of that.
const REPORT_TIMEOUT: Duration = Duration::from_secs(60);

struct BotProcess {
    _child: Child,
    orders: ChildStdin,
    words: Lines<BufReader<ChildStdout>>,
}

/// All players of a drill.
pub(super) struct BotFleet(Vec<BotProcess>);

impl BotFleet {
    /// Starts the processes and waits until everyone is in.
    pub(super) async fn gather(
        args: &DrillArgs,
        scenario: DrillScenario,
        url: &str,
        seed: u64,
        strangers: bool,
    ) -> anyhow::Result<Self> {
        let flags = [
            ("--strangers", strangers),
            ("--goes-back", args.goes_back(scenario)),
            ("--corrupt-view", args.sabotage == Some(Sabotage::CorruptView)),
        ];
        let mut fleet = Self(Vec::new());
        let per_process = (args.players_per_process / args.players).max(1);
        let mut first = 0;
        while first < args.rooms {
            let rooms = per_process.min(args.rooms - first);
            fleet.0.push(spawn(args, url, seed, first, rooms, flags)?);
            first += rooms;
        }
        for process in &mut fleet.0 {
            match process.listen(READY_TIMEOUT).await? {
                Word::Ready { .. } => {}
                other => bail!("a player process said {other:?} before everyone was in"),
            }
        }
        Ok(fleet)
    }

    /// Tells everyone.
    pub(super) async fn enter(&mut self, phase: DrillPhase) -> anyhow::Result<()> {
        let mut line = serde_json::to_string(&BotOrder::Phase(phase))?;
        line.push('\n');
        for process in &mut self.0 {
            process.orders.write_all(line.as_bytes()).await.context("a player process is gone")?;
        }
        Ok(())
    }

    /// Lets everyone settle, and adds up what they say.
    pub(super) async fn report(mut self) -> anyhow::Result<BotReport> {
        self.enter(DrillPhase::Settling).await?;
        let mut sum = BotReport::default();
        for process in &mut self.0 {
            match process.listen(REPORT_TIMEOUT).await? {
                Word::Report(report) => sum.merge(*report),
                other @ Word::Ready { .. } => bail!("a player process said {other:?} at the end"),
                Word::Failed { why } => bail!(Reason::read(why)),
            }
        }
        Ok(sum)
    }
}

impl BotProcess {
    async fn listen(&mut self, patience: Duration) -> anyhow::Result<Word> {
        let line = timeout(patience, self.words.next_line()).await;
        let line = line
            .context("a player process says nothing")??
            .context("a player process ended early")?;
        match serde_json::from_str(&line)
            .with_context(|| format!("what a player process said: {line}"))?
        {
            Word::Failed { why } => bail!("players: {why}"),
            word => Ok(word),
        }
    }
}

fn spawn(
    args: &DrillArgs,
    url: &str,
    seed: u64,
    first: u32,
    rooms: u32,
    flags: [(&str, bool); 3],
) -> anyhow::Result<BotProcess> {
    let executable = std::env::current_exe().context("finding this executable")?;
    let mut command = Command::new(executable);
    let numbers = [
        ("--first-room", u64::from(first)),
        ("--rooms", rooms.into()),
        ("--players", args.players.into()),
        ("--hz", args.hz.into()),
        ("--inputs-per-second", args.inputs_per_second.into()),
        ("--seed", seed),
    ];
    command.args(["drill-bots", "--url", url, "--kind", args.kind()]);
    for (name, number) in numbers {
        command.arg(name).arg(number.to_string());
    }
    for (name, _) in flags.iter().filter(|(_, on)| *on) {
        command.arg(name);
    }
    if let Some(path) = &args.inputs {
        command.arg("--inputs").arg(path);
    }
    command
        // Ctrl-C is for the drill, which still wants to hear from them then.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    let mut child = command.spawn().context("starting players")?;
    let orders = child.stdin.take().context("a player process without stdin")?;
    let words = child.stdout.take().context("a player process without stdout")?;
    Ok(BotProcess { _child: child, orders, words: BufReader::new(words).lines() })
}
