//! `playon top`: the keeper's status, live.

use std::io::{self, IsTerminal, Read, Write};
use std::pin::pin;
use std::time::{Duration, Instant};

use clap::Args;
use playon_keeper::control::StatusView;
use playon_keeper::log::text::escape;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::admin::{AdminClient, block_on};
use super::exit::{CliError, Exit, io as failed};
use super::locate::{KeeperAddress, seconds};
use super::screen::{self, Between, ScreenLine, Severity, SortBy};
use super::serve::catch;
use super::status::{now_ms, painted};
use super::talk;

/// Show the keeper's status, live.
#[derive(Debug, Args)]
#[command(after_help = "Keys: s sorts the rooms by another column, q ends it.
Without a terminal it prints one screen per interval, with --json one line.

Examples:
  playon top
  playon top --every 5 --count 12 > minute.txt
  playon top --json | jq -c .queues")]
pub(super) struct Top {
    /// Seconds between two looks
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS", value_parser = seconds)]
    every: f64,
    /// End after so many looks
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Print JSON, one line per look
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keeper: KeeperAddress,
}

impl Top {
    pub(super) fn run(&self) -> Result<(), Exit> {
        let admin = AdminClient::new(self.keeper.door()?);
        block_on(async {
            // The first look fails as any command does; later ones are shown, because a keeper may restart.
            let first = look(&admin).await?;
            let mut ticks = interval(Duration::from_secs_f64(self.every));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut view = TopView::new(first);
            let shown = io::stdin().is_terminal() && io::stdout().is_terminal() && !self.json;
            if shown {
                self.live(&admin, &mut view, ticks).await
            } else {
                self.print(&admin, &mut view, ticks).await
            }
        })
    }

    async fn print(
        &self,
        admin: &AdminClient,
        view: &mut TopView,
        mut ticks: Interval,
    ) -> Result<(), Exit> {
        let mut looks = 0;
        loop {
            ticks.tick().await;
            if looks > 0 {
                view.take(look(admin).await);
            }
            looks += 1;
            let read = match (&view.failed, self.json) {
                (None, true) => talk::offer(&json(&view.last.status)?)?,
                // A line for each look, whatever it sees.
                (Some(exit), true) => {
                    talk::error(&exit.to_string());
                    exit.trouble().is_none_or(CliError::print)
                }
                (_, false) => talk::offer(&text(&view.lines()))?,
            };
            if self.count == Some(looks) || !read {
                return Ok(());
            }
        }
    }

    async fn live(
        &self,
        admin: &AdminClient,
        view: &mut TopView,
        mut ticks: Interval,
    ) -> Result<(), Exit> {
        let mut signals = catch()?;
        let terminal = Terminal::take()?;
        let mut keys = keys();
        let mut looks = 0;
        ticks.tick().await;
        loop {
            looks += 1;
            terminal.draw(&shown(view))?;
            if self.count.is_some_and(|count| looks >= count) {
                return Ok(());
            }
            let mut next = pin!(async {
                ticks.tick().await;
                look(admin).await
            });
            // Keys and signals are minded while a keeper keeps us waiting, too.
            let looked = loop {
                tokio::select! {
                    looked = &mut next => break looked,
                    key = keys.recv() => match key {
                        Some(b's') => view.order = view.order.next(),
                        Some(b'q') | None => return Ok(()),
                        Some(_) => {}
                    },
                    () = signals.caught() => return Ok(()),
                }
                terminal.draw(&shown(view))?;
            };
            view.take(looked);
        }
    }
}

/// The screen with the keys that it minds.
fn shown(view: &mut TopView) -> Vec<ScreenLine> {
    let mut lines = view.lines();
    let keys = format!("q ends, s sorts (by {})", view.order.name());
    lines.insert(0, ScreenLine { mood: Severity::Plain, text: keys });
    lines
}

async fn look(admin: &AdminClient) -> Result<StatusView, Exit> {
    admin.get("/v1/status").await
}

fn json(status: &StatusView) -> Result<String, Exit> {
    serde_json::to_string(status).map_err(|error| failed("no JSON", error))
}

fn text(lines: &[ScreenLine]) -> String {
    let coloured = talk::data_coloured();
    lines.iter().map(|line| painted(line, coloured) + "\n").collect()
}

/// One look at the keeper.
#[derive(Debug)]
struct TopSample {
    at: Instant,
    status: StatusView,
}

/// What is shown.
#[derive(Debug)]
struct TopView {
    order: SortBy,
    before: Option<TopSample>,
    last: TopSample,
    /// Why the newest look failed.
    failed: Option<Exit>,
}

impl TopView {
    fn new(status: StatusView) -> Self {
        let last = TopSample { at: Instant::now(), status };
        Self { order: SortBy::Rooms, before: None, last, failed: None }
    }

    /// Takes what a look has seen.
    fn take(&mut self, looked: Result<StatusView, Exit>) {
        match looked {
            Ok(status) => {
                self.failed = None;
                let last =
                    std::mem::replace(&mut self.last, TopSample { at: Instant::now(), status });
                // Another keeper counts from the beginning.
                self.before = (last.status.epoch == self.last.status.epoch).then_some(last);
            }
            Err(exit) => self.failed = Some(exit),
        }
    }

    fn lines(&mut self) -> Vec<ScreenLine> {
        match &self.failed {
            Some(exit) => vec![ScreenLine { mood: Severity::Bad, text: exit.to_string() }],
            None => {
                self.order.sort(&mut self.last.status);
                let between = self.before.as_ref().map(|before| Between {
                    before: before.status.totals,
                    seconds: (self.last.at - before.at).as_secs_f64(),
                });
                screen::lines(&self.last.status, between, now_ms())
            }
        }
    }
}

/// The terminal while it shows the screen; given back when dropped.
struct Terminal {
    before: Termios,
}

impl Terminal {
    fn take() -> Result<Self, Exit> {
        let stdin = io::stdin();
        let refuse = |error| failed("the terminal cannot be used", error);
        let before = tcgetattr(&stdin).map_err(refuse)?;
        let mut keys = before.clone();
        // Keys come one by one and unseen. Ctrl-C stays a signal.
        keys.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Now, &keys).map_err(refuse)?;
        let terminal = Self { before };
        terminal.write("\x1b[?1049h\x1b[?25l")?;
        Ok(terminal)
    }

    fn draw(&self, lines: &[ScreenLine]) -> Result<(), Exit> {
        let size = tcgetwinsize(io::stdout()).map_or((80, 24), |size| (size.ws_col, size.ws_row));
        let (columns, rows) = (usize::from(size.0.max(1)), usize::from(size.1.max(1)));
        let coloured = talk::data_coloured();
        let mut text = String::from("\x1b[H");
        for (at, line) in lines.iter().take(rows).enumerate() {
            let cut = ScreenLine {
                text: escape(&line.text).chars().take(columns).collect(),
                ..line.clone()
            };
            let end = if at + 1 < rows.min(lines.len()) { "\r\n" } else { "" };
            text += &format!("{}\x1b[K{end}", painted(&cut, coloured));
        }
        self.write(&format!("{text}\x1b[J"))
    }

    #[expect(clippy::unused_self, reason = "only whoever has the terminal may write to it")]
    fn write(&self, text: &str) -> Result<(), Exit> {
        let mut out = io::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        written.map_err(|error| failed("cannot write to the terminal", error))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.write("\x1b[?25h\x1b[?1049l");
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// The keys that are pressed, from a thread of its own: reading waits. It ends with the process.
fn keys() -> mpsc::UnboundedReceiver<u8> {
    let (pressed, keys) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for key in io::stdin().lock().bytes().map_while(Result::ok) {
            if pressed.send(key).is_err() {
                return;
            }
        }
    });
    keys
}
