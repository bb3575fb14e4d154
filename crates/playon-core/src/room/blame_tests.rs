use std::sync::LazyLock;

use bytes::Bytes;
use playon_types::attach::Noted;
use playon_types::ids::SessionId;
use playon_types::time::Span;

use super::*;
use crate::fleet::Berth;

#[path = "blame_place_tests.rs"]
mod places;

const NOW: Time = Time(1_000_000);
const WHO: SessionId = SessionId(7);

fn input(seq: u64) -> Item {
    Item::Input { session: WHO, seq, payload: Bytes::new() }
}

fn limits() -> Limits {
    Limits::default()
}

fn when(timers: &mut Timers) -> When<'_> {
    static LIMITS: LazyLock<Limits> = LazyLock::new(limits);
    (NOW, &LIMITS, timers)
}

/// The next batch, which fails.
fn fail(blame: &mut Blame, damage: FaultDamage) {
    let portion = blame.portion();
    let items = if portion == Portion::Group { blame.take_group() } else { Vec::new() };
    blame.batch_failed(when(&mut Timers::default()), portion, (items, Vec::new()), (damage, None));
}

/// The next batch, which passes. Gives what is set aside with it.
fn pass(blame: &mut Blame) -> Option<Item> {
    let portion = blame.portion();
    if portion == Portion::Group {
        blame.take_group();
    }
    blame.batch_passed(when(&mut Timers::default()), portion, [].into_iter())
}

/// All batches pass until the trial is over.
fn clears(blame: &mut Blame) {
    for _ in 0..9 {
        if blame.on_trial() {
            pass(blame);
        }
    }
    assert!(!blame.on_trial(), "it does not end");
}

#[test]
fn what_fails_alone_is_set_aside_once_the_moment_has_passed_without_it() {
    let mut blame = Blame::new();
    blame.batch_failed(
        when(&mut Timers::default()),
        Portion::Free,
        (vec![input(1)], Vec::new()),
        (FaultDamage::Panic, None),
    );
    assert_eq!(blame.portion(), Portion::Control);
    assert_eq!(pass(&mut blame), None);
    fail(&mut blame, FaultDamage::Panic);
    assert_eq!(blame.portion(), Portion::Control, "never for what happened to be due then");
    assert_eq!(pass(&mut blame), Some(input(1)));
    assert!(!blame.on_trial());
}

#[test]
fn a_group_that_fails_is_halved_until_one_is_left_and_nobody_else_is_held_back() {
    let mut blame = Blame::new();
    let items: Vec<Item> = (1..=64).map(input).collect();
    blame.batch_failed(
        when(&mut Timers::default()),
        Portion::Free,
        (items, Vec::new()),
        (FaultDamage::Panic, None),
    );
    let guilty = input(7);
    let (mut passed, mut aside) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        let portion = blame.portion();
        let group = if portion == Portion::Group { blame.take_group() } else { Vec::new() };
        if group.contains(&guilty) {
            let failed = (group, Vec::new());
            let damage = (FaultDamage::Panic, None);
            blame.batch_failed(when(&mut Timers::default()), portion, failed, damage);
        } else {
            passed.extend(group);
            let mut timers = Timers::default();
            aside.extend(blame.batch_passed(when(&mut timers), portion, [].into_iter()));
        }
        if !blame.on_trial() {
            break;
        }
    }
    assert_eq!(aside, [guilty]);
    assert_eq!(passed, (1..=64).filter(|seq| *seq != 7).map(input).collect::<Vec<_>>());
}

#[test]
fn a_process_dies_twice_of_it_before_an_item_is_set_aside() {
    let mut blame = Blame::new();
    blame.batch_failed(
        when(&mut Timers::default()),
        Portion::Free,
        (vec![input(1)], Vec::new()),
        (FaultDamage::Process, None),
    );
    for strike in 0..STRIKES {
        assert_eq!(pass(&mut blame), None, "after {strike} strikes");
        fail(&mut blame, FaultDamage::Process);
    }
    assert_eq!(pass(&mut blame), Some(input(1)));
}

#[test]
fn what_is_merely_noted_is_never_set_aside_and_the_room_is_at_fault() {
    let mut blame = Blame::new();
    let noted = Item::Noted { session: WHO, change: Noted::Back };
    blame.batch_failed(
        when(&mut Timers::default()),
        Portion::Free,
        (vec![noted], Vec::new()),
        (FaultDamage::Panic, None),
    );
    for fault in 1..=limits().own_faults_max {
        assert!(!blame.is_hopeless(&limits()), "after {fault} faults");
        assert_eq!(pass(&mut blame), None);
        fail(&mut blame, FaultDamage::Panic);
        assert_eq!(blame.own_faults(), fault);
    }
    assert!(blame.is_hopeless(&limits()), "its books would be wrong for ever without the note");
    blame.pardon(&mut Timers::default());
    assert!(!blame.is_hopeless(&limits()));
    assert_eq!(blame.suspects(), 1, "the note is kept for the next release");
}

#[test]
fn who_was_guilty_is_not_acquitted_by_a_trial_that_passes() {
    let mut blame = Blame::new();
    blame.batch_failed(
        when(&mut Timers::default()),
        Portion::Free,
        (vec![input(1)], Vec::new()),
        (FaultDamage::Process, None),
    );
    pass(&mut blame);
    fail(&mut blame, FaultDamage::Process);
    pass(&mut blame);
    fail(&mut blame, FaultDamage::Process);
    assert_eq!(pass(&mut blame), Some(input(1)));
    assert_eq!(blame.confinement.berth(), Some(Berth::Quarantine));
    // Whatever its worker in quarantine died of: it was this room that was there.
    blame.batch_failed(
        when(&mut Timers::default()),
        Portion::Free,
        (vec![input(2)], Vec::new()),
        (FaultDamage::Process, None),
    );
    assert_eq!(blame.confinement.berth(), None);
    assert_eq!((pass(&mut blame), pass(&mut blame)), (None, None));
    assert_eq!(blame.confinement.berth(), Some(Berth::Quarantine));
}

#[test]
fn a_death_that_nobody_was_at_is_held_against_nobody_the_first_time() {
    let mut blame = Blame::new();
    assert!(!blame.unexplained(NOW, &limits()));
    assert!(blame.unexplained(NOW + Span::secs(1), &limits()));
    let mut late = Blame::new();
    assert!(!late.unexplained(NOW, &limits()));
    assert!(!late.unexplained(NOW + limits().quarantine, &limits()));
    let mut alone = Blame::new();
    alone.batch_failed(
        when(&mut Timers::default()),
        Portion::Free,
        (vec![input(1)], Vec::new()),
        (FaultDamage::Process, None),
    );
    assert!(alone.unexplained(NOW, &limits()), "it was the only one there");
}

#[test]
fn who_is_acquitted_once_goes_among_the_others_and_the_second_time_stays_apart() {
    let (mut blame, mut timers) = (Blame::new(), Timers::default());
    for place in [Some(Berth::Common), Some(Berth::Quarantine)] {
        blame.batch_failed(
            when(&mut Timers::default()),
            Portion::Free,
            (vec![input(1)], Vec::new()),
            (FaultDamage::Process, None),
        );
        assert_eq!(blame.confinement.berth(), None);
        assert_eq!(pass(&mut blame), None);
        assert_eq!(
            {
                let portion = blame.portion();
                if portion == Portion::Group {
                    blame.take_group();
                }
                blame.batch_passed(when(&mut timers), portion, [].into_iter())
            },
            None
        );
        assert_eq!(blame.confinement.berth(), place);
        let until =
            (place == Some(Berth::Quarantine)).then(|| At::Keeper(NOW + limits().quarantine));
        assert_eq!(timers.get(Timer::Quarantine), until);
    }
    blame.end_quarantine();
    assert_eq!(blame.confinement.berth(), Some(Berth::Common));
}

#[test]
fn a_suspect_that_leaves_before_it_is_tried_is_not_acquitted() {
    for (leaves, quarantined) in [(true, true), (false, false)] {
        let mut blame = Blame::new();
        blame.batch_failed(
            when(&mut Timers::default()),
            Portion::Free,
            (vec![input(1)], Vec::new()),
            (FaultDamage::Process, None),
        );
        assert_eq!(pass(&mut blame), None, "the room by itself");
        if leaves {
            blame.retain(|_| false);
        }
        assert_eq!(pass(&mut blame), None);
        assert!(!blame.on_trial());
        assert_eq!(matches!(blame.confinement, Confinement::Quarantined), quarantined);
    }
}

#[test]
fn a_viewer_that_leaves_before_it_is_tried_is_not_acquitted() {
    for (stays, quarantined) in [(false, true), (true, false)] {
        let mut blame = Blame::new();
        let what = (vec![input(1)], vec![WHO]);
        blame.batch_failed(
            when(&mut Timers::default()),
            Portion::Free,
            what,
            (FaultDamage::Process, None),
        );
        let saw = if stays { &[WHO][..] } else { &[] };
        for _ in 0..9 {
            if !blame.on_trial() {
                break;
            }
            let portion = blame.portion();
            if portion == Portion::Group {
                blame.take_group();
            }
            assert_eq!(
                blame.batch_passed(when(&mut Timers::default()), portion, saw.iter().copied()),
                None
            );
        }
        assert_eq!(matches!(blame.confinement, Confinement::Quarantined), quarantined);
    }
}

/// A moment that only fails when that one sees it.
fn seen_by(blame: &mut Blame, all: &[SessionId], guilty: SessionId) -> Option<SessionId> {
    let portion = blame.portion();
    let items = if portion == Portion::Group { blame.take_group() } else { Vec::new() };
    let saw: Vec<_> = all.iter().copied().filter(|id| blame.shows(portion, *id)).collect();
    if saw.contains(&guilty) {
        return blame.batch_failed(
            when(&mut Timers::default()),
            portion,
            (items, saw),
            (FaultDamage::Process, None),
        );
    }
    let passed = blame.batch_passed(when(&mut Timers::default()), portion, saw.into_iter());
    assert_eq!(passed, None, "no item is at fault");
    None
}

#[test]
fn a_view_that_fails_blinds_its_viewer_and_neither_item_nor_room_is_at_fault() {
    let all = [SessionId(0), SessionId(1), SessionId(2), WHO];
    for guilty in all {
        let mut blame = Blame::new();
        let what = (vec![input(1), input(2)], all.to_vec());
        blame.batch_failed(
            when(&mut Timers::default()),
            Portion::Free,
            what,
            (FaultDamage::Process, None),
        );
        let mut blind = Vec::new();
        for _ in 0..40 {
            blind.extend(seen_by(&mut blame, &all, guilty));
        }
        assert_eq!(blind, [guilty]);
        assert!(!blame.on_trial() && blame.halted().is_none() && blame.own_faults() == 0);
        for id in all {
            assert_eq!(blame.shows(Portion::Free, id), id != guilty);
        }
        let (until, mut timers) = (blame.blind_until().unwrap(), Timers::default());
        timers.set(Timer::Blind, until);
        blame.show_again(until, &mut timers);
        assert!(!timers.is_set(Timer::Blind));
        assert!(blame.shows(Portion::Free, guilty), "it is tried again after a while");
    }
}

#[test]
fn a_room_that_fails_in_the_dark_is_at_fault_itself() {
    let mut blame = Blame::new();
    for _ in 0..=limits().own_faults_max {
        let portion = blame.portion();
        let saw = if blame.shows(portion, WHO) { vec![WHO] } else { Vec::new() };
        let before = blame.own_faults();
        blame.batch_failed(
            when(&mut Timers::default()),
            portion,
            (Vec::new(), saw.clone()),
            (FaultDamage::Panic, None),
        );
        let counted = portion == Portion::Control && saw.is_empty();
        assert_eq!(blame.own_faults(), before + u32::from(counted));
    }
    assert!(!blame.is_hopeless(&limits()));
    blame.batch_failed(
        when(&mut Timers::default()),
        blame.portion(),
        (Vec::new(), Vec::new()),
        (FaultDamage::Panic, None),
    );
    assert!(blame.is_hopeless(&limits()));
}

#[test]
fn who_was_beside_two_that_took_workers_down_runs_its_next_batch_apart_and_goes_back() {
    let mut blame = Blame::new();
    blame.was_beside(1, Stake::Items);
    blame.weigh(1);
    assert_eq!(blame.confinement.berth(), Some(Berth::Common), "once is chance");
    blame.weigh(2);
    assert_eq!((blame.confinement.berth(), blame.portion()), (None, Portion::Free));
    assert_eq!(pass(&mut blame), None);
    assert_eq!(blame.confinement.berth(), Some(Berth::Common));
    // It was accused of nothing: it is not held against it when it happens again.
    blame.was_beside(3, Stake::Items);
    blame.weigh(4);
    assert_eq!(blame.confinement.berth(), None);
    assert!(
        blame.nothing_to_run() && blame.confinement.berth() == Some(Berth::Common),
        "its player has left"
    );
}

#[test]
fn who_has_committed_since_or_had_only_the_time_to_run_is_not_yet_run_apart() {
    let mut blame = Blame::new();
    blame.was_beside(1, Stake::Items);
    pass(&mut blame);
    blame.weigh(9);
    assert_eq!(blame.confinement.berth(), Some(Berth::Common));
    blame.was_beside(9, Stake::Time);
    blame.weigh(10);
    assert_eq!(blame.confinement.berth(), Some(Berth::Common));
    blame.weigh(11);
    assert_eq!(blame.confinement.berth(), None);
    let mut opened = Blame::new();
    opened.was_beside(1, Stake::Opening);
    opened.opened();
    opened.weigh(9);
    assert_eq!(opened.confinement.berth(), Some(Berth::Common));
}

#[test]
fn who_takes_its_worker_down_where_nobody_else_is_is_tried_there() {
    let mut blame = Blame::new();
    blame.was_beside(1, Stake::Items);
    blame.weigh(2);
    let what = (vec![input(1)], Vec::new());
    blame.batch_failed(
        when(&mut Timers::default()),
        Portion::Free,
        what,
        (FaultDamage::Process, None),
    );
    for _ in 0..STRIKES {
        assert_eq!((blame.confinement.berth(), pass(&mut blame)), (None, None));
        fail(&mut blame, FaultDamage::Process);
    }
    assert_eq!(pass(&mut blame), Some(input(1)));
    assert_eq!(blame.confinement.berth(), Some(Berth::Quarantine));
}

const ELSEWHERE: SessionId = SessionId(8);
const SHARED: WorkerId = WorkerId(3);

fn of(session: SessionId, seq: u64) -> Item {
    Item::Input { session, seq, payload: Bytes::new() }
}

/// A room whose batch with these items has failed.
fn suspected(items: Vec<Item>, damage: FaultDamage) -> Blame {
    let mut blame = Blame::new();
    let what = (items, Vec::new());
    blame.batch_failed(when(&mut Timers::default()), Portion::Free, what, (damage, None));
    blame
}

/// The next batch, which panics in a worker that others share.
fn panics_among_others(blame: &mut Blame) {
    let portion = blame.portion();
    let items = if portion == Portion::Group { blame.take_group() } else { Vec::new() };
    let how = (FaultDamage::Panic, Some(SHARED));
    blame.batch_failed(when(&mut Timers::default()), portion, (items, Vec::new()), how);
}

/// All suspects, in the order in which they would be tried.
fn all_suspects(blame: &mut Blame) -> Vec<Item> {
    let count = blame.suspects();
    let mut found = Vec::new();
    while found.len() < count {
        let group = blame.take_group();
        assert!(!group.is_empty(), "of {count} only {found:?}");
        found.extend(group);
    }
    found
}

#[test]
fn it_is_inquired_until_it_is_known_to_be_the_room() {
    let mut blame = Blame::new();
    assert_eq!(blame.inquiry(), Inquiry::Over);
    fail(&mut blame, FaultDamage::Panic);
    assert_eq!((blame.inquiry(), blame.on_trial()), (Inquiry::Open, true));
    fail(&mut blame, FaultDamage::Panic);
    assert_eq!((blame.own_faults(), blame.inquiry()), (1, Inquiry::Over));
    pass(&mut blame);
    let known = (blame.inquiry(), blame.on_trial());
    assert_eq!(known, (Inquiry::Over, false), "it passes by itself again");
    assert_eq!(blame.own_faults(), 0);
}

#[test]
fn who_has_left_is_no_suspect_and_others_are_as_before() {
    for damage in [FaultDamage::Panic, FaultDamage::Process] {
        let items = vec![of(WHO, 1), of(ELSEWHERE, 1), of(WHO, 2)];
        let mut blame = suspected(items, damage);
        assert_eq!(blame.suspects(), 3);
        blame.retain(|_| true);
        assert_eq!(blame.suspects(), 3);
        blame.retain(|item| item.session() == Some(WHO));
        assert_eq!(all_suspects(&mut blame), [of(WHO, 1), of(WHO, 2)]);
        pass(&mut blame);
        let mut blame = suspected(vec![of(WHO, 1)], damage);
        blame.retain(|_| true);
        clears(&mut blame);
        assert_eq!(
            blame.confinement.berth(),
            Some(Berth::Common),
            "what has been tried is acquitted"
        );
    }
    let mut blame = suspected(vec![of(WHO, 1), of(ELSEWHERE, 1)], FaultDamage::Panic);
    blame.retain(|_| false);
    pass(&mut blame);
    assert!(
        !blame.on_trial() && blame.confinement.berth() == Some(Berth::Common),
        "its process lives"
    );
}

#[test]
fn an_accused_that_leaves_is_dropped_and_one_that_stays_is_not() {
    for stays in [true, false] {
        let mut blame = suspected(vec![of(WHO, 1)], FaultDamage::Panic);
        pass(&mut blame);
        fail(&mut blame, FaultDamage::Panic);
        assert_eq!((blame.suspects(), blame.accused(Portion::Group)), (1, None));
        assert_eq!(blame.accused(Portion::Control), Some(&of(WHO, 1)));
        blame.retain(|item| (item.session() == Some(WHO)) == stays);
        assert_eq!(blame.suspects(), usize::from(stays));
        assert_eq!(pass(&mut blame), stays.then(|| of(WHO, 1)));
    }
}

#[test]
fn only_the_last_word_of_a_player_is_taken_back_from_the_suspects() {
    let back = |session| Item::Back { session, lost: 0 };
    assert!(!Blame::new().take_back(&back(WHO)));
    let mut blame =
        suspected(vec![back(WHO), back(ELSEWHERE), of(ELSEWHERE, 1)], FaultDamage::Panic);
    assert!(!blame.take_back(&back(ELSEWHERE)), "it has said something since");
    assert!(blame.take_back(&back(WHO)));
    assert!(!blame.take_back(&back(WHO)));
    assert_eq!(all_suspects(&mut blame), [back(ELSEWHERE), of(ELSEWHERE, 1)]);
    // The accused is no suspect among others.
    let mut blame = suspected(vec![back(WHO)], FaultDamage::Panic);
    pass(&mut blame);
    fail(&mut blame, FaultDamage::Panic);
    assert!(!blame.take_back(&back(ELSEWHERE)) && blame.suspects() == 1);
    assert!(blame.take_back(&back(WHO)) && blame.suspects() == 0);
}

#[test]
fn what_is_noted_goes_before_all_suspects_if_there_are_any() {
    let noted = || Item::Noted { session: WHO, change: Noted::Away };
    assert_eq!(Blame::new().precede(noted()), Some(noted()));
    let mut blame = suspected(vec![of(WHO, 1)], FaultDamage::Panic);
    assert_eq!(blame.precede(noted()), None);
    assert_eq!(all_suspects(&mut blame), [noted(), of(WHO, 1)]);
}

#[test]
fn what_was_interrupted_is_tried_next_and_what_was_no_suspect_waits_as_before() {
    let items = || vec![of(WHO, 1)];
    assert_eq!(Blame::new().interrupted(Portion::Free, items()), items());
    assert_eq!(Blame::new().interrupted(Portion::Group, items()), items());
    let mut blame = suspected(vec![of(WHO, 1), of(WHO, 2)], FaultDamage::Panic);
    assert_eq!(blame.interrupted(Portion::Free, items()), items());
    pass(&mut blame);
    let group = blame.take_group();
    assert_eq!(blame.interrupted(Portion::Group, group), []);
    assert_eq!(blame.interrupted(Portion::Group, Vec::new()), []);
    assert_eq!(all_suspects(&mut blame), [of(WHO, 1), of(WHO, 2)]);
    // The accused has not left this machine.
    let mut blame = suspected(items(), FaultDamage::Process);
    pass(&mut blame);
    fail(&mut blame, FaultDamage::Process);
    pass(&mut blame);
    let accused = blame.take_group();
    assert_eq!(blame.interrupted(Portion::Group, accused), []);
    assert_eq!(blame.suspects(), 1);
}

#[test]
fn what_panics_among_others_is_tried_elsewhere_before_anybody_is_charged() {
    // A room by itself.
    let mut blame = suspected(vec![of(WHO, 1)], FaultDamage::Panic);
    panics_among_others(&mut blame);
    assert_eq!((blame.confinement.berth(), blame.own_faults()), (None, 0));
    assert_eq!(blame.found_spoiled(Portion::Group, WorkerId(9)), None, "another batch tells");
    assert_eq!(blame.found_spoiled(Portion::Control, WorkerId(9)), Some(SHARED));
    assert_eq!(blame.found_spoiled(Portion::Control, WorkerId(9)), None, "told once");
    panics_among_others(&mut blame);
    assert_eq!(blame.own_faults(), 1, "where nobody else is it is the room");
    // An item; and it passes in the same worker after all.
    let mut blame = suspected(vec![of(WHO, 1), of(WHO, 2)], FaultDamage::Panic);
    pass(&mut blame);
    panics_among_others(&mut blame);
    assert_eq!((blame.confinement.berth(), blame.accused(Portion::Control)), (None, None));
    assert_eq!(blame.found_spoiled(Portion::Group, SHARED), None);
}

#[test]
fn a_group_that_panics_among_others_is_halved_there_before_it_is_tried_elsewhere() {
    let limits = Limits { trial_groups_max: 1, ..limits() };
    let mut blame = Blame::new();
    let mut timers = Timers::default();
    let what = (vec![of(WHO, 1), of(WHO, 2)], Vec::new());
    let how = (FaultDamage::Panic, Some(SHARED));
    blame.batch_failed((NOW, &limits, &mut timers), Portion::Free, what, how);
    pass(&mut blame);
    panics_among_others(&mut blame);
    assert_eq!((blame.confinement.berth(), blame.suspects()), (Some(Berth::Common), 2));
    panics_among_others(&mut blame);
    assert_eq!(blame.confinement.berth(), None);
}
