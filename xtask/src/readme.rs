//! Sections of the README that are written by a program.

use std::fs;

use anyhow::Context as _;

use crate::sh::Sh;

const README: &str = "README.md";

/// Replaces the section between `<!-- name -->` and `<!-- /name -->`.
pub(crate) fn put(sh: &Sh, name: &str, text: &str) -> anyhow::Result<()> {
    let path = sh.root().join(README);
    let readme = fs::read_to_string(&path).with_context(|| format!("{README} cannot be read"))?;
    fs::write(path, between(&readme, name, text)?)
        .with_context(|| format!("{README} cannot be written"))
}

fn between(page: &str, name: &str, text: &str) -> anyhow::Result<String> {
    let (open, close) = (format!("<!-- {name} -->"), format!("<!-- /{name} -->"));
    let parts =
        page.split_once(&open).and_then(|(head, rest)| Some((head, rest.split_once(&close)?.1)));
    let (head, tail) = parts.with_context(|| format!("{README} has no {open} .. {close}"))?;
    Ok(format!("{head}{open}\n\n{text}\n{close}{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_between_the_marks_is_replaced() {
        let page = "a\n<!-- figures -->\nold\n<!-- /figures -->\nb";
        let new = between(page, "figures", "new\n").unwrap();
        assert_eq!(new, "a\n<!-- figures -->\n\nnew\n\n<!-- /figures -->\nb");
        assert_eq!(between(&new, "figures", "new\n").unwrap(), new);
        assert!(between("a", "figures", "new").is_err());
        assert!(between(page, "bench", "new").is_err());
    }
}
