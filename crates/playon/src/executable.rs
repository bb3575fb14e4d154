//! The executable of a game: a worker, a whole server, or an answer to somebody who typed its name.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use playon_wire::attach::{ENV_ATTACH, ENV_SECRET, LinkSecret};

use crate::app::App;
use crate::worker::{self, ServeError};

/// Exit code when the link to the keeper failed.
const EXIT_LINK: u8 = 1;
/// Exit code when there is no keeper to serve.
#[cfg(not(feature = "embedded"))]
const EXIT_ALONE: u8 = 2;
/// Exit code when the command line makes no sense.
const EXIT_USAGE: u8 = 2;
/// What the executable does without arguments and without a keeper.
#[cfg(feature = "embedded")]
const ALONE: &str = "Or start it without arguments: it is a whole server then. Variables:
    PLAYON_DATA     where it keeps its rooms (.playon)
    PLAYON_LISTEN   where players connect (127.0.0.1:4000)
    PLAYON_ADMIN    where its admin API listens (127.0.0.1:4001)
    PLAYON_THREADS  threads that rooms are spread over
    RUST_LOG        what it logs (info)";
/// What the executable does without arguments and without a keeper.
#[cfg(not(feature = "embedded"))]
const ALONE: &str =
    "Built with the feature `embedded` of the crate `playon` it is a whole server by itself.";
/// Exit code when the keeper does not accept this release.
const EXIT_REFUSED: u8 = 3;

impl App {
    /// Serves the game: as a worker when a keeper started this process, else as a whole server if the crate's
    /// feature `embedded` is on.
    ///
    /// The whole server keeps its data in `.playon`, or where the variable `PLAYON_DATA` says, and listens on
    /// `PLAYON_LISTEN` for players (`127.0.0.1:4000`) and on `PLAYON_ADMIN` for its admin API (`127.0.0.1:4001`).
    ///
    /// The exit code is 0 when the keeper or a signal said to end, 1 when the link to the keeper or the server failed, 2 when
    /// there is no keeper and none is built in or the arguments make no sense, 3 when the keeper does not accept this release.
    pub fn run(self) -> ExitCode {
        let Some(path) = std::env::var_os(ENV_ATTACH) else {
            let given: Vec<_> = std::env::args_os().skip(1).collect();
            return self.run_by_hand(&given);
        };
        let secret = std::env::var(ENV_SECRET).ok().and_then(|text| LinkSecret::parse(&text));
        let Some(secret) = secret else {
            say(&format!("PLY-0420 {ENV_SECRET} is not set or not 64 hexadecimal digits"));
            return ExitCode::from(EXIT_LINK);
        };
        let served = UnixStream::connect(&path)
            .map_err(|why| format!("PLY-0420 cannot attach to {}: {why}", path.display()))
            .map(|stream| self.serve(stream, secret));
        match served {
            Ok(Ok(())) => ExitCode::SUCCESS,
            Ok(Err(why)) => {
                say(&why.to_string());
                let refused = matches!(why, ServeError::Refused { .. });
                ExitCode::from(if refused { EXIT_REFUSED } else { EXIT_LINK })
            }
            Err(why) => {
                say(&why);
                ExitCode::from(EXIT_LINK)
            }
        }
    }

    /// Serves the game as a worker of the keeper at the other end of a stream, until that says to end.
    ///
    /// # Errors
    /// When the keeper does not accept this release, or the link ends in any other way.
    pub fn serve(&self, stream: UnixStream, secret: LinkSecret) -> Result<(), ServeError> {
        worker::serve(self, stream, secret)
    }

    /// Somebody has typed the name of the executable.
    fn run_by_hand(self, given: &[OsString]) -> ExitCode {
        if self.reads_arguments() || given.is_empty() {
            return self.run_alone();
        }
        if given.iter().any(|word| word == "--help" || word == "-h") {
            // Asked for, so it is the answer and no error. Whoever does not read it does not want it.
            let _ = writeln!(std::io::stdout(), "{}", self.help());
            return ExitCode::SUCCESS;
        }
        let words: Vec<_> = given.iter().map(|word| word.to_string_lossy()).collect();
        say(&format!(
            "PLY-0461 `{}` takes no arguments: {}\n\n{}",
            self.name(),
            words.join(" ").escape_debug(),
            self.help()
        ));
        ExitCode::from(EXIT_USAGE)
    }

    fn help(&self) -> String {
        let me = std::env::args().next().unwrap_or_else(|| self.name().to_owned());
        let kinds: Vec<_> = self.kinds().iter().map(|kind| kind.info().name).collect();
        format!(
            "{name} is a game, release {label}, with rooms of the kind {kinds}.\n\n\
             Run it with a keeper:\n    playon serve --release {me}\n\
             Ship it to a keeper that runs:\n    playon deploy {me}\n{alone}",
            name = self.name(),
            label = self.name_of_release(),
            kinds = kinds.join(", "),
            alone = ALONE,
        )
    }

    #[cfg(feature = "embedded")]
    fn run_alone(self) -> ExitCode {
        crate::embedded::run(self)
    }

    #[cfg(not(feature = "embedded"))]
    fn run_alone(self) -> ExitCode {
        let me = std::env::args().next().unwrap_or_else(|| self.name().to_owned());
        say(&format!(
            "`{}` is a game and needs a keeper. Start one and deploy the game to it:\n\n    \
             playon serve\n    playon deploy {me}\n\n\
             Or build it with the feature `embedded` of the crate `playon`: then it is a whole server.",
            self.name()
        ));
        ExitCode::from(EXIT_ALONE)
    }
}

/// A worker's standard error is its keeper's log.
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

#[cfg(all(test, not(feature = "embedded")))]
mod tests {
    use super::*;
    use crate::app;

    #[test]
    fn arguments_are_the_games_only_if_it_says_so() {
        let run = |app: App, word: &str| app.run_by_hand(&[OsString::from(word)]);
        assert_eq!(run(app("helpful"), "--help"), ExitCode::SUCCESS);
        assert_eq!(run(app("helpful"), "--prot=80"), ExitCode::from(EXIT_USAGE));
        assert_eq!(run(app("own").own_arguments(), "--help"), ExitCode::from(EXIT_ALONE));
    }

    #[test]
    fn a_game_without_a_keeper_says_so_by_its_exit_code() {
        assert_eq!(app("lonely").run_by_hand(&[]), ExitCode::from(2));
    }
}
