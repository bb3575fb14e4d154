//! What the figures were measured on.

use std::fs;

use crate::sh::Sh;

/// One line about this machine: cores, processor, memory, kernel, compiler.
pub(crate) fn describe(sh: &Sh) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu =
        field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let memory = field("/proc/meminfo", "MemTotal").and_then(|text| gigabytes(&text));
    let kernel = sh.ask("uname", &["-sr"]).unwrap_or_default();
    let rustc = sh.ask("rustc", &["--version"]).unwrap_or_default();
    let rustc = rustc.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let memory = memory.map_or_else(String::new, |gb| format!("{gb} GB memory, "));
    format!("{cores} cores ({cpu}), {memory}{}, {rustc}", kernel.trim())
}

/// Today, as `2026-11-30`.
pub(crate) fn today(sh: &Sh) -> String {
    sh.ask("date", &["-u", "+%Y-%m-%d"]).unwrap_or_default().trim().to_owned()
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// `24561236 kB` as whole gigabytes, rounded.
fn gigabytes(text: &str) -> Option<u64> {
    let kilobytes: u64 = text.split_whitespace().next()?.parse().ok()?;
    Some((kilobytes + (1 << 19)) >> 20)
}
