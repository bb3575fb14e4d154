//! What lies where in the data directory, and its two secrets.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use playon_store::open_regular;
use playon_types::ply;

use crate::error::{Coded, data_dir, system};

/// Bytes of the path of a Unix socket, which the kernel bounds: without the zero at its end.
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// The data directory of one keeper.
#[derive(Clone, Debug)]
pub struct DataDir {
    root: PathBuf,
    /// Device and number of the directory, if it was opened.
    identity: Option<(u64, u64)>,
}

impl DataDir {
    /// Makes the directory and its folders if they are missing, for this user only.
    ///
    /// # Errors
    /// When it cannot be made, `PLY-0501`, or no socket can be in it, `PLY-0502`.
    pub fn open(root: &Path) -> Result<Self, Coded> {
        make_folder(root)?;
        let root = fs::canonicalize(root)
            .map_err(|error| data_dir(format!("cannot use {}: {error}", root.display())))?;
        refuse_readable(&root)?;
        let identity = identity(&root);
        let this = Self { root, identity };
        this.refuse_long()?;
        make_folder(&this.artifacts())?;
        Ok(this)
    }

    /// Workers could not connect to a socket with a longer path.
    fn refuse_long(&self) -> Result<(), Coded> {
        let (socket, root) = (self.attach_socket(), self.root.as_os_str().len());
        let beyond = socket.as_os_str().len().saturating_sub(SOCKET_PATH_BYTES_MAX);
        if beyond == 0 {
            return Ok(());
        }
        let message = format!(
            "the path of the data directory has {root} bytes, {beyond} too many: {} could not be connected to",
            socket.display()
        );
        Err(Coded::new(ply!("PLY-0502"), message, "choose a data directory with a shorter path"))
    }

    /// The directory without making anything, for programs that only look.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), identity: None }
    }

    /// Whether its path still leads to the directory that was opened.
    pub(crate) fn is_there(&self) -> bool {
        self.identity.is_some() && identity(&self.root) == self.identity
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Executables, each under its hash.
    pub fn artifacts(&self) -> PathBuf {
        self.root.join("artifacts")
    }

    /// Where workers attach.
    pub fn attach_socket(&self) -> PathBuf {
        self.root.join("attach.sock")
    }

    /// The bearer token of the admin API.
    pub fn admin_token(&self) -> PathBuf {
        self.root.join("admin.token")
    }

    /// The shared secret of workers that the keeper did not start.
    pub fn worker_secret(&self) -> PathBuf {
        self.root.join("worker.secret")
    }

    /// For how long keepers have run here.
    pub fn age(&self) -> PathBuf {
        self.root.join("age")
    }

    /// Where the running keeper is reached, as JSON.
    pub fn addresses(&self) -> PathBuf {
        self.root.join("keeper.json")
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

/// Makes a folder for this user only, and those above it, unless they are there.
///
/// # Errors
/// When it cannot be made; `PLY-0501`.
pub(crate) fn make_folder(path: &Path) -> Result<(), Coded> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| data_dir(format!("cannot make {}: {error}", path.display())))
}

/// Refuses what users beside this one can open: keys of players, tokens and executables lie there.
fn refuse_readable(path: &Path) -> Result<(), Coded> {
    let mode = fs::metadata(path)
        .map_err(|error| data_dir(format!("cannot use {}: {error}", path.display())))?
        .permissions()
        .mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let others =
        format!("{} can be opened by other users (mode {:03o})", path.display(), mode & 0o777);
    let remedy = "run `chmod 700` on the data directory and `chmod 600` on the secrets in it; if others may have read a secret, delete it, and a new one is made";
    Err(Coded::new(ply!("PLY-0545"), others, remedy))
}

/// Has this process and its children make files and folders that only this user can open.
pub fn make_files_private() {
    let _ = rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
}

/// Random bytes, good for secrets.
///
/// # Errors
/// When the system has no randomness; `PLY-0503`.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], Coded> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| system("no random numbers", error))?;
    Ok(bytes)
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads a secret from its file, or makes both, readable by this user only.
///
/// # Errors
/// When the file cannot be read or made; `PLY-0501`.
pub fn secret_file(path: &Path) -> Result<String, Coded> {
    let refuse = |error: io::Error| data_dir(format!("cannot use {}: {error}", path.display()));
    if path.exists() {
        refuse_readable(path)?;
    }
    match open_regular(path).and_then(io::read_to_string) {
        Ok(text) if text.trim().len() >= 32 => return Ok(text.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(refuse(error)),
    }
    let secret = hex(&random_bytes::<32>()?);
    write_private(path, format!("{secret}\n").as_bytes()).map_err(refuse)?;
    Ok(secret)
}

/// Writes a file that only this user can read, all of it or nothing.
///
/// # Errors
/// When it cannot be written.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = path.with_extension("part");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&part, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.token");
        let first = secret_file(&path).unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(secret_file(&path).unwrap(), first);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_others_can_open_is_refused_with_words() {
        let dir = tempfile::tempdir().unwrap();
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        for mode in [0o755, 0o750, 0o701, 0o710] {
            set(dir.path(), mode);
            let error = DataDir::open(dir.path()).unwrap_err();
            assert_eq!(error.code, ply!("PLY-0545"));
            assert!(error.message.contains(&format!("{mode:o}")), "{error}");
        }
        set(dir.path(), 0o700);
        let data = DataDir::open(dir.path()).unwrap();
        let secret = secret_file(&data.admin_token()).unwrap();
        set(&data.admin_token(), 0o640);
        assert_eq!(secret_file(&data.admin_token()).unwrap_err().code, ply!("PLY-0545"));
        set(&data.admin_token(), 0o600);
        assert_eq!(secret_file(&data.admin_token()).unwrap(), secret);
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let error = DataDir::open(&file.join("data")).unwrap_err();
        assert_eq!(error.code, ply!("PLY-0501"));
        assert!(error.message.contains("file/data"), "{error}");
    }
    #[test]
    fn a_path_that_no_socket_can_have_is_refused_with_words() {
        let dir = tempfile::tempdir().unwrap();
        let above = fs::canonicalize(dir.path()).unwrap();
        let longest = SOCKET_PATH_BYTES_MAX - "/attach.sock".len() - above.as_os_str().len() - 1;
        assert!(DataDir::open(&above.join("x".repeat(longest))).is_ok());
        let error = DataDir::open(&above.join("x".repeat(longest + 1))).unwrap_err();
        assert_eq!(error.code, ply!("PLY-0502"));
        assert!(error.message.contains("96 bytes, 1 too many"), "{error}");
    }
}
