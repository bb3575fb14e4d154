//! Where a room may be run, what that depends on, and when it is given up.

use super::*;

const FIRST: Option<Berth> = Some(Berth::Suspects(Half::First));

/// Two deaths at nothing, of a room that had just run.
fn suspected_of_a_thread(timers: &mut Timers) -> Blame {
    let mut blame = Blame::new();
    blame.has_run(NOW);
    for _ in 0..2 {
        blame.left_behind(when(timers), |_| Half::First);
    }
    blame
}

#[test]
fn what_died_of_it_twice_is_suspected_and_lives_apart_for_a_while() {
    let mut timers = Timers::default();
    let mut once = Blame::new();
    once.has_run(NOW);
    once.left_behind(when(&mut timers), |_| panic!("it may be chance"));
    assert_eq!(once.confinement().berth(), Some(Berth::Common));
    let blame = suspected_of_a_thread(&mut timers);
    assert_eq!((blame.confinement().berth(), blame.confinement().is_detained()), (FIRST, true));
    let until = NOW + limits().quarantine;
    assert_eq!(timers.get(Timer::Quarantine), Some(At::Keeper(until)));
}

#[test]
fn where_it_happens_again_the_lot_tells_who_goes_where_and_each_split_has_its_own() {
    let mut timers = Timers::default();
    let mut blame = suspected_of_a_thread(&mut timers);
    for split in 1..SPLITS_MAX {
        let half = [Half::First, Half::Second][split as usize % 2];
        blame.left_behind(when(&mut timers), |at| {
            assert_eq!(at, split);
            half
        });
        assert_eq!(blame.confinement().berth(), Some(Berth::Suspects(half)));
        assert!(timers.is_set(Timer::Quarantine));
    }
    for _ in 0..2 {
        blame.left_behind(when(&mut timers), |_| panic!("it is the one"));
        assert_eq!(blame.confinement().berth(), Some(Berth::Quarantine));
    }
}

#[test]
fn who_was_elsewhere_is_freed_once_if_it_was_for_that_that_it_lived_apart() {
    let mut timers = Timers::default();
    assert!(!Blame::new().was_elsewhere(&mut timers));
    let mut blame = suspected_of_a_thread(&mut timers);
    assert!(blame.was_elsewhere(&mut timers));
    assert_eq!(blame.confinement().berth(), Some(Berth::Common));
    assert!(!timers.is_set(Timer::Quarantine));
    assert!(!blame.was_elsewhere(&mut timers));
    // Guilty of something worse meanwhile: it stays.
    let mut blame = suspected_of_a_thread(&mut timers);
    let what = (vec![input(1)], Vec::new());
    blame.batch_failed(when(&mut timers), Portion::Free, what, (FaultDamage::Process, None));
    assert!(!timers.is_set(Timer::Quarantine));
    assert!(!blame.was_elsewhere(&mut timers));
    assert_eq!(blame.confinement().berth(), None);
    // Others were where it was suspected, so it is guilty only if it does it again where it is alone.
    fail(&mut blame, FaultDamage::Process);
    clears(&mut blame);
    assert_eq!(blame.confinement().berth(), Some(Berth::Quarantine));
    assert!(!blame.was_elsewhere(&mut timers), "what it was found guilty of is something else");
    // Its time is over, and so is the suspicion.
    let mut blame = suspected_of_a_thread(&mut timers);
    blame.end_quarantine();
    assert_eq!(blame.confinement().berth(), Some(Berth::Common));
    assert!(!blame.was_elsewhere(&mut timers));
}

#[test]
fn who_is_detained_for_something_else_is_not_freed_by_what_another_process_dies_of() {
    let mut timers = Timers::default();
    let mut blame = Blame::new();
    fail(&mut blame, FaultDamage::Process);
    fail(&mut blame, FaultDamage::Process);
    clears(&mut blame);
    assert_eq!(blame.confinement().berth(), Some(Berth::Quarantine));
    blame.has_run(NOW);
    for _ in 0..3 {
        blame.left_behind(when(&mut timers), |_| panic!("it is not among the others"));
        assert!(!blame.was_elsewhere(&mut timers));
        assert_eq!(blame.confinement().berth(), Some(Berth::Quarantine));
    }
}

/// Deaths at nothing, a second apart, of whatever process the guilty room is in just then. Gives how many the common one has
/// suffered, and after how many the guilty room was alone.
fn deaths(rooms: u64, guilty: u64) -> (usize, usize) {
    let limits = limits();
    let mut all: Vec<(Blame, Timers)> =
        (0..rooms).map(|_| (Blame::new(), Timers::default())).collect();
    let (mut common, mut until_alone) = (0, None);
    for death in 1..30 {
        let now = NOW + Span::secs(death);
        let place = all[guilty as usize].0.confinement.berth();
        let there = |blame: &Blame| blame.confinement.berth() == place;
        common += usize::from(place == Some(Berth::Common));
        if all.iter().filter(|(blame, _)| there(blame)).count() == 1 {
            until_alone.get_or_insert(death as usize - 1);
        }
        for (n, (blame, timers)) in (0..).zip(&mut all) {
            let lot = |splits| {
                let mixed = playon_types::rng::mix(n ^ playon_types::rng::mix(splits));
                [Half::First, Half::Second][mixed as usize & 1]
            };
            if there(blame) {
                blame.has_run(now);
                blame.left_behind((now, &limits, timers), lot);
            } else {
                blame.was_elsewhere(timers);
            }
        }
    }
    assert_eq!(all[guilty as usize].0.confinement.berth(), Some(Berth::Quarantine));
    let detained = |(blame, _): &&(Blame, Timers)| blame.confinement.is_detained();
    assert_eq!(all.iter().filter(detained).count(), 1, "the others are back");
    (common, until_alone.expect("it is never alone"))
}

#[test]
fn of_many_rooms_that_may_have_left_something_behind_the_one_that_did_is_soon_alone() {
    for guilty in 0..64 {
        let (common, until_alone) = deaths(64, guilty);
        assert_eq!(common, 2, "the others are taken down no more once there is a suspicion");
        assert!(until_alone <= 12, "{until_alone} deaths for room {guilty}");
    }
}

#[test]
fn a_room_that_has_not_run_lately_is_no_suspect() {
    let (mut blame, mut timers) = (Blame::new(), Timers::default());
    for second in 1..4 {
        let when = (NOW + Span::secs(second), &limits(), &mut timers);
        blame.left_behind(when, |_| Half::First);
    }
    assert_eq!(blame.confinement.berth(), Some(Berth::Common));
}

#[test]
fn a_room_that_was_alone_when_its_process_died_at_nothing_is_not_split_from_others() {
    let mut timers = Timers::default();
    let mut blame = Blame::new();
    let what = (vec![input(1)], Vec::new());
    blame.batch_failed(when(&mut timers), Portion::Free, what, (FaultDamage::Process, None));
    assert!(blame.confinement.is_alone());
    blame.has_run(NOW);
    blame.left_behind((NOW, &limits(), &mut timers), |_| Half::First);
    assert_eq!(blame.confinement.berth(), Some(Berth::Quarantine));
}

#[test]
fn a_second_acquittal_counts_only_if_the_first_was_not_long_before() {
    let quarantine = limits().quarantine;
    for (after, place) in
        [(Span(quarantine.0 - 1), Some(Berth::Quarantine)), (quarantine, Some(Berth::Common))]
    {
        let (limits, mut timers) = (limits(), Timers::default());
        let mut blame = Blame::new();
        for now in [NOW, NOW + after] {
            let what = (Vec::new(), Vec::new());
            let how = (FaultDamage::Process, None);
            blame.batch_failed((now, &limits, &mut timers), Portion::Free, what, how);
            assert_eq!(blame.confinement().berth(), None);
            let (when, portion) = ((now, &limits, &mut timers), blame.portion());
            blame.batch_passed(when, portion, [].into_iter());
        }
        assert_eq!(blame.confinement().berth(), place, "{after:?}");
    }
}

#[test]
fn an_opening_that_fails_counts_against_the_room_and_one_that_passes_does_not_clear_it() {
    let mut timers = Timers::default();
    let mut blame = Blame::new();
    for count in 1..=limits().own_faults_max {
        assert!(!blame.is_hopeless(&limits()));
        blame.opening_failed((FaultDamage::Refused, Some(SHARED)), &mut timers);
        assert_eq!((blame.own_faults(), blame.confinement().berth()), (count, Some(Berth::Common)));
        blame.opened();
    }
    assert!(blame.is_hopeless(&limits()));
    blame.opening_failed((FaultDamage::Process, Some(SHARED)), &mut timers);
    assert_eq!(blame.confinement().berth(), None);
    blame.opening_failed((FaultDamage::Process, None), &mut timers);
    clears(&mut blame);
    assert_eq!(
        blame.confinement().berth(),
        Some(Berth::Quarantine),
        "it took down the worker where it was tried"
    );
}

#[test]
fn an_opening_that_panics_among_others_is_tried_elsewhere_first() {
    let mut timers = Timers::default();
    let mut blame = Blame::new();
    blame.opening_failed((FaultDamage::Panic, Some(SHARED)), &mut timers);
    assert_eq!((blame.own_faults(), blame.confinement().berth()), (0, None));
    blame.opening_failed((FaultDamage::Panic, Some(SHARED)), &mut timers);
    assert_eq!(blame.own_faults(), 1);
    assert_eq!(
        blame.found_spoiled(Portion::Control, ONE_MORE),
        None,
        "nobody is in doubt any more"
    );
}

const ONE_MORE: WorkerId = WorkerId(9);

#[test]
fn openings_that_take_too_long_are_counted_until_one_does_not() {
    let mut blame = Blame::new();
    assert_eq!([0; 3].map(|_| blame.opening_slow()), [1, 2, 3]);
    blame.opened();
    assert_eq!(blame.opening_slow(), 1);
    assert_eq!(blame.own_faults(), 0);
}

/// A room that has panicked by itself in a worker that others share.
fn in_doubt() -> Blame {
    let mut blame = suspected(vec![of(WHO, 1)], FaultDamage::Panic);
    panics_among_others(&mut blame);
    assert_eq!(blame.confinement().berth(), None);
    blame
}

#[test]
fn a_room_that_failed_in_a_spoiled_worker_goes_among_the_others_again() {
    let mut blame = in_doubt();
    assert!(!blame.doubt_was_right(ONE_MORE), "another worker");
    assert_eq!(blame.confinement().berth(), None);
    assert!(blame.doubt_was_right(SHARED));
    assert_eq!((blame.confinement().berth(), blame.on_trial()), (Some(Berth::Common), true));
    assert!(!blame.doubt_was_right(SHARED));
    // What it had in its batch then is tried as before.
    assert_eq!((blame.portion(), blame.suspects()), (Portion::Control, 1));
}

#[test]
fn an_item_that_failed_in_a_spoiled_worker_is_tried_apart_all_the_same() {
    let mut blame = suspected(vec![of(WHO, 1)], FaultDamage::Panic);
    pass(&mut blame);
    panics_among_others(&mut blame);
    assert!(!blame.doubt_was_right(SHARED));
    assert_eq!(blame.confinement().berth(), None);
}

#[test]
fn who_was_guilty_before_a_doubt_is_so_after_it() {
    let mut timers = Timers::default();
    let mut blame = suspected_of_a_thread(&mut timers);
    blame.opening_failed((FaultDamage::Process, None), &mut timers);
    blame.opening_failed((FaultDamage::Process, None), &mut timers);
    clears(&mut blame);
    assert_eq!(blame.confinement().berth(), Some(Berth::Quarantine));
    let how = (FaultDamage::Panic, Some(SHARED));
    blame.opening_failed(how, &mut timers);
    assert_eq!((blame.confinement().berth(), timers.is_set(Timer::Quarantine)), (None, false));
    assert!(blame.doubt_was_right(SHARED));
    assert_eq!(blame.confinement().berth(), None, "not among the others");
    clears(&mut blame);
    assert_eq!(blame.confinement().berth(), Some(Berth::Quarantine));
}

#[test]
fn strikes_before_a_worker_was_found_to_be_spoiled_do_not_count() {
    let mut blame = suspected(vec![of(WHO, 1)], FaultDamage::Refused);
    pass(&mut blame);
    fail(&mut blame, FaultDamage::Refused);
    let how = (FaultDamage::Panic, Some(SHARED));
    blame.opening_failed(how, &mut Timers::default());
    assert!(blame.doubt_was_right(SHARED));
    assert_eq!((blame.portion(), blame.suspects()), (Portion::Control, 1));
    for strike in 0..STRIKES {
        assert_eq!(pass(&mut blame), None, "after {strike} strikes");
        fail(&mut blame, FaultDamage::Refused);
    }
    assert_eq!(pass(&mut blame), Some(of(WHO, 1)));
}

#[test]
fn a_room_that_is_given_up_is_tried_again_where_it_may_run_when_somebody_wants_it() {
    let mut blame = suspected(vec![of(WHO, 1)], FaultDamage::Process);
    pass(&mut blame);
    fail(&mut blame, FaultDamage::Process);
    blame.opening_failed((FaultDamage::Process, None), &mut Timers::default());
    assert_eq!(blame.halted(), None);
    blame.halt(Reason::fixed("PLY-0123 it fails"));
    assert!(blame.halted().is_some());
    blame.reprieve();
    assert_eq!((blame.halted(), blame.own_faults()), (None, 0));
    assert_eq!((blame.confinement().berth(), blame.portion()), (None, Portion::Control));
    assert_eq!((blame.suspects(), blame.accused(Portion::Control)), (1, None));
}

#[test]
fn another_release_finds_the_room_anywhere_and_under_the_suspicion_it_was_under() {
    let mut timers = Timers::default();
    let mut blame = suspected_of_a_thread(&mut timers);
    let what = (vec![of(WHO, 1)], vec![WHO]);
    blame.batch_failed(when(&mut timers), Portion::Free, what, (FaultDamage::Process, None));
    pass(&mut blame);
    fail(&mut blame, FaultDamage::Process);
    blame.halt(Reason::fixed("PLY-0123 it fails"));
    blame.was_beside(3, Stake::Items);
    timers.set(Timer::Quarantine, NOW);
    timers.set(Timer::Blind, NOW);
    blame.pardon(&mut timers);
    assert_eq!(
        (blame.halted(), blame.own_faults(), blame.confinement().berth()),
        (None, 0, Some(Berth::Common))
    );
    assert!(!timers.is_set(Timer::Quarantine) && !timers.is_set(Timer::Blind));
    assert_eq!((blame.suspects(), blame.portion()), (1, Portion::Control));
    blame.weigh(99);
    assert_eq!(
        blame.confinement().berth(),
        Some(Berth::Common),
        "it was beside others with another release"
    );
    clears(&mut blame);
    assert_eq!(
        blame.confinement().berth(),
        Some(Berth::Common),
        "nobody was guilty with this release"
    );
}

#[test]
fn a_room_with_items_at_stake_is_one_that_had_them_whatever_it_had_before() {
    let mut blame = Blame::new();
    blame.was_beside(1, Stake::Items);
    blame.was_beside(2, Stake::Time);
    blame.weigh(2);
    assert_eq!(blame.confinement().berth(), None, "since the first of them");
    assert!(blame.nothing_to_run());
    assert!(!blame.nothing_to_run(), "it is among the others");
    blame.weigh(9);
    assert_eq!(blame.confinement().berth(), Some(Berth::Common));
}

#[test]
fn who_lives_apart_already_is_not_run_apart_for_what_others_did() {
    let mut timers = Timers::default();
    let mut blame = suspected_of_a_thread(&mut timers);
    blame.was_beside(1, Stake::Items);
    blame.weigh(9);
    assert_eq!(blame.confinement().berth(), FIRST);
    assert!(!blame.nothing_to_run());
    assert_eq!(blame.confinement().berth(), FIRST);
}

#[test]
fn the_blind_are_shown_again_at_their_time_and_the_table_says_when() {
    let mut timers = Timers::default();
    let mut blame = Blame::new();
    fail_seen(&mut blame, &mut timers);
    fail_seen(&mut blame, &mut timers);
    pass(&mut blame);
    assert_eq!(blame.portion(), Portion::Views);
    assert!(!blame.is_blind(WHO));
    assert_eq!(fail_seen(&mut blame, &mut timers), Some(WHO));
    let until = NOW + limits().quarantine;
    assert!(blame.is_blind(WHO) && !blame.is_blind(ELSEWHERE));
    assert_eq!(timers.get(Timer::Blind), Some(At::Keeper(until)));
    blame.show_again(Time(until.0 - 1), &mut timers);
    assert!(blame.is_blind(WHO) && timers.is_set(Timer::Blind));
    blame.show_again(until, &mut timers);
    assert!(!blame.is_blind(WHO) && !timers.is_set(Timer::Blind));
}

/// The next batch, without items, fails and would have been seen by one.
fn fail_seen(blame: &mut Blame, timers: &mut Timers) -> Option<SessionId> {
    let portion = blame.portion();
    let saw = if blame.shows(portion, WHO) { vec![WHO] } else { Vec::new() };
    blame.batch_failed(when(timers), portion, (Vec::new(), saw), (FaultDamage::Panic, None))
}

#[test]
fn whose_view_it_was_is_found_after_what_was_in_the_batch() {
    let mut blame = Blame::new();
    let what = (vec![input(1)], vec![WHO]);
    let how = (FaultDamage::Panic, None);
    blame.batch_failed(when(&mut Timers::default()), Portion::Free, what, how);
    fail_seen(&mut blame, &mut Timers::default());
    let mut order = Vec::new();
    for _ in 0..3 {
        order.push(blame.portion());
        assert!(blame.on_trial());
        pass(&mut blame);
    }
    assert_eq!(order, [Portion::Control, Portion::Group, Portion::Views]);
    assert!(!blame.on_trial());
}
