//! `playon explain`.

use clap::Args;
use playon_types::code::Code;
use playon_types::ply;
use serde::Serialize;

use super::exit::{CliError, Exit};
use super::pages::PAGES;
use super::talk;

/// Explain an error code.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  playon explain PLY-0301
  playon explain 301
  playon explain            lists all codes")]
pub(super) struct Explain {
    /// The code; without one all codes are listed
    code: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A page for programs.
#[derive(Debug, Serialize)]
struct ErrorPage {
    code: String,
    title: &'static str,
    /// In Markdown.
    page: &'static str,
}

impl Explain {
    pub(super) fn run(&self) -> Result<(), Exit> {
        let pages = || {
            PAGES.iter().map(|(code, page)| ErrorPage {
                code: code.to_string(),
                title: code.title().unwrap_or_default(),
                page: page.trim_end(),
            })
        };
        let Some(code) = &self.code else {
            if self.json {
                return talk::json(&pages().collect::<Vec<_>>());
            }
            return pages()
                .try_for_each(|page| talk::data(&format!("{}  {}", page.code, page.title)));
        };
        let wanted = wanted(code).map(|code| code.to_string());
        match pages().find(|page| Some(&page.code) == wanted.as_ref()) {
            Some(page) if self.json => talk::json(&page),
            Some(page) => talk::data(page.page),
            None => {
                let message = format!("{code} is not a code of this version");
                Err(Exit::Usage(CliError::new(
                    ply!("PLY-0523"),
                    message,
                    "`playon explain` without a code lists all of them",
                )))
            }
        }
    }
}

/// `301`, `ply-301` and `PLY-0301` are the same.
fn wanted(text: &str) -> Option<Code> {
    let upper = text.trim().to_ascii_uppercase();
    let digits = upper.strip_prefix("PLY-").unwrap_or(&upper);
    format!("PLY-{digits:0>4}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_may_be_written_short() {
        for text in ["301", "0301", "ply-301", "PLY-0301 "] {
            assert_eq!(wanted(text), Some(ply!("PLY-0301")));
        }
        assert_eq!(wanted("three"), None);
    }
}
