use super::*;

/// A room that does to its player what the test asks for.
struct Room {
    book: PlayerBook,
    view: View,
}

impl Room {
    fn new(goes_back: bool) -> Self {
        let view = View {
            tick: 0,
            release: 1,
            own: Account::default(),
            events: 0,
            counts: Vec::new(),
            total: 0,
            mismatches: 0,
            stamp: 0,
            sum: 0,
        };
        Self { book: PlayerBook::new(3, goes_back), view }
    }

    fn send(&mut self) -> Input {
        let input = self.book.next_input();
        self.book.sent(input);
        input
    }

    fn apply(&mut self, input: Input) {
        self.view.own.apply(input);
    }

    fn tick(&mut self) {
        self.view.tick += 1;
        self.book.view(&self.view);
    }

    fn event(&mut self) -> Event {
        self.view.events += 1;
        Event { n: self.view.events, tick: self.view.tick }
    }

    /// Sends four inputs and applies those picked, in that order, with a view after each.
    fn play(picks: &[usize]) -> BookFaults {
        let mut room = Self::new(false);
        let inputs = [(); 4].map(|()| room.send());
        for pick in picks {
            room.apply(inputs[*pick]);
            room.tick();
        }
        room.book.close(&room.view)
    }
}

#[test]
fn what_is_promised_counts_nothing() {
    assert_eq!(Room::play(&[0, 1, 2, 3]), BookFaults::default());
}

#[test]
fn a_lost_input_is_caught() {
    let lost = BookFaults { inputs_lost: 1, ..BookFaults::default() };
    assert_eq!(Room::play(&[0, 1, 3]), lost);
    assert_eq!(Room::play(&[1, 2, 3]), lost);
    assert_eq!(Room::play(&[0, 1, 2]), lost);
}

#[test]
fn an_input_applied_twice_is_caught() {
    let twice = BookFaults { inputs_duplicated: 1, ..BookFaults::default() };
    assert_eq!(Room::play(&[0, 1, 1, 2, 3]), twice);
    assert_eq!(Room::play(&[0, 1, 2, 3, 3]), twice);
}

#[test]
fn swapped_inputs_are_caught() {
    assert_eq!(
        Room::play(&[0, 2, 1, 3]),
        BookFaults { inputs_reordered: 1, ..BookFaults::default() }
    );
}

#[test]
fn one_lost_and_one_doubled_do_not_cancel_out() {
    let both = BookFaults { inputs_lost: 1, inputs_duplicated: 1, ..BookFaults::default() };
    assert_eq!(Room::play(&[0, 1, 1, 3]), both);
}

#[test]
fn a_changed_input_is_caught() {
    let mut room = Room::new(false);
    let input = room.send();
    room.apply(Input { word: input.word ^ 1, ..input });
    room.tick();
    assert_eq!(room.book.close(&room.view).state_mismatches, 1);
}

#[test]
fn a_wrong_hash_on_the_way_is_caught_even_if_it_is_right_again_at_the_end() {
    let mut room = Room::new(false);
    let input = room.send();
    room.apply(input);
    let right = room.view.own;
    room.view.own.chain ^= 1;
    room.tick();
    room.view.own = right;
    room.tick();
    assert_eq!(room.book.close(&room.view).state_mismatches, 1);
}

#[test]
fn a_state_that_goes_back_is_caught() {
    let mut room = Room::new(false);
    let input = room.send();
    let before = room.view.clone();
    room.apply(input);
    room.tick();
    room.book.view(&before);
    room.tick();
    assert!(room.book.close(&room.view).state_mismatches > 0);
}

#[test]
fn what_the_room_finds_wrong_with_its_state_counts_once() {
    let mut room = Room::new(false);
    room.view.mismatches = 2;
    room.tick();
    room.tick();
    assert_eq!(room.book.close(&room.view).state_mismatches, 2);
}

#[test]
fn a_lost_event_is_caught_in_the_middle_and_at_the_end() {
    let mut room = Room::new(false);
    let events = [(); 3].map(|()| room.event());
    room.book.event(events[0]);
    room.book.event(events[2]);
    assert_eq!(room.book.close(&room.view).events_lost, 1);

    let mut room = Room::new(false);
    let event = room.event();
    room.event();
    room.book.event(event);
    assert_eq!(room.book.close(&room.view).events_lost, 1);
}

#[test]
fn a_repeated_event_is_caught() {
    let mut room = Room::new(false);
    let event = room.event();
    room.book.event(event);
    room.book.event(event);
    assert_eq!(
        room.book.close(&room.view),
        BookFaults { events_repeated: 1, ..BookFaults::default() }
    );
}

/// Eight inputs are applied and six of them acknowledged, then the room goes back to the fourth.
fn crashed(goes_back: bool, told: u64) -> (Room, Vec<Input>) {
    let mut room = Room::new(goes_back);
    let inputs: Vec<_> = [(); 8].map(|()| room.send()).into();
    inputs[..4].iter().for_each(|input| room.apply(*input));
    room.tick();
    let (checkpoint, event) = (room.view.clone(), room.event());
    inputs[4..].iter().for_each(|input| room.apply(*input));
    room.book.event(event);
    room.tick();
    room.book.went_back();
    room.book.told_lost(6, told);
    room.view = checkpoint;
    (room, inputs)
}

#[test]
fn a_loss_that_was_told_is_no_fault_of_a_room_that_may_go_back() {
    let (mut room, inputs) = crashed(true, 2);
    inputs[6..].iter().for_each(|input| room.apply(*input));
    room.tick();
    let event = room.event();
    room.book.event(event);
    assert!(room.book.settled());
    assert_eq!(room.book.lost_and_told(), 2);
    assert_eq!(room.book.close(&room.view), BookFaults::default());
}

#[test]
fn more_lost_than_was_told_is_caught_and_so_is_less() {
    let (mut room, inputs) = crashed(true, 1);
    inputs[6..].iter().for_each(|input| room.apply(*input));
    room.tick();
    assert!(!room.book.settled());
    assert_eq!(room.book.close(&room.view), BookFaults { inputs_lost: 1, ..BookFaults::default() });

    let (mut room, inputs) = crashed(true, 3);
    inputs[6..].iter().for_each(|input| room.apply(*input));
    room.tick();
    assert_eq!(room.book.close(&room.view).state_mismatches, 1);
}

#[test]
fn a_room_that_may_not_go_back_is_caught_whatever_is_told() {
    let (mut room, inputs) = crashed(false, 2);
    inputs[6..].iter().for_each(|input| room.apply(*input));
    room.tick();
    let faults = room.book.close(&room.view);
    assert_eq!((faults.inputs_lost, faults.state_mismatches), (2, 1));
}
