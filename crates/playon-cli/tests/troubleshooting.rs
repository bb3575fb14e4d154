//! `docs/troubleshooting.md` has one line for every code, and says of each the same as its page.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use playon_cli::commands::PAGES;

const PAGE: &str = "docs/troubleshooting.md";

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(PAGE)).unwrap()
}

/// The cells of a line of the tables: code, what is the matter, what players notice, what to do.
fn cells(line: &str) -> Option<(String, [String; 3])> {
    let row = line.strip_prefix("| [PLY-")?.strip_suffix(" |")?;
    let cells: Vec<_> = row.split(" | ").collect();
    let [link, what, notice, remedy] = cells[..] else { panic!("not four cells: {line}") };
    let code = format!("PLY-{}", &link[..4]);
    assert_eq!(link[4..], format!("](errors/{code}.md)"), "the link of {code}");
    Some((code, [what, notice, remedy].map(|cell| cell.trim().to_owned())))
}

#[test]
fn every_code_has_one_line_with_the_title_of_its_page() {
    let text = page();
    let mut lines = BTreeMap::new();
    let mut order = Vec::new();
    for (code, said) in text.lines().filter_map(cells) {
        assert!(said.iter().all(|cell| !cell.is_empty()), "{code} has an empty cell in {PAGE}");
        order.push(code.clone());
        assert!(lines.insert(code.clone(), said).is_none(), "{code} stands twice in {PAGE}");
    }
    let mut wrong = String::new();
    for (code, explained) in PAGES {
        let title = explained.lines().next().unwrap().trim_start_matches(&format!("# {code}: "));
        match lines.remove(&code.to_string()) {
            Some([what, ..]) if what == title => {}
            Some([what, ..]) => {
                wrong += &format!("\n{code} says {what:?}, its page says {title:?}");
            }
            None => {
                wrong += &format!(
                    "\n{code} is missing; add in the order of the codes, and fill in the last two cells:\n\
                     | [{code}](errors/{code}.md) | {title} | WHAT PLAYERS NOTICE | WHAT TO DO |"
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{PAGE}:{wrong}");
    assert!(lines.is_empty(), "{PAGE} has lines of codes that do not exist: {:?}", lines.keys());
    assert!(order.is_sorted(), "the lines of {PAGE} are not in the order of their codes");
}

#[test]
fn the_runbooks_name_only_codes_that_exist() {
    let text = page();
    for (at, _) in text.match_indices("PLY-") {
        let code: String = text[at..].chars().take(8).collect();
        if code[4..].bytes().all(|byte| byte.is_ascii_digit()) {
            let known = PAGES.iter().any(|(known, _)| known.to_string() == code);
            assert!(known, "{PAGE} names {code}");
        }
    }
}
