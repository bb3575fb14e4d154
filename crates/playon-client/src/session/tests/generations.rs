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
