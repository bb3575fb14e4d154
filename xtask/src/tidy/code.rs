//! Source code without its comments and texts, good enough to count braces in.

/// Which language, as far as comments and texts differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Rust,
    Script,
}

impl Language {
    /// The language of a file.
    pub(crate) fn of(path: &str) -> Self {
        if path.ends_with(".rs") { Self::Rust } else { Self::Script }
    }
}

/// The code with every comment and every text replaced by spaces; lines stay where they are.
pub(crate) fn strip(source: &str, language: Language) -> String {
    let mut stripper = Stripper { rest: source, out: String::with_capacity(source.len()) };
    while let Some(first) = stripper.rest.chars().next() {
        let hidden = match language {
            Language::Rust => stripper.rust(first),
            Language::Script => stripper.script(first),
        };
        match hidden {
            Some(bytes) => stripper.hide(bytes),
            None => stripper.keep(first),
        }
    }
    stripper.out
}

struct Stripper<'a> {
    rest: &'a str,
    out: String,
}

impl Stripper<'_> {
    fn keep(&mut self, c: char) {
        self.out.push(c);
        self.rest = &self.rest[c.len_utf8()..];
    }

    fn hide(&mut self, bytes: usize) {
        let (hidden, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        self.out.extend(hidden.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        self.rest = rest;
    }

    /// The length of what is hidden at this place of Rust.
    fn rust(&self, first: char) -> Option<usize> {
        let rest = self.rest;
        match first {
            '/' => self.comment(true),
            '"' => Some(text(rest, '"')),
            'r' if !self.in_word() => raw(&rest[1..]).map(|bytes| bytes + 1),
            // A letter between quotes, not a lifetime.
            '\'' if rest[1..].starts_with('\\') => Some(text(rest, '\'')),
            '\'' => {
                let letter = rest[1..].chars().next()?.len_utf8();
                rest[1 + letter..].starts_with('\'').then_some(letter + 2)
            }
            _ => None,
        }
    }

    /// The length of what is hidden at this place of TypeScript or JavaScript.
    fn script(&self, first: char) -> Option<usize> {
        match first {
            '/' => self.comment(false).or_else(|| self.pattern()),
            // Expressions inside a template go with it; nobody writes functions there.
            '"' | '\'' | '`' => Some(text(self.rest, first)),
            _ => None,
        }
    }

    fn comment(&self, nested: bool) -> Option<usize> {
        if self.rest.starts_with("//") {
            return Some(self.rest.find('\n').unwrap_or(self.rest.len()));
        }
        if !self.rest.starts_with("/*") {
            return None;
        }
        let (mut depth, mut at) = (0_usize, 0);
        while at < self.rest.len() {
            let here = &self.rest.as_bytes()[at..];
            if here.starts_with(b"/*") && (nested || depth == 0) {
                (depth, at) = (depth + 1, at + 2);
            } else if here.starts_with(b"*/") {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return Some(at);
                }
            } else {
                at += 1;
            }
        }
        Some(self.rest.len())
    }

    /// A regular expression, which stands where a value may begin.
    fn pattern(&self) -> Option<usize> {
        let before = self.out.trim_end().chars().last();
        let line = self.rest.lines().next()?;
        if !before.is_none_or(|c| "(,=:[!&|?{};+".contains(c)) {
            return None;
        }
        let (mut escaped, mut class) = (false, false);
        for (at, c) in line.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '[' => class = true,
                ']' => class = false,
                '/' if !class => return Some(at + 1),
                _ => {}
            }
        }
        None
    }

    fn in_word(&self) -> bool {
        // `br"` is a raw text too; any other letter before the `r` makes it a name.
        let before = self.out.strip_suffix('b').unwrap_or(&self.out);
        before.chars().last().is_some_and(|c| c.is_alphanumeric() || c == '_')
    }
}

/// The length of a text with its quotes.
fn text(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// The length of a raw text of Rust, from after its `r`.
fn raw(rest: &str) -> Option<usize> {
    let hashes = rest.bytes().take_while(|&byte| byte == b'#').count();
    let body = rest[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(hashes + 1 + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(language: Language, source: &str, expect: &str) {
        let squeezed: Vec<_> =
            strip(source, language).split_whitespace().map(str::to_owned).collect();
        assert_eq!(squeezed.join(" "), expect, "{source}");
    }

    #[test]
    fn rust_loses_comments_and_texts() {
        let rust = |source, expect| check(Language::Rust, source, expect);
        rust("a /* { /* } */ { */ b // {\nc", "a b c");
        rust(r##"f("}\"{", r#"{"}"#, br"{", b"{") + 1"##, "f( , , b , b ) + 1");
        rust(r"fn f<'a>(x: &'a str) { '{'; '\''; '\u{7d}' }", "fn f<'a>(x: &'a str) { ; ; }");
        rust("let r = for_r; r(\"x\")", "let r = for_r; r( )");
    }

    #[test]
    fn scripts_lose_patterns_too() {
        let script = |source, expect| check(Language::Script, source, expect);
        script("x.replace(/[/{]\\/'/g, `${a}{`) / 2 / b", "x.replace( g, ) / 2 / b");
        script("const a = '{' + \"{\"; /* { /* */ b", "const a = + ; b");
    }

    #[test]
    fn lines_stay_where_they_are() {
        assert_eq!(strip("\"a\nb\"\n/*\n*/\nc", Language::Rust).lines().count(), 5);
    }
}
