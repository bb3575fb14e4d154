//! Finds functions and their lengths.

use super::code::{Language, strip};

/// A function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// The line it begins on, from 1.
    pub(crate) line: usize,
    /// From that line to its last brace.
    pub(crate) lines: usize,
}

/// Words before `(..) {` that do not make it a function.
const CONTROL: [&str; 6] = ["if", "for", "while", "switch", "catch", "with"];

/// All functions of a file that have a body.
pub(crate) fn functions(source: &str, language: Language) -> Vec<Function> {
    let code = strip(source, language);
    let mut found = Vec::new();
    for (at, _) in code.match_indices('{') {
        let head = match language {
            Language::Rust => rust_head(&code, at),
            Language::Script => script_head(&code, at),
        };
        let Some((begin, name)) = head else { continue };
        let line = 1 + newlines(&code[..begin]);
        let lines = 1 + newlines(&code[begin..close(&code, at)]);
        found.push(Function { name, line, lines });
    }
    found
}

fn newlines(code: &str) -> usize {
    code.bytes().filter(|&byte| byte == b'\n').count()
}

/// Where the brace at `open` is closed.
fn close(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, c) in code[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return open + at,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// `fn name(..) -> .. where .. {`: the last `fn` before the brace with nothing that ends it in between.
fn rust_head(code: &str, open: usize) -> Option<(usize, String)> {
    let from = code[..open].rfind(['{', '}', ';']).map_or(0, |at| at + 1);
    // `[u8; 4]` in a signature has a semicolon that ends nothing.
    let from = if code[from..open].contains(']') && !code[from..open].contains('[') {
        code[..from.saturating_sub(1)].rfind(['{', '}', ';']).map_or(0, |at| at + 1)
    } else {
        from
    };
    let head = &code[from..open];
    let (at, name) = head.match_indices("fn ").find_map(|(at, _)| {
        let free = head[..at].chars().last().is_none_or(|c| !is_word(c));
        let name: String =
            head[at + 3..].trim_start().chars().take_while(|&c| is_word(c)).collect();
        (free && !name.is_empty()).then_some((at, name))
    })?;
    Some((from + at, name))
}

/// `name(..) {`, `name(..): T {` or `(..) => {`.
fn script_head(code: &str, open: usize) -> Option<(usize, String)> {
    let before = code[..open].trim_end();
    if let Some(before) = before.strip_suffix("=>") {
        let line = before.rfind('\n').map_or(0, |at| at + 1);
        // `(() => {` round a whole script is its module, not a function.
        return (&before[line..] != "(() ").then(|| (line, assigned(&before[line..])));
    }
    let end = before.rfind(')')?;
    let typed = before[end + 1..].trim_start();
    if !typed.is_empty() && (!typed.starts_with(':') || typed.contains(['=', ';', '{', '}'])) {
        return None;
    }
    let begin = opening(before, end)?;
    let head = before[..begin].trim_end();
    let head =
        head.rsplit_once('>').filter(|_| head.ends_with('>')).map_or(head, |_| generic(head));
    let name: String = head.chars().rev().take_while(|&c| is_word(c) || c == '#').collect();
    let name: String = name.chars().rev().collect();
    (!name.is_empty() && !CONTROL.contains(&name.as_str())).then(|| (head.len() - name.len(), name))
}

/// Where the bracket that ends at `end` begins.
fn opening(code: &str, end: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in code[..=end].char_indices().rev() {
        match c {
            ')' => depth += 1,
            '(' if depth == 1 => return Some(at),
            '(' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// `name<T>` without the types.
fn generic(head: &str) -> &str {
    head.find('<').map_or(head, |_| &head[..head.rfind('<').unwrap_or(head.len())])
}

/// The name that an arrow function is given on its line.
fn assigned(line: &str) -> String {
    let words = line.split(|c: char| !is_word(c) && c != '#');
    let mut words =
        words.filter(|word| !["", "const", "let", "export", "async", "return"].contains(word));
    words.next().unwrap_or("arrow").to_owned()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(language: Language, source: &str, expect: &[(&str, usize, usize)]) {
        let found = functions(source, language);
        let found: Vec<_> = found.iter().map(|f| (f.name.as_str(), f.line, f.lines)).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn rust_functions_are_measured_with_their_heads() {
        let source = "impl A {\n    pub(crate) fn one<'a>(\n        x: [u8; 4],\n    ) -> B\n    where\n        T: Fn(u8),\n    {\n        \
                      if x { loop {} }\n    }\n    fn none(&self);\n    fn two() {}\n}\nstruct F { f: fn(u8) }\n";
        check(Language::Rust, source, &[("one", 2, 8), ("two", 11, 1)]);
    }

    #[test]
    fn rust_functions_inside_functions_count_for_themselves() {
        let source = "fn outer() {\n    fn inner() {\n    }\n    let closure = |x| { x };\n}\n";
        check(Language::Rust, source, &[("outer", 1, 5), ("inner", 2, 2)]);
    }

    #[test]
    fn methods_and_arrows_of_scripts_are_measured() {
        let source = "class A {\n  async #go<T>(x: T): Promise<void> {\n    if (x) {\n    }\n  }\n}\n\
                      export const f = (a) => {\n  a();\n};\nfunction g() {\n}\n(() => {\n})();\n";
        check(Language::Script, source, &[("#go", 2, 4), ("f", 7, 3), ("g", 10, 2)]);
    }
}
