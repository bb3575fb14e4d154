//! A keeper under a service manager: passed sockets and told states. The manager's part is played here.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::Signal;

use super::rig::{PATIENCE, PLAYON, kill};

/// A keeper that was started as a service. Killed when dropped.
struct Service {
    keeper: Child,
    told: UnixDatagram,
    dir: tempfile::TempDir,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

/// Puts standard input and standard error in the places of the first two passed sockets, as the process that the
/// keeper then becomes.
const PASS_TWO: &str = "exec 3<&0 4<&2 </dev/null 2>\"$LOG\"
LISTEN_PID=$$ LISTEN_FDS=2 WATCHDOG_PID=$$ exec \"$0\" \"$@\"";

fn start(names: &str, first: TcpListener, second: TcpListener) -> Service {
    let dir = tempfile::tempdir().unwrap();
    let told = UnixDatagram::bind(dir.path().join("notify")).unwrap();
    told.set_read_timeout(Some(PATIENCE)).unwrap();
    let keeper = Command::new("sh")
        .args(["-c", PASS_TWO, PLAYON, "serve", "--data"])
        .arg(dir.path().join("data"))
        .env("LOG", dir.path().join("log"))
        .env("LISTEN_FDNAMES", names)
        .env("NOTIFY_SOCKET", dir.path().join("notify"))
        .env("WATCHDOG_USEC", "3000000")
        .stdin(Stdio::from(OwnedFd::from(first)))
        .stdout(Stdio::null())
        .stderr(Stdio::from(OwnedFd::from(second)))
        .spawn()
        .unwrap();
    Service { keeper, told, dir }
}

impl Service {
    /// Waits until the keeper tells something that begins so.
    fn until(&self, wanted: &str) -> String {
        let until = Instant::now() + PATIENCE;
        let mut bytes = [0; 4_096];
        while Instant::now() < until {
            let Ok(count) = self.told.recv(&mut bytes) else { break };
            let text = String::from_utf8(bytes[..count].to_vec()).unwrap();
            if text.starts_with(wanted) {
                return text;
            }
        }
        panic!("{wanted} was not told: {}", log(self.dir.path()))
    }
}

fn log(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("log")).unwrap_or_default()
}

fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

fn ask(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn passed_sockets_are_served_and_the_manager_is_told() {
    let ((players, players_at), (admin, admin_at)) = (listener(), listener());
    // Connected before there is a keeper: it waits in the socket instead of being refused.
    let mut early = TcpStream::connect(&admin_at).unwrap();
    let mut service = start("", players, admin);
    let ready = service.until("READY=1\nSTATUS=");
    assert!(ready.contains(&players_at) && ready.contains(&admin_at), "{ready}");
    early.set_read_timeout(Some(PATIENCE)).unwrap();
    early.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    let _ = early.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(ask(&players_at, "/play").contains("PLY-0153"), "this is the player port");
    for _ in 0..3 {
        let told = service.until("WATCHDOG=1");
        assert!(told.contains("0 rooms"), "{told}");
    }
    kill(service.keeper.id(), Signal::TERM);
    service.until("STOPPING=1");
    assert_eq!(service.keeper.wait().unwrap().code(), Some(0), "{}", log(service.dir.path()));
}

#[test]
fn sockets_may_be_told_apart_by_their_names() {
    let ((admin, admin_at), (players, players_at)) = (listener(), listener());
    let service = start("admin:players", admin, players);
    service.until("READY=1");
    assert!(ask(&admin_at, "/healthz").starts_with("HTTP/1.1 200"));
    assert!(ask(&players_at, "/play").contains("PLY-0153"));
}

#[test]
fn a_keeper_that_stands_still_gives_no_sign_of_life() {
    let ((players, _), (admin, _)) = (listener(), listener());
    let service = start("players:admin", players, admin);
    service.until("WATCHDOG=1");
    kill(service.keeper.id(), Signal::STOP);
    // What was told before is read away; then nothing more comes for as long as the watchdog would wait.
    service.told.set_read_timeout(Some(std::time::Duration::from_secs(4))).unwrap();
    let mut bytes = [0; 4_096];
    let mut before = 0;
    while service.told.recv(&mut bytes).is_ok() {
        before += 1;
        assert!(before < 10, "a process that stands still goes on telling");
    }
    service.told.set_read_timeout(Some(PATIENCE)).unwrap();
    kill(service.keeper.id(), Signal::CONT);
    service.until("WATCHDOG=1");
}

#[test]
fn what_is_no_listening_socket_is_refused() {
    let (players, _) = listener();
    let (_peer, connected) = std::os::unix::net::UnixStream::pair().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new("sh")
        .args(["-c", PASS_TWO, PLAYON, "serve", "--data"])
        .arg(dir.path().join("data"))
        .env("LOG", dir.path().join("log"))
        .stdin(Stdio::from(OwnedFd::from(players)))
        .stderr(Stdio::from(OwnedFd::from(connected)))
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(output.code(), Some(1));
    assert!(log(dir.path()).contains("PLY-0530"), "{}", log(dir.path()));
}

#[test]
fn the_units_fit_what_the_keeper_does() {
    let read = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ops/systemd").join(name);
        std::fs::read_to_string(path).unwrap()
    };
    let service = read("playon.service");
    let lines = ["Type=notify", "WatchdogSec=20", "Restart=always", "KillMode=mixed", "UMask=0077"];
    for line in lines.into_iter().chain(["StartLimitIntervalSec=0"]) {
        assert!(service.lines().any(|found| found == line), "{line} is missing");
    }
    let socket = read("playon.socket");
    let unlimited = |text: &str, line: &str| text.lines().any(|found| found == line);
    assert!(unlimited(&socket, "StartLimitIntervalSec=0"), "five failures would end it for good");
    let listens: Vec<_> = socket.lines().filter(|line| line.starts_with("ListenStream=")).collect();
    assert!(listens.len() == 2 && listens[0].ends_with(":4000") && listens[1].ends_with(":4001"));
    // The flags that the unit uses are flags of the command.
    let command = service.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let help = Command::new(PLAYON).args(["serve", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for flag in command.split(' ').filter(|word| word.starts_with("--")) {
        assert!(help.contains(flag), "{flag} is no flag of playon serve");
    }
}

/// The lines of the unit's own instructions that begin with `playon`, done with a configuration file in a folder.
#[test]
fn the_steps_in_the_unit_make_the_configuration_that_it_demands() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ops/systemd/playon.service");
    let unit = std::fs::read_to_string(unit).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path().join("playon.toml").display().to_string();
    let demanded = "/etc/playon/playon.toml";
    assert!(unit.contains(&format!("ExecStart=/usr/local/bin/playon serve --config {demanded}")));
    let steps = unit.lines().filter_map(|line| line.strip_prefix("#   playon config "));
    let steps: Vec<_> = steps.map(|step| step.replace(demanded, &here)).collect();
    assert_eq!(steps.len(), 2);
    for step in steps {
        let script = format!("\"$0\" config {step}");
        let output = Command::new("sh").args(["-ec", &script, PLAYON]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(Path::new(&here).is_file());
}
