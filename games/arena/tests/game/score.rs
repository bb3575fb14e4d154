use arena::event::Event;
use arena::r1::R1;
use arena::r2::R2;
use arena::view::Thing;

use crate::{fly, own, room};

#[test]
fn whoever_flies_to_stars_scores_and_never_goes_back() {
    let mut room = room::<R1>(300);
    let ann = room.join("ann");
    let mut score = 0;
    for _ in 0..30 {
        fly(&mut room, &[ann], 20);
        let now = own(&room.view(ann)).2;
        assert!(now >= score, "{now} after {score}");
        score = now;
    }
    assert!(score > 5, "only {score} in half a minute");
}

#[test]
fn every_point_is_announced() {
    let mut room = room::<R1>(300);
    let ann = room.join("ann");
    fly(&mut room, &[ann], 600);
    let view = room.view(ann);
    let announced: u32 = room.flashed(ann).iter().map(points).sum();
    let counted: u32 = view.board.iter().map(|row| row.2).sum();
    // The machine that made place for ann had left before anything was caught.
    assert_eq!(announced, counted);
}

fn points(event: &Event) -> u32 {
    match event {
        Event::Pop { text, .. } => text.trim_start_matches('+').parse().unwrap_or(0),
        Event::Say { .. } => 0,
    }
}

#[test]
fn comets_cross_only_release_2() {
    let comets = |looks: &[arena::view::Look]| looks.iter().any(|look| look.0 == "comet");
    let mut first = room::<R1>(300);
    let mut second = room::<R2>(300);
    let mut seen = (false, false);
    for _ in 0..1_200 {
        first.ticks(1);
        second.ticks(1);
        let views = (first.watch().unwrap(), second.watch().unwrap());
        seen.0 |= comets(&views.0.looks);
        seen.1 |= comets(&views.1.looks);
    }
    assert_eq!(seen, (false, true));
}

#[test]
fn the_button_dashes_only_in_release_2_and_costs_energy() {
    let steer = arena::steer::Steer { x: 100, y: 0, button: true };
    let mut first = room::<R1>(300);
    let ann = first.join("ann");
    first.input(ann, steer);
    first.ticks(5);
    let view = first.view(ann);
    assert_eq!((view.button.as_str(), view.gauges.len()), ("", 1));
    assert!(view.things.iter().all(|thing| !matches!(thing, Thing::Steered(.., 101..))));

    let mut second = room::<R2>(300);
    let bob = second.join("bob");
    second.input(bob, steer);
    second.ticks(5);
    let view = second.view(bob);
    assert_eq!(view.button, "dash");
    assert!(view.gauges[1].1 < 100, "{:?}", view.gauges);
    let dashes = |thing: &Thing| matches!(thing, Thing::Steered(id, .., 200) if *id == view.you);
    assert!(view.things.iter().any(dashes));
}

#[test]
fn nothing_leaves_the_arena_whatever_is_sent() {
    let mut room = room::<R2>(300);
    let players: Vec<_> = (0..8).map(|n| room.join(&format!("p{n}"))).collect();
    for who in &players {
        room.input_raw(*who, br#"{"x":100,"y":100,"button":true,"more":[]}"#);
        room.input_raw(*who, b"what?");
    }
    for _ in 0..200 {
        room.ticks(1);
        for thing in &room.watch().unwrap().things {
            let (Thing::Steered(_, x, y, ..) | Thing::Loose(_, x, y, _)) = thing;
            assert!(x * x + y * y <= 1_002 * 1_002, "{thing:?}");
        }
    }
}
