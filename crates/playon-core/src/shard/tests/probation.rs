//! A release on probation, over kinds and over keepers: a director whose shards and store are the test's.

use crate::deploy::{DeployWish, Director, DirectorConfig, DirectorEffect, Sleepers, Target};
use crate::effect::{Aside, Cost, Inquiry, Listing, Order, Report};
use crate::fleet::{Berth, Ended, WorkerEnd, WorkerInfo};
use playon_types::ids::{DeployId, ReleaseId, RoomId, SessionId, WorkerId};
use playon_types::kind::{KindInfo, Policies};
use playon_types::reason;
use playon_types::reason::Reason;
use playon_types::record::{Course, DeployPhase, DeployRecord};
use playon_types::time::{Span, Time};

use super::bench::{NEW, OLD};

const DUEL: RoomId = RoomId([1; 16]);
const LOBBY: RoomId = RoomId([2; 16]);

/// Rooms of two kinds, of which lobbies are watched for so long, and duels for as long as the keeper says: 60 s.
struct Stage {
    director: Director,
    now: Time,
    /// What the store has of the last deploy.
    stored: Option<DeployRecord>,
    current: ReleaseId,
    lobbies: Option<Span>,
    alarms: usize,
}

fn kinds(lobbies: Option<Span>) -> Vec<KindInfo> {
    let kind = |name: &str, probation| KindInfo {
        name: name.into(),
        writes: 1,
        reads_from: 1,
        exports_to: 1,
        policies: Policies { probation, ..Policies::default() },
    };
    vec![kind("duel", None), kind("lobby", lobbies)]
}

impl Stage {
    fn keeper(age: Span, probation: Span, lobbies: Option<Span>) -> Self {
        let config = DirectorConfig { probation, age, ..DirectorConfig::default() };
        let (director, now) = (Director::new(config), Time(0));
        Self { director, now, stored: None, current: OLD, lobbies, alarms: 0 }
    }

    /// Reads what was stored, lists the rooms on that release, and lets workers of both attach.
    fn begin(mut self, stored: Option<DeployRecord>, on: ReleaseId) -> Self {
        let declared: Vec<KindInfo> = kinds(self.lobbies);
        for release in [OLD, NEW] {
            self.director.handle_release(release, declared.clone());
        }
        self.current = on;
        self.stored.clone_from(&stored);
        self.director.handle_recovered(self.now, Some(on), stored.into_iter().collect());
        for (room, kind) in [(DUEL, "duel"), (LOBBY, "lobby")] {
            self.list(room, kind, on);
        }
        self.director.handle_recovery_done(self.now);
        for (id, release) in [(1, OLD), (2, NEW)] {
            let kinds = kinds(self.lobbies);
            let info = WorkerInfo { id: WorkerId(id), berth: Berth::Common, release, kinds };
            self.director.handle_worker_up(self.now, &info);
        }
        self.drain();
        self
    }

    fn list(&mut self, room: RoomId, kind: &str, release: ReleaseId) {
        let listing = Listing {
            room,
            kind: kind.into(),
            name: "table".into(),
            release,
            version: 1,
            players: 1,
            players_max: 4,
            live: true,
            halted: None,
        };
        self.hear(Report::Listing(listing));
    }

    fn hear(&mut self, report: Report) {
        self.director.handle_report(self.now, 0, &report);
        self.drain();
    }

    fn pass(&mut self, span: Span) {
        self.now = self.now + span;
        while let Some(at) = self.director.next_timeout().filter(|at| *at <= self.now) {
            self.director.handle_timeout(self.now);
            assert!(
                self.director.next_timeout().is_none_or(|next| next > at),
                "it spins at {at:?}"
            );
            self.drain();
        }
    }

    /// Does what good shards and a good store do.
    fn drain(&mut self) {
        let mut answers = Vec::new();
        while let Some(effect) = self.director.poll() {
            match effect {
                DirectorEffect::Store { record, current } => {
                    self.stored = Some(record);
                    self.current = current.unwrap_or(self.current);
                }
                DirectorEffect::Keep(record) => self.stored = Some(record),
                DirectorEffect::Alarm { .. } => self.alarms += 1,
                DirectorEffect::FindSleepers(search) => {
                    let none = Ok(Sleepers::default());
                    self.director.handle_sleepers(self.now, search.deploy, none);
                }
                DirectorEffect::Order(Target::Shard(_), Order::Check { deploy, room, .. }) => {
                    let result = Ok(Cost { took: Span::millis(1), bytes: 1 });
                    answers.push(Report::Checked { deploy, room, result });
                }
                DirectorEffect::Order(Target::Shard(_), Order::Move { deploy, room, to, .. }) => {
                    let kind = if room == DUEL { "duel" } else { "lobby" };
                    self.list(room, kind, to);
                    let pause = Span::millis(1);
                    answers.push(Report::Moved { deploy, room, pause, late: false });
                }
                _ => {}
            }
        }
        answers.into_iter().for_each(|report| self.hear(report));
    }

    /// Ships the new release.
    fn ship(&mut self) {
        let wish = DeployWish { to: NEW, at_once: true, course: Course::Forward };
        self.director.handle_deploy(self.now, wish).expect("it is another one");
        self.drain();
        self.pass(Span::secs(1));
        assert_eq!(self.stored.as_ref().map(|r| r.phase), Some(DeployPhase::Done));
        assert_eq!(self.current, NEW);
    }

    fn fault(&mut self, room: RoomId) {
        self.fault_on(NEW, room);
    }

    fn fault_on(&mut self, release: ReleaseId, room: RoomId) {
        let reason = Reason::read("it panicked");
        self.hear(Report::Fault { room, release, reason, count: 1, inquiry: Inquiry::Over });
        self.pass(Span::millis(100));
    }

    /// Whether the keeper has gone back by itself.
    fn rescued(&self) -> bool {
        let back = self.stored.as_ref().is_some_and(|record| record.course == Course::Rescue);
        assert_eq!((back, self.alarms > 0), (self.current == OLD, back));
        back
    }
}

fn shipped(lobbies: Option<Span>) -> Stage {
    let mut stage = Stage::keeper(Span::ZERO, Span::secs(60), lobbies).begin(None, OLD);
    stage.ship();
    stage
}

#[test]
fn two_faults_within_the_time_of_their_kind_take_the_rooms_back() {
    let mut stage = shipped(None);
    stage.pass(Span::secs(50));
    stage.fault(DUEL);
    assert!(!stage.rescued());
    stage.fault(LOBBY);
    assert!(stage.rescued());
}

/// What the room fails on is set aside, and is to be tried on the release before.
fn sets_aside(stage: &mut Stage, room: RoomId) {
    for message in ["in its batch", "alone"] {
        let reason = Reason::read(message);
        stage.hear(Report::Fault { room, release: NEW, reason, count: 1, inquiry: Inquiry::Open });
    }
    let (session, what) = (SessionId(1), Aside::Input(1));
    stage.hear(Report::SetAside { room, release: NEW, session, what, appeal: true });
    assert!(!stage.rescued(), "it is not known yet");
}

#[test]
fn an_old_bug_covers_no_new_one_of_the_same_room() {
    for verdicts in [[true, true], [true, false], [false, true]] {
        let mut stage = shipped(None);
        sets_aside(&mut stage, DUEL);
        sets_aside(&mut stage, DUEL);
        for too in verdicts {
            stage.hear(Report::Appealed { room: DUEL, release: NEW, itself: false, too });
        }
        stage.pass(Span::millis(100));
        assert_eq!(stage.rescued(), verdicts.contains(&false), "{verdicts:?}");
    }
}

/// The room itself fails, until it is given up; all of that is tried on the release before.
#[test]
fn a_room_that_fails_on_the_release_before_as_well_takes_no_deploy_back() {
    for too in [true, false] {
        let mut stage = shipped(None);
        let fails = |stage: &mut Stage| {
            let reason = Reason::read("its tick panicked");
            let inquiry = Inquiry::Appealed;
            stage.hear(Report::Fault { room: DUEL, release: NEW, reason, count: 1, inquiry });
        };
        fails(&mut stage);
        fails(&mut stage);
        assert!(!stage.rescued(), "it is not known yet");
        for _ in 0..2 {
            stage.hear(Report::Appealed { room: DUEL, release: NEW, itself: true, too });
        }
        stage.pass(Span::millis(100));
        assert_eq!(stage.rescued(), !too);
        if too {
            fails(&mut stage);
            let reason = Reason::read("it keeps failing");
            stage.hear(Report::Halted { room: DUEL, release: NEW, reason });
            stage.fault(DUEL);
            stage.fault(LOBBY);
            assert!(!stage.rescued(), "it is known of that room, and the other had one fault");
            stage.fault(LOBBY);
            assert!(stage.rescued(), "which says nothing for the others");
        }
    }
}

#[test]
fn rooms_of_which_it_is_not_known_yet_what_they_fail_on_are_counted() {
    let mut stage = shipped(None);
    let open = |stage: &Stage| stage.director.facts().inquiries;
    assert_eq!(open(&stage), 0);
    sets_aside(&mut stage, DUEL);
    assert_eq!(open(&stage), 1);
    stage.hear(Report::Appealed { room: DUEL, release: NEW, itself: false, too: true });
    assert_eq!((open(&stage), stage.rescued()), (0, false));
    let unknown = ReleaseId([9; 32]);
    assert!(stage.director.is_declared(OLD) && !stage.director.is_declared(unknown));
}

/// One broken room, or one player who knows what breaks it, stands in the way of no deploy.
#[test]
fn a_room_that_had_failed_before_is_not_held_against_the_new_release() {
    let halted = |room| Report::Halted { room, release: OLD, reason: Reason::read("its timer") };
    for old_for in [1, 3_600] {
        let mut stage = Stage::keeper(Span::ZERO, Span::secs(60), None).begin(None, OLD);
        if old_for > 300 {
            stage.hear(halted(DUEL));
        } else {
            stage.fault_on(OLD, DUEL);
        }
        stage.pass(Span::secs(old_for));
        stage.ship();
        for _ in 0..3 {
            stage.fault(DUEL);
        }
        assert!(!stage.rescued(), "{old_for}");
        stage.fault(LOBBY);
        stage.fault(LOBBY);
        assert!(stage.rescued(), "the others count");
    }
}

#[test]
fn what_a_room_did_long_ago_explains_nothing() {
    let mut stage = Stage::keeper(Span::ZERO, Span::secs(60), None).begin(None, OLD);
    stage.fault_on(OLD, DUEL);
    stage.pass(Span::secs(400));
    stage.ship();
    stage.fault(DUEL);
    stage.fault(DUEL);
    assert!(stage.rescued());
}

#[test]
fn a_kind_may_be_watched_for_longer_than_the_keeper_says() {
    let mut stage = shipped(Some(Span::secs(600)));
    stage.pass(Span::secs(70));
    stage.fault(DUEL);
    stage.fault(DUEL);
    stage.fault(LOBBY);
    assert!(!stage.rescued(), "the time of duels is over");
    stage.pass(Span::secs(500));
    stage.fault(LOBBY);
    assert!(stage.rescued());
}

#[test]
fn a_kind_may_be_watched_for_less_or_not_at_all() {
    for (lobbies, after) in [(Span::secs(10), 11), (Span::ZERO, 0)] {
        let mut stage = shipped(Some(lobbies));
        stage.pass(Span::secs(after));
        stage.fault(LOBBY);
        stage.fault(LOBBY);
        stage.fault(DUEL);
        assert!(!stage.rescued(), "{lobbies:?}");
        stage.fault(DUEL);
        assert!(stage.rescued(), "{lobbies:?}");
    }
}

#[test]
fn a_keeper_that_watches_nothing_watches_no_kind() {
    let mut stage = Stage::keeper(Span::ZERO, Span::ZERO, Some(Span::secs(600))).begin(None, OLD);
    stage.ship();
    stage.fault(LOBBY);
    stage.fault(LOBBY);
    assert!(!stage.rescued());
}

#[test]
fn the_next_keeper_goes_on_with_what_was_seen_and_with_the_time_that_is_left() {
    let mut first = shipped(None);
    first.pass(Span::secs(20));
    first.fault(DUEL);
    let stored = first.stored.clone();
    // It was killed after 21 s and a bit; keepers are so old then.
    let next =
        |age| Stage::keeper(Span::secs(age), Span::secs(60), None).begin(stored.clone(), NEW);
    let mut second = next(25);
    assert!(!second.rescued());
    second.fault(LOBBY);
    assert!(second.rescued(), "one fault was seen before");
    let mut late = next(25);
    late.pass(Span::secs(40));
    late.fault(LOBBY);
    late.fault(LOBBY);
    assert!(!late.rescued(), "its time was over");
    let mut over = next(90);
    over.fault(LOBBY);
    over.fault(LOBBY);
    assert!(!over.rescued(), "its time was over before the keeper began");
}

#[test]
fn the_next_keeper_does_not_judge_a_release_again_that_was_judged() {
    let mut stage = shipped(None);
    stage.fault(DUEL);
    stage.fault(DUEL);
    assert!(stage.rescued());
    let rescue = stage.stored.clone();
    assert!(
        rescue.as_ref().is_some_and(|record| record.watch.is_none() && record.id > DeployId(1))
    );
    let mut next = Stage::keeper(Span::secs(9), Span::secs(60), None).begin(rescue, OLD);
    next.fault(DUEL);
    next.fault(DUEL);
    assert_eq!((next.alarms, next.current), (0, OLD));
}

#[test]
fn a_release_whose_workers_lie_twice_goes_back() {
    let mut stage = Stage::keeper(Span::ZERO, Span::secs(60), None).begin(None, OLD);
    stage.ship();
    let lie = |release| Report::Lied { release, reason: reason!("PLY-0450 it spoke for another") };
    for release in [OLD, OLD, NEW] {
        stage.hear(lie(release));
        assert_eq!((stage.alarms, stage.current), (0, NEW));
    }
    stage.hear(lie(NEW));
    assert_eq!((stage.alarms, stage.current), (1, OLD));
    let reason = stage.stored.and_then(|record| record.reason).unwrap_or_default();
    assert!(reason.starts_with("PLY-0313") && reason.contains("PLY-0450"), "{reason}");
}

/// A process of that release dies by itself, at nothing of any room, and the next one attaches.
fn dies_at_nothing(stage: &mut Stage, id: u64, release: ReleaseId) {
    let (ended, turns) = (Ended::ByItself, Some(Vec::new()));
    let end = WorkerEnd { ended, turns, how: "killed by SIGABRT".into() };
    stage.director.handle_worker_down(stage.now, WorkerId(id), &end);
    let kinds = kinds(stage.lobbies);
    let info = WorkerInfo { id: WorkerId(id), berth: Berth::Common, release, kinds };
    stage.director.handle_worker_up(stage.now, &info);
    stage.drain();
}

#[test]
fn a_release_whose_processes_die_while_no_room_is_at_anything_goes_back() {
    let mut stage = Stage::keeper(Span::ZERO, Span::secs(60), None).begin(None, OLD);
    stage.ship();
    dies_at_nothing(&mut stage, 2, NEW);
    assert_eq!((stage.alarms, stage.current), (0, NEW));
    dies_at_nothing(&mut stage, 2, NEW);
    assert_eq!((stage.alarms, stage.current), (1, OLD));
    let reason = stage.stored.and_then(|record| record.reason).unwrap_or_default();
    assert!(reason.starts_with("PLY-0313") && reason.contains("SIGABRT"), "{reason}");
}

#[test]
fn what_the_release_before_died_of_as_well_is_not_held_against_the_new_one() {
    let mut stage = Stage::keeper(Span::ZERO, Span::secs(60), None).begin(None, OLD);
    stage.ship();
    dies_at_nothing(&mut stage, 1, OLD);
    for _ in 0..3 {
        dies_at_nothing(&mut stage, 2, NEW);
    }
    assert_eq!((stage.alarms, stage.current), (0, NEW));
}

/// It attaches and dies, again and again, or never gets so far: what the deploy says is how.
#[test]
fn a_deploy_whose_workers_do_not_stay_says_how_the_last_one_ended() {
    let config = DirectorConfig::default();
    let patience = config.attach_timeout;
    let mut stage = Stage::keeper(Span::ZERO, Span::secs(60), None).begin(None, OLD);
    stage.director.handle_worker_down(stage.now, WorkerId(2), &WorkerEnd::DISMISSED);
    let wish = DeployWish { to: NEW, at_once: true, course: Course::Forward };
    stage.director.handle_deploy(stage.now, wish).expect("it is another one");
    stage.director.handle_worker_ended(OLD, "exit code 1");
    stage.director.handle_worker_ended(NEW, "exit code 2");
    stage.director.handle_worker_ended(NEW, "PLY-0406 the worker ended: killed by SIGSEGV");
    stage.pass(patience);
    let record = stage.stored.expect("it is stored");
    assert_eq!(record.phase, DeployPhase::Reverted);
    let reason = record.reason.unwrap_or_default();
    assert!(reason.starts_with("PLY-0302") && reason.ends_with("killed by SIGSEGV"), "{reason}");
}
