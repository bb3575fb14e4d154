use bytes::Bytes;

use super::*;
use crate::attach::Noted;
use crate::ids::SessionId;
use crate::time::Span;

const NOW: Time = Time(1_000_000);
const WHO: SessionId = SessionId(7);

fn input(seq: u64) -> Item {
    Item::Input { session: WHO, seq, payload: Bytes::new() }
}

fn limits() -> Limits {
    Limits::default()
}

/// The next batch, which fails.
fn fail(blame: &mut Blame, damage: Damage) {
    let portion = blame.portion();
    let items = if portion == Portion::Group { blame.take_group() } else { Vec::new() };
    blame.batch_failed(&limits(), portion, items, damage);
}

/// The next batch, which passes. Gives what is set aside with it.
fn pass(blame: &mut Blame) -> Option<Item> {
    let portion = blame.portion();
    if portion == Portion::Group {
        blame.take_group();
    }
    blame.batch_passed(NOW, &limits(), portion)
}

#[test]
fn what_fails_alone_is_set_aside_once_the_moment_has_passed_without_it() {
    let mut blame = Blame::new();
    blame.batch_failed(&limits(), Portion::Free, vec![input(1)], Damage::Panic);
    assert_eq!(blame.portion(), Portion::Control);
    assert_eq!(pass(&mut blame), None);
    fail(&mut blame, Damage::Panic);
    assert_eq!(blame.portion(), Portion::Control, "never for what happened to be due then");
    assert_eq!(pass(&mut blame), Some(input(1)));
    assert!(!blame.on_trial());
}

#[test]
fn a_process_dies_twice_of_it_before_an_item_is_set_aside() {
    let mut blame = Blame::new();
    blame.batch_failed(&limits(), Portion::Free, vec![input(1)], Damage::Process);
    for strike in 0..STRIKES {
        assert_eq!(pass(&mut blame), None, "after {strike} strikes");
        fail(&mut blame, Damage::Process);
    }
    assert_eq!(pass(&mut blame), Some(input(1)));
}

#[test]
fn what_is_merely_noted_is_never_set_aside_and_the_room_is_at_fault() {
    let mut blame = Blame::new();
    let noted = Item::Noted { session: WHO, change: Noted::Back };
    blame.batch_failed(&limits(), Portion::Free, vec![noted], Damage::Panic);
    for fault in 1..=limits().own_faults_max {
        assert!(!blame.is_hopeless(&limits()), "after {fault} faults");
        assert_eq!(pass(&mut blame), None);
        fail(&mut blame, Damage::Panic);
        assert_eq!(blame.own_faults(), fault);
    }
    assert!(blame.is_hopeless(&limits()), "its books would be wrong for ever without the note");
    blame.pardon();
    assert!(!blame.is_hopeless(&limits()));
    assert_eq!(blame.suspects(), 1, "the note is kept for the next release");
}

#[test]
fn who_was_guilty_is_not_acquitted_by_a_trial_that_passes() {
    let mut blame = Blame::new();
    blame.batch_failed(&limits(), Portion::Free, vec![input(1)], Damage::Process);
    pass(&mut blame);
    fail(&mut blame, Damage::Process);
    pass(&mut blame);
    fail(&mut blame, Damage::Process);
    assert_eq!(pass(&mut blame), Some(input(1)));
    assert_eq!(blame.berth(0), Berth::Quarantine);
    // Whatever its worker in quarantine died of: it was this room that was there.
    blame.batch_failed(&limits(), Portion::Free, vec![input(2)], Damage::Process);
    assert_eq!(blame.berth(0), Berth::Trial(0));
    assert_eq!((pass(&mut blame), pass(&mut blame)), (None, None));
    assert_eq!(blame.berth(0), Berth::Quarantine);
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
    alone.batch_failed(&limits(), Portion::Free, vec![input(1)], Damage::Process);
    assert!(alone.unexplained(NOW, &limits()), "it was the only one there");
}

#[test]
fn who_is_acquitted_once_goes_among_the_others_and_the_second_time_stays_apart() {
    let mut blame = Blame::new();
    for berth in [Berth::Common, Berth::Quarantine] {
        blame.batch_failed(&limits(), Portion::Free, vec![input(1)], Damage::Process);
        assert_eq!(blame.berth(0), Berth::Trial(0));
        assert_eq!((pass(&mut blame), pass(&mut blame)), (None, None));
        assert_eq!(blame.berth(0), berth);
    }
    blame.handle_timeout(NOW + limits().quarantine);
    assert_eq!(blame.berth(0), Berth::Common);
}

#[test]
fn a_suspect_that_leaves_before_it_is_tried_is_not_acquitted() {
    for (leaves, quarantined) in [(true, true), (false, false)] {
        let mut blame = Blame::new();
        blame.batch_failed(&limits(), Portion::Free, vec![input(1)], Damage::Process);
        assert_eq!(pass(&mut blame), None, "the room by itself");
        if leaves {
            blame.retain(|_| false);
        }
        assert_eq!(pass(&mut blame), None);
        assert!(!blame.on_trial());
        assert_eq!(matches!(blame.confinement, Confinement::Quarantined { .. }), quarantined);
    }
}
