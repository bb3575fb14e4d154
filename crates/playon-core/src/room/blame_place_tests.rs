//! Where a room may be run, what that depends on, and when it is given up.

use super::*;

/// Two deaths at nothing, of a room that had just done something.
fn suspected_of_a_thread(timers: &mut Timers) -> Blame {
    let mut blame = Blame::new();
    for _ in 0..2 {
        blame.left_behind(when(timers), true, |_| panic!("it is alone with the charge"));
    }
    blame
}

#[test]
fn what_died_of_it_alone_or_twice_is_suspected_and_lives_apart_for_a_while() {
    let mut timers = Timers::default();
    let mut once = Blame::new();
    once.left_behind(when(&mut timers), true, |_| true);
    assert_eq!((once.place(), once.is_quarantined()), (Place::Common, false));
    let blame = suspected_of_a_thread(&mut timers);
    assert_eq!((blame.place(), blame.is_quarantined()), (Place::Quarantine, true));
    let until = NOW + limits().quarantine;
    assert_eq!(timers.get(Timer::Quarantine), Some(At::Keeper(until)));
}

#[test]
fn a_room_that_had_nothing_under_way_is_suspected_if_it_had_just_done_something() {
    for (acted, suspected) in [(None, false), (Some(NOW), true)] {
        let mut timers = Timers::default();
        let mut blame = Blame::new();
        for _ in 0..2 {
            acted.into_iter().for_each(|at| blame.acted(at));
            blame.left_behind(when(&mut timers), false, |_| false);
        }
        assert_eq!(blame.is_quarantined(), suspected);
    }
}

#[test]
fn where_it_happens_again_the_lot_tells_who_goes_back_and_each_round_has_its_own() {
    let mut timers = Timers::default();
    let mut blame = suspected_of_a_thread(&mut timers);
    blame.left_behind(when(&mut timers), true, |round| {
        assert_eq!(round, 1);
        false
    });
    assert!(blame.is_quarantined() && timers.is_set(Timer::Quarantine));
    blame.left_behind(when(&mut timers), true, |round| round == 2);
    assert!(!blame.is_quarantined() && !timers.is_set(Timer::Quarantine));
    // It is among the others now, where the lot says nothing.
    blame.left_behind(when(&mut timers), true, |_| true);
    assert!(blame.is_quarantined());
}

#[test]
fn who_was_elsewhere_is_freed_once_if_it_was_for_that_that_it_lived_apart() {
    let mut timers = Timers::default();
    assert!(!Blame::new().was_elsewhere(&mut timers));
    let mut blame = suspected_of_a_thread(&mut timers);
    assert!(blame.was_elsewhere(&mut timers));
    assert_eq!((blame.place(), timers.is_set(Timer::Quarantine)), (Place::Common, false));
    assert!(!blame.was_elsewhere(&mut timers));
    // Guilty of something worse meanwhile: it stays.
    let mut blame = suspected_of_a_thread(&mut timers);
    let what = (vec![input(1)], Vec::new());
    blame.batch_failed(when(&mut timers), Portion::Free, what, (FaultDamage::Process, None));
    assert!(!timers.is_set(Timer::Quarantine));
    assert!(!blame.was_elsewhere(&mut timers));
    assert_eq!(blame.place(), Place::Trial);
    // What it was found guilty of is something else.
    clears(&mut blame);
    assert!(blame.is_quarantined() && !blame.was_elsewhere(&mut timers) && blame.is_quarantined());
    // The lot has sent it back among the others already.
    let mut blame = suspected_of_a_thread(&mut timers);
    blame.left_behind(when(&mut timers), true, |_| true);
    assert!(!blame.is_quarantined() && !blame.was_elsewhere(&mut timers));
    // Its time is over, and so is the suspicion.
    let mut blame = suspected_of_a_thread(&mut timers);
    blame.end_quarantine();
    assert_eq!(blame.place(), Place::Common);
    assert!(!blame.was_elsewhere(&mut timers));
}

#[test]
fn a_second_acquittal_counts_only_if_the_first_was_not_long_before() {
    let quarantine = limits().quarantine;
    for (after, place) in [(Span(quarantine.0 - 1), Place::Quarantine), (quarantine, Place::Common)]
    {
        let (limits, mut timers) = (limits(), Timers::default());
        let mut blame = Blame::new();
        for now in [NOW, NOW + after] {
            let what = (Vec::new(), Vec::new());
            let how = (FaultDamage::Process, None);
            blame.batch_failed((now, &limits, &mut timers), Portion::Free, what, how);
            assert_eq!(blame.place(), Place::Trial);
            let (when, portion) = ((now, &limits, &mut timers), blame.portion());
            blame.batch_passed(when, portion, [].into_iter());
        }
        assert_eq!(blame.place(), place, "{after:?}");
    }
}

#[test]
fn an_opening_that_fails_counts_against_the_room_and_one_that_passes_does_not_clear_it() {
    let mut timers = Timers::default();
    let mut blame = Blame::new();
    for count in 1..=limits().own_faults_max {
        assert!(!blame.is_hopeless(&limits()));
        blame.opening_failed((FaultDamage::Refused, Some(SHARED)), &mut timers);
        assert_eq!((blame.own_faults(), blame.place()), (count, Place::Common));
        blame.opened();
    }
    assert!(blame.is_hopeless(&limits()));
    blame.opening_failed((FaultDamage::Process, Some(SHARED)), &mut timers);
    assert_eq!(blame.place(), Place::Trial);
    blame.opening_failed((FaultDamage::Process, None), &mut timers);
    clears(&mut blame);
    assert_eq!(blame.place(), Place::Quarantine, "it took down the worker where it was tried");
}

#[test]
fn an_opening_that_panics_among_others_is_tried_elsewhere_first() {
    let mut timers = Timers::default();
    let mut blame = Blame::new();
    blame.opening_failed((FaultDamage::Panic, Some(SHARED)), &mut timers);
    assert_eq!((blame.own_faults(), blame.place()), (0, Place::Trial));
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
    assert_eq!(blame.place(), Place::Trial);
    blame
}

#[test]
fn a_room_that_failed_in_a_spoiled_worker_goes_among_the_others_again() {
    let mut blame = in_doubt();
    assert!(!blame.doubt_was_right(ONE_MORE), "another worker");
    assert_eq!(blame.place(), Place::Trial);
    assert!(blame.doubt_was_right(SHARED));
    assert_eq!((blame.place(), blame.on_trial()), (Place::Common, true));
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
    assert_eq!(blame.place(), Place::Trial);
}

#[test]
fn who_was_guilty_before_a_doubt_is_so_after_it() {
    let mut timers = Timers::default();
    let mut blame = suspected_of_a_thread(&mut timers);
    let how = (FaultDamage::Panic, Some(SHARED));
    blame.opening_failed(how, &mut timers);
    assert_eq!((blame.place(), timers.is_set(Timer::Quarantine)), (Place::Trial, false));
    assert!(blame.doubt_was_right(SHARED));
    assert_eq!(blame.place(), Place::Trial, "not among the others");
    clears(&mut blame);
    assert_eq!(blame.place(), Place::Quarantine);
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
    assert_eq!((blame.place(), blame.portion()), (Place::Trial, Portion::Control));
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
    assert_eq!((blame.halted(), blame.own_faults(), blame.place()), (None, 0, Place::Common));
    assert!(!timers.is_set(Timer::Quarantine) && !timers.is_set(Timer::Blind));
    assert_eq!((blame.suspects(), blame.portion()), (1, Portion::Control));
    blame.weigh(99);
    assert_eq!(blame.place(), Place::Common, "it was beside others with another release");
    clears(&mut blame);
    assert_eq!(blame.place(), Place::Common, "nobody was guilty with this release");
}

#[test]
fn a_room_with_items_at_stake_is_one_that_had_them_whatever_it_had_before() {
    let mut blame = Blame::new();
    blame.was_beside(1, Stake::Items);
    blame.was_beside(2, Stake::Time);
    blame.weigh(2);
    assert_eq!(blame.place(), Place::Trial, "since the first of them");
    assert!(blame.nothing_to_run());
    assert!(!blame.nothing_to_run(), "it is among the others");
    blame.weigh(9);
    assert_eq!(blame.place(), Place::Common);
}

#[test]
fn who_lives_apart_already_is_not_run_apart_for_what_others_did() {
    let mut timers = Timers::default();
    let mut blame = suspected_of_a_thread(&mut timers);
    blame.was_beside(1, Stake::Items);
    blame.weigh(9);
    assert_eq!(blame.place(), Place::Quarantine);
    assert!(!blame.nothing_to_run());
    assert_eq!(blame.place(), Place::Quarantine);
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
