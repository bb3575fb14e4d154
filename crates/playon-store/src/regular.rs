//! Opening what is said to be a file.
//!
//! A path that somebody types may name anything. The opening of a named pipe waits for whoever writes into it, for ever if nobody
//! does; a device may have no end; what a shell makes of `<(..)` is a pipe. None of them is a file that could be read from its
//! beginning to its end, so all are refused at once, by their names.

use std::fs::{File, FileType, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a regular file for reading; links are followed. Never waits.
///
/// # Errors
/// When there is none, it may not be read, or the path names something else; what that is, is said.
pub fn open_regular(path: &Path) -> io::Result<File> {
    // Looked at first, since opening a device may do something; and again, since another may have taken its place.
    must_be_regular(std::fs::metadata(path)?.file_type())?;
    let no_wait = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(no_wait).open(path)?;
    must_be_regular(file.metadata()?.file_type())?;
    Ok(file)
}

fn must_be_regular(kind: FileType) -> io::Result<()> {
    match name(kind) {
        None => Ok(()),
        Some(name) => Err(io::Error::other(format!("it is {name}, not a file"))),
    }
}

/// What it is, unless that is a regular file.
fn name(kind: FileType) -> Option<&'static str> {
    if kind.is_file() {
        return None;
    }
    Some(if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "something else"
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use rustix::fs::{CWD, FileType as Node, Mode, mknodat};

    use super::*;

    #[test]
    fn only_files_are_opened_and_what_else_it_is_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("file"), "text").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        for name in ["file", "link"] {
            let mut text = String::new();
            open_regular(&at(name)).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "text");
        }
        mknodat(CWD, at("pipe"), Node::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        std::os::unix::fs::symlink(at("pipe"), at("to-pipe")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        let places = [
            (at("pipe"), "it is a pipe, not a file"),
            (at("to-pipe"), "it is a pipe, not a file"),
            (at("socket"), "it is a socket, not a file"),
            (dir.path().to_owned(), "it is a directory, not a file"),
            ("/dev/null".into(), "it is a device, not a file"),
            ("/dev/zero".into(), "it is a device, not a file"),
        ];
        for (path, why) in places {
            assert_eq!(open_regular(&path).unwrap_err().to_string(), why);
        }
        let missing = open_regular(&at("missing")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
