//! What cannot be opened is refused with a clear error, and nothing is overwritten.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::common::{World, see};
use playon_store::testing::submit;
use playon_store::watermark::WATERMARK_FILE;
use playon_store::{
    Batch, DATABASE_FILE, OpenError, RoomLog, SqliteOptions, SqliteStore, StoreError, verify,
};
use playon_types::code::Code;
use playon_types::ply;

fn open(dir: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(dir, SqliteOptions::default())
}

/// A closed store with some history.
fn store() -> (tempfile::TempDir, World) {
    let dir = crate::common::scratch();
    let store = open(dir.path()).unwrap();
    let mut world = World::new(1);
    for _ in 0..30 {
        submit(&store, world.step()).unwrap();
    }
    store.close().unwrap();
    (dir, world)
}

fn sql(dir: &Path, sql: &str) {
    rusqlite::Connection::open(dir.join(DATABASE_FILE)).unwrap().execute_batch(sql).unwrap();
}

fn refused(dir: &Path, code: Code) -> String {
    let before = std::fs::read(dir.join(DATABASE_FILE)).ok();
    let error = open(dir).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert_eq!(std::fs::read(dir.join(DATABASE_FILE)).ok(), before, "the database is as it was");
    assert!(error.to_string().starts_with(&code.to_string()));
    error.to_string()
}

#[test]
fn a_second_keeper_learns_who_holds_the_directory() {
    let (dir, _) = store();
    let first = open(dir.path()).unwrap();
    let error = refused(dir.path(), ply!("PLY-0210"));
    assert!(error.contains(&format!("process id {}", std::process::id())), "{error}");
    assert!(matches!(verify(dir.path()), Err(OpenError::Locked { .. })));
    first.close().unwrap();
    open(dir.path()).unwrap();
}

#[test]
fn a_newer_schema_is_left_alone() {
    let (dir, _) = store();
    sql(dir.path(), "PRAGMA user_version = 99");
    assert!(refused(dir.path(), ply!("PLY-0211")).contains("schema is 99"));
    assert!(matches!(verify(dir.path()), Err(OpenError::Newer { found: 99, .. })));
}

#[test]
fn another_database_is_left_alone() {
    let dir = crate::common::scratch();
    sql(dir.path(), "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
    refused(dir.path(), ply!("PLY-0214"));
    std::fs::write(dir.path().join(DATABASE_FILE), "a letter to the tax office, ".repeat(400))
        .unwrap();
    refused(dir.path(), ply!("PLY-0214"));
    assert!(matches!(verify(dir.path()), Err(OpenError::NotOurs { .. })));
}

#[test]
fn a_missing_database_is_not_replaced_by_an_empty_one() {
    let (dir, _) = store();
    std::fs::remove_file(dir.path().join(DATABASE_FILE)).unwrap();
    refused(dir.path(), ply!("PLY-0216"));
    std::fs::write(dir.path().join(DATABASE_FILE), "").unwrap();
    assert!(refused(dir.path(), ply!("PLY-0216")).contains("the last one found is 0"));
    std::fs::remove_file(dir.path().join(WATERMARK_FILE)).unwrap();
    std::fs::write(dir.path().join("playon.db-wal"), "left over").unwrap();
    refused(dir.path(), ply!("PLY-0215"));
}

#[test]
fn a_loss_is_named_and_can_be_accepted() {
    let (dir, mut world) = store();
    let older = crate::common::scratch();
    crate::common::copy(dir.path(), older.path());
    let store = open(dir.path()).unwrap();
    let before = world.clone();
    for _ in 0..5 {
        submit(&store, world.step()).unwrap();
    }
    store.close().unwrap();
    std::fs::copy(older.path().join(DATABASE_FILE), dir.path().join(DATABASE_FILE)).unwrap();
    let error = refused(dir.path(), ply!("PLY-0216"));
    // 30 steps after the first epoch; the second one and 5 more were promised.
    assert!(error.contains("batch 37 was acknowledged, the last one found is 31"), "{error}");
    std::fs::remove_file(dir.path().join(WATERMARK_FILE)).unwrap();
    let store = open(dir.path()).unwrap();
    before.compare(&see(&store).unwrap(), &store).unwrap();
}

#[test]
fn an_unreadable_watermark_is_refused() {
    let (dir, _) = store();
    std::fs::write(dir.path().join(WATERMARK_FILE), "nothing of use").unwrap();
    refused(dir.path(), ply!("PLY-0215"));
    assert!(!verify(dir.path()).unwrap().is_sound());
}

#[test]
fn a_crash_while_the_store_is_made_leaves_it_to_be_made_again() {
    let dir = crate::common::scratch();
    // As far as switching to the write-ahead log, and no further.
    sql(dir.path(), "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL");
    let store = open(dir.path()).unwrap();
    assert!(see(&store).unwrap().rooms.is_empty());
}

#[test]
fn a_taken_over_keeper_writes_no_more() {
    let (dir, mut world) = store();
    let store = open(dir.path()).unwrap();
    // What a second keeper on a file system without locks would do.
    let conn = rusqlite::Connection::open(dir.path().join(DATABASE_FILE)).unwrap();
    conn.execute_batch("UPDATE keeper SET epoch = epoch + 1").unwrap();
    let error = submit(&store, world.step()).unwrap_err();
    assert!(matches!(error, StoreError::Fenced(_)), "{error}");
    assert!(matches!(submit(&store, Batch::default()), Err(StoreError::Stopped(_))));
    let last: i64 = conn.query_row("SELECT max(id) FROM batch", [], |row| row.get(0)).unwrap();
    assert_eq!(last, 32, "nothing was written after the takeover");
}

#[test]
fn nothing_to_inspect_is_said() {
    let dir = crate::common::scratch();
    assert!(matches!(verify(dir.path()), Err(OpenError::Missing { .. })));
    assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none(), "looking creates nothing");
}

// Some faults need another process: a user without rights, a full disk, a limit on file sizes.

const ROLE: &str = "PLAYON_STORE_OPEN_ROLE";
const PLACE: &str = "PLAYON_STORE_OPEN_PLACE";

/// Plays the role asked for by the parent, in a directory that it prepared, and prints what happened.
#[test]
fn child_plays_a_role() {
    let Some(role) = std::env::var_os(ROLE) else { return };
    let dir = std::env::var_os(PLACE).unwrap();
    let dir = Path::new(&dir);
    let said = match role.to_str().unwrap() {
        "open" => open(dir).map_or_else(|error| error.to_string(), |_| "opened".to_owned()),
        "verify" => verify(dir).map_or_else(|error| error.to_string(), |report| report.to_string()),
        "fill" => fill(dir),
        other => panic!("no such role: {other}"),
    };
    println!("said: {said}");
}

/// Writes until the store fails. Says how many batches were acknowledged, and how it failed.
fn fill(dir: &Path) -> String {
    let store = match open(dir) {
        Ok(store) => store,
        Err(error) => return error.to_string(),
    };
    let mut world = World::new(5);
    loop {
        if let Err(error) = submit(&store, world.step()) {
            let later = submit(&store, Batch::default()).unwrap_err();
            assert!(matches!(later, StoreError::Stopped(_)), "{later}");
            return format!("{} acknowledged; {error}", world.steps - 1);
        }
        assert!(world.steps < 100_000, "the limit is never reached");
    }
}

/// Runs this test executable in a role, possibly through `sh -c` and as another user.
fn play(role: &str, place: &Path, shell: Option<&str>, user: Option<u32>) -> Output {
    // Another user may not be able to get at the executable where it was built.
    let home = tempfile::tempdir().unwrap();
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let exe = home.path().join("child");
    // Copied by another process: a file that is open for writing here, or in a fork of a parallel test, cannot
    // be executed.
    let copied =
        Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&exe).status().unwrap();
    assert!(copied.success());
    std::fs::set_permissions(&exe, std::fs::Permissions::from_mode(0o755)).unwrap();
    let args = ["open::child_plays_a_role", "--exact", "--nocapture"];
    let mut command = match shell {
        None => Command::new(&exe),
        Some(script) => {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("{script}\nexec \"$@\""), "sh"]).arg(&exe);
            command
        }
    };
    command.args(args).env(ROLE, role).env(PLACE, place).current_dir("/");
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    let said =
        text.lines().skip_while(|line| !line.contains("said: ")).collect::<Vec<_>>().join("\n");
    assert!(
        !said.is_empty(),
        "the child said nothing: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

const NOBODY: u32 = 65_534;

/// Whether this process may do everything, so that permissions have to be tested as somebody else.
fn root() -> Option<u32> {
    rustix::process::geteuid().is_root().then_some(NOBODY)
}

#[test]
fn a_read_only_directory_is_refused_but_can_be_verified() {
    let (dir, _) = store();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        std::fs::set_permissions(entry.unwrap().path(), std::fs::Permissions::from_mode(0o444))
            .unwrap();
    }
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    let answer = said(&play("open", dir.path(), None, root()));
    assert!(answer.contains("PLY-0212"), "{answer}");
    let answer = said(&play("verify", dir.path(), None, root()));
    assert!(answer.contains("everything is sound"), "{answer}");
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_read_only_database_is_refused() {
    let (dir, _) = store();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = if entry.file_name() == DATABASE_FILE { 0o444 } else { 0o666 };
        std::fs::set_permissions(entry.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let answer = said(&play("open", dir.path(), None, root()));
    assert!(answer.contains("PLY-0212"), "{answer}");
}

/// What was acknowledged before the failure is there, exactly or with the one batch that was in flight.
fn check_filled(dir: &Path, answer: &str) {
    let acknowledged: u64 =
        answer.split_once("said: ").unwrap().1.split_once(' ').unwrap().0.parse().unwrap();
    assert!(acknowledged > 3, "{answer}");
    let store = open(dir).unwrap();
    let seen = see(&store).unwrap();
    assert!(seen.places.is_empty());
    let found = seen.rooms[&crate::common::COUNTER].records.last().unwrap().1.seq.0;
    assert!(found == acknowledged || found == acknowledged + 1, "{found} found, {answer}");
    World::after(5, found).compare(&seen, &store).unwrap();
}

#[test]
fn a_limit_on_file_sizes_stops_the_store_for_good() {
    let dir = crate::common::scratch();
    // Ignored signals stay ignored in the child: the write fails instead.
    let answer = said(&play("fill", dir.path(), Some("trap '' XFSZ; ulimit -f 1000"), None));
    assert!(answer.contains("acknowledged; PLY-0202"), "{answer}");
    check_filled(dir.path(), &answer);
}

#[test]
fn a_full_disk_stops_the_store_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("full");
    let kept = dir.path().join("kept");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::create_dir_all(&kept).unwrap();
    // A file system of its own, seen by the child alone, which is copied out before it goes away.
    let script = format!(
        "mount -t tmpfs -o size=1500k playon '{0}' || exit 77\n\"$@\"; status=$?\n\
         PLAYON_STORE_OPEN_ROLE=open \"$@\" | sed 's/said/again/'\ncp '{0}'/playon* '{0}'/watermark '{1}'/\nexit $status",
        place.display(),
        kept.display()
    );
    let exe = std::env::current_exe().unwrap();
    let output = Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-c", &script, "sh"])
        .arg(&exe)
        .args(["open::child_plays_a_role", "--exact", "--nocapture"])
        .env(ROLE, "fill")
        .env(PLACE, &place)
        .output();
    let output = match output {
        Ok(output) if output.status.success() => output,
        other => {
            let why = other.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
            // Not through `eprintln!`, which the harness swallows when a test passes.
            let said = format!(
                "\nNOT RUN: a full disk needs unshare(1) and the right to mount a tmpfs: {why:?}\n"
            );
            std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes()).unwrap();
            return;
        }
    };
    let text = said(&output);
    let answer = text.lines().next().unwrap();
    assert!(answer.contains("acknowledged; PLY-0202") && answer.contains("full"), "{answer}");
    assert!(text.contains("PLY-0213"), "opening on a full disk: {text}");
    check_filled(&kept, answer);
}
