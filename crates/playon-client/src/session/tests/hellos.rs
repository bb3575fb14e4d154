use playon_types::ids::GENERATION_MAX;

use super::*;

#[test]
fn no_socket_is_of_a_generation_that_is_none() {
    let mut pair = Pair::new(ClientLimits::default());
    pair.open(1);
    let ServerFrame::Welcome(mut first) = welcome(Mode::New, 1, 0) else { panic!() };
    first.generation = GENERATION_MAX;
    pair.says(1, [ServerFrame::Welcome(first)]);
    pair.closes(1, None);
    pair.pass(Span::millis(500));
    pair.open(2);
    assert_eq!(pair.hello(2).generation, GENERATION_MAX);
}

#[test]
fn whoever_does_not_ask_for_deltas_is_told_none() {
    let delta = ServerFrame::View { as_of: 0, base: 1, payload: Bytes::from_static(&[1, 8]) };
    for (whole, state) in [(false, State::Live), (true, State::Reconnecting)] {
        let mut pair = Pair::new(ClientLimits::default());
        if whole {
            let options = JoinOptions::new("ws://home/play", "arena").whole_views();
            pair.session = Session::new(Time(0), options, 5);
            pair.drain();
        }
        pair.open(1);
        assert_eq!(pair.hello(1).deltas, !whole);
        pair.says(1, [welcome(Mode::New, 1, 0), view(0), delta.clone()]);
        assert_eq!(pair.session.state(), state);
        assert_eq!(pair.session.counters().views_delta, u64::from(!whole));
    }
}

#[test]
fn a_delta_that_cannot_be_applied_is_told_as_what_went_wrong() {
    let mut pair = Pair::live();
    let delta = ServerFrame::View { as_of: 0, base: 1, payload: Bytes::from_static(&[1, 8]) };
    pair.says(1, [delta]);
    assert_eq!(pair.session.trouble(), "PLY-0188 a view is told as a delta of none");
}
