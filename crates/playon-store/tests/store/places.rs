//! Where a store, a backup and a repaired store lie: for their user alone, and in the directory that was given.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use crate::common::{World, see};
use playon_store::backup::{BackupError, Progress, Restored, backup, restore};
use playon_store::testing::submit;
use playon_store::{
    DATABASE_FILE, ReleaseRow, Releases, RoomLog, SqliteOptions, SqliteStore, repair, verify,
};
use playon_types::ids::ReleaseId;

/// Somebody who runs a keeper; the tests of owners need root.
const KEEPER: u32 = 12_345;

fn quietly(_: Progress) {}

fn store(dir: &Path) -> World {
    use sha2::Digest;
    let store = SqliteStore::open(dir, SqliteOptions::default()).unwrap();
    let body = vec![7; 3_000];
    let id = ReleaseId(sha2::Sha256::digest(&body).into());
    std::fs::create_dir_all(dir.join("artifacts")).unwrap();
    std::fs::write(dir.join("artifacts").join(id.to_string()), body).unwrap();
    store.put_release(ReleaseRow { id, label: "mine".into(), added_ms: 1 }).unwrap();
    let mut world = World::new(3);
    for _ in 0..30 {
        submit(&store, world.step()).unwrap();
    }
    store.close().unwrap();
    world
}

/// A store and a backup of it.
fn backed_up(dir: &Path) -> (World, PathBuf) {
    let (data, from) = (dir.join("data"), dir.join("backup"));
    let world = store(&data);
    backup(&data, &from, &mut quietly).unwrap();
    (world, from)
}

/// Everything in a directory and below.
fn all(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(all(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Folders are 0700, files 0600, executables 0500.
fn check_modes(dir: &Path) {
    for path in all(dir) {
        let artifact = path.is_file() && path.parent().unwrap().ends_with("artifacts");
        let wanted = if path.is_dir() {
            0o700
        } else if artifact {
            0o500
        } else {
            0o600
        };
        assert_eq!(mode(&path), wanted, "{}", path.display());
    }
}

fn check_restored(to: &Path, world: &World) {
    assert!(verify(to).unwrap().is_sound());
    check_modes(to);
    let store = SqliteStore::open(to, SqliteOptions::default()).unwrap();
    world.compare(&see(&store).unwrap(), &store).unwrap();
    store.close().unwrap();
    let names: Vec<_> =
        all(to).into_iter().filter(|path| path.ends_with("unfinished.part")).collect();
    assert!(names.is_empty(), "{names:?}");
}

#[test]
fn files_are_for_their_user_alone() {
    let dir = crate::common::scratch();
    let (_, from) = backed_up(dir.path());
    let to = dir.path().join("made/on/the/way/restored");
    restore(&from, &to, &mut quietly).unwrap();
    for made in [&from, &to, &dir.path().join("made")] {
        assert_eq!(mode(made), 0o700, "{}", made.display());
        check_modes(made);
    }
    for name in ["", "-wal", "-shm"].map(|end| format!("{DATABASE_FILE}{end}")) {
        let file = dir.path().join("data").join(name);
        assert!(!file.exists() || mode(&file) == 0o600, "{}", file.display());
    }
    assert_eq!(mode(&dir.path().join("data")), 0o700);
}

/// A directory that is there and empty, however it is called, is filled in place.
#[test]
fn an_empty_directory_is_filled_in_place() {
    let dir = crate::common::scratch();
    let (world, from) = backed_up(dir.path());
    // On another file system, where a rename does not lead.
    let elsewhere = tempfile::tempdir().unwrap();
    for (number, given) in
        ["plain", "link", "loose", "plain/.", "plain/lost+found/.."].iter().enumerate()
    {
        let place = elsewhere.path().join(number.to_string());
        let plain = place.join("plain");
        std::fs::create_dir_all(plain.join("lost+found")).unwrap();
        std::fs::set_permissions(&plain, std::fs::Permissions::from_mode(0o751)).unwrap();
        std::fs::set_permissions(plain.join("lost+found"), std::fs::Permissions::from_mode(0o700))
            .unwrap();
        symlink("plain", place.join("link")).unwrap();
        symlink("nowhere-yet", place.join("loose")).unwrap();
        let before = std::fs::metadata(&plain).unwrap();
        restore(&from, &place.join(given), &mut quietly).unwrap();
        check_restored(&place.join(given), &world);
        let after = std::fs::metadata(&plain).unwrap();
        // A keeper takes no directory that others can open.
        let closed = if *given == "loose" { 0 } else { 0o077 };
        assert_eq!((before.ino(), before.mode() & !closed), (after.ino(), after.mode()), "{given}");
        assert!(place.join("link").is_symlink() && place.join("loose").is_symlink());
        let again = restore(&from, &place.join(given), &mut quietly).unwrap_err();
        assert!(matches!(again, BackupError::Exists(_)), "{again}");
    }
    let copy = elsewhere.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    backup(&dir.path().join("data"), &copy, &mut quietly).unwrap();
    restore(&copy, &dir.path().join("third"), &mut quietly).unwrap();
    check_restored(&dir.path().join("third"), &world);
}

#[test]
fn what_a_killed_attempt_left_in_place_is_in_nobodys_way() {
    let dir = crate::common::scratch();
    let (world, from) = backed_up(dir.path());
    let to = dir.path().join("place");
    let whole = dir.path().join("whole");
    restore(&from, &whole, &mut quietly).unwrap();
    // Killed while it was copied, and after each step of moving up.
    for moved in 0..all(&whole).iter().filter(|path| path.parent() == Some(&whole)).count() {
        std::fs::create_dir_all(to.join("unfinished.part")).unwrap();
        let names = std::fs::read_dir(&whole).unwrap().map(|entry| entry.unwrap().file_name());
        let names = names.filter(|name| name != DATABASE_FILE);
        for name in names.take(moved) {
            if whole.join(&name).is_dir() {
                std::fs::create_dir_all(to.join(name)).unwrap();
            } else {
                std::fs::copy(whole.join(&name), to.join(name)).unwrap();
            }
        }
        restore(&from, &to, &mut quietly).unwrap();
        check_restored(&to, &world);
        // Whole, it may have been used since: it stays.
        std::fs::create_dir(to.join("unfinished.part")).unwrap();
        let again = restore(&from, &to, &mut quietly).unwrap_err();
        assert!(matches!(again, BackupError::Exists(_)), "{again}");
        std::fs::remove_dir_all(&to).unwrap();
    }
}

#[test]
fn what_cannot_be_made_is_refused_before_anything_is_copied() {
    let dir = crate::common::scratch();
    let (_, from) = backed_up(dir.path());
    std::fs::write(dir.path().join("file"), "").unwrap();
    symlink("file", dir.path().join("link")).unwrap();
    for given in ["file", "link", "data"] {
        let mut copied = false;
        let refused = restore(&from, &dir.path().join(given), &mut |_| copied = true);
        assert!(matches!(refused, Err(BackupError::Exists(_))) && !copied, "{given}");
    }
    let mut copied = false;
    let nameless = restore(&from, &dir.path().join("nothing/.."), &mut |_| copied = true);
    assert!(nameless.is_err() && !copied);
}

/// Each life that goes on from the same backup is another one, and a later one has the higher epoch.
#[test]
fn the_same_backup_is_never_gone_on_from_in_the_same_epoch() {
    let dir = crate::common::scratch();
    let (_, from) = backed_up(dir.path());
    let again = |n: u32| -> Restored {
        restore(&from, &dir.path().join(n.to_string()), &mut quietly).unwrap()
    };
    let epochs: Vec<u64> = (0..4).map(|n| again(n).epoch).collect();
    for (n, epoch) in epochs.iter().enumerate() {
        assert!(*epoch < 1 << 53, "players take numbers up to there");
        // A keeper of one of these lives is started now and then, hardly a thousand times a second.
        assert!(epochs[..n].iter().all(|other| other.abs_diff(*epoch) > 1), "{epochs:?}");
    }
    // A backup of a restored store goes on later still.
    let store = SqliteStore::open(&dir.path().join("3"), SqliteOptions::default()).unwrap();
    store.close().unwrap();
    backup(&dir.path().join("3"), &dir.path().join("b"), &mut quietly).unwrap();
    let next = restore(&dir.path().join("b"), &dir.path().join("6"), &mut quietly).unwrap();
    assert!(next.epoch > store.epoch().0);
}

/// A repair, a restore and a start by root lock nobody out.
#[test]
fn root_leaves_everything_to_the_owner_of_the_directory() {
    if !rustix::process::geteuid().is_root() {
        println!("not root: nothing can be given away");
        return;
    }
    let dir = crate::common::scratch();
    let (_, from) = backed_up(dir.path());
    let to = dir.path().join("to");
    std::fs::create_dir(&to).unwrap();
    chown(&to, Some(KEEPER), Some(KEEPER)).unwrap();
    let owned = |dir: &Path| {
        for path in all(dir) {
            let meta = std::fs::symlink_metadata(&path).unwrap();
            assert_eq!((meta.uid(), meta.gid()), (KEEPER, KEEPER), "{}", path.display());
        }
    };
    restore(&from, &to, &mut quietly).unwrap();
    owned(&to);
    let conn = rusqlite::Connection::open(to.join(DATABASE_FILE)).unwrap();
    conn.execute_batch("UPDATE snapshot SET body = x'00' WHERE rowid = 1").unwrap();
    drop(conn);
    let repaired = repair(&to, true, &mut |_| {}).unwrap();
    assert!(repaired.done);
    owned(&to);
    // A directory that was never used, too.
    let fresh = dir.path().join("fresh");
    std::fs::create_dir(&fresh).unwrap();
    chown(&fresh, Some(KEEPER), Some(KEEPER)).unwrap();
    SqliteStore::open(&fresh, SqliteOptions::default()).unwrap().close().unwrap();
    owned(&fresh);
    let copy = fresh.join("copy");
    std::fs::create_dir(&copy).unwrap();
    chown(&copy, Some(KEEPER), Some(KEEPER)).unwrap();
    backup(&to, &copy, &mut quietly).unwrap();
    owned(&copy);
}
