//! Whether a commit holds each input once: counted where it is applied, against what the image says was applied before, and
//! against what the worker says that it has run.

use std::collections::BTreeMap;

use playon_types::attach::Item;
use playon_types::ids::SessionId;

use crate::effect::Report;

use super::Room;
use super::phase::Inflight;

impl Room {
    /// Compares the inputs of a batch with what earlier commits hold; nothing if each of them is the next one. The image is
    /// as it was before the batch.
    pub(super) fn tally(&self, inflight: &Inflight, ran: u32) -> Option<Report> {
        let mut last: BTreeMap<SessionId, u64> = BTreeMap::new();
        let (mut twice, mut missing) = (0, 0);
        for item in &inflight.items {
            match item {
                Item::Input { session, seq, .. } => {
                    let Some(seat) = self.image.seats.get(session) else { continue };
                    let before = last.get(session).copied().unwrap_or(0).max(seat.applied);
                    twice += u64::from(*seq <= before);
                    missing += seq.saturating_sub(before + 1);
                    last.insert(*session, before.max(*seq));
                }
                // The player has been told of what is missing here, and it is counted as lost.
                Item::Back { session, lost } if *lost > 0 => {
                    if let Some(known) = self.presence.get(session) {
                        last.insert(*session, known.resumed_at);
                    }
                }
                _ => {}
            }
        }
        let delivered =
            inflight.items.iter().filter(|item| matches!(item, Item::Input { .. })).count();
        let (delivered, ran) = (delivered as u64, u64::from(ran));
        twice += ran.saturating_sub(delivered);
        missing += delivered.saturating_sub(ran);
        let room = self.id();
        (twice > 0 || missing > 0).then_some(Report::Miscounted { room, twice, missing })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use playon_types::ids::{ConnId, SecretHash, Seq};
    use playon_types::image::{Image, Seat};
    use playon_types::time::{RoomTime, Span, Time};

    use super::*;
    use crate::errand::Errand;
    use crate::limits::Limits;
    use crate::room::blame::Portion;
    use crate::session::Session;

    const WHO: SessionId = SessionId(1);
    const OTHER: SessionId = SessionId(2);

    fn input(session: SessionId, seq: u64) -> Item {
        Item::Input { session, seq, payload: Bytes::new() }
    }

    /// What is found of a batch of a room with two seats, of which three inputs each are applied; the worker says it ran so many.
    /// Who came back after a loss goes on after the eighth.
    fn counted(items: Vec<Item>, ran: u32) -> Option<(u64, u64)> {
        let seat = || Seat { applied: 3, ..Seat::default() };
        let seats = [(WHO, seat()), (OTHER, seat())].into();
        let image = Image { seats, ..Image::default() };
        let mut room = Room::new(image, &Limits::default(), Time(0));
        let mut session = Session::joining(ConnId(1), SecretHash::default());
        session.resumed_at = 8;
        room.presence.add(WHO, session);
        let inflight = Inflight {
            seq: Seq(1),
            items,
            now: RoomTime(0),
            tick: 0,
            errand: Errand::new(Time(0), Span::ZERO),
            portion: Portion::Free,
            render: Vec::new(),
            watch: false,
        };
        match room.tally(&inflight, ran) {
            Some(Report::Miscounted { twice, missing, .. }) => Some((twice, missing)),
            other => {
                assert_eq!(other, None);
                None
            }
        }
    }

    #[test]
    fn each_input_is_the_next_one_of_its_player() {
        assert_eq!(counted(vec![], 0), None);
        assert_eq!(counted(vec![input(WHO, 4), input(OTHER, 4), input(WHO, 5)], 3), None);
        assert_eq!(counted(vec![Item::Wake, input(SessionId(9), 7)], 1), None, "it has left");
    }

    #[test]
    fn inputs_that_come_again_or_are_left_out_are_counted_one_by_one() {
        assert_eq!(counted(vec![input(WHO, 3)], 1), Some((1, 0)));
        assert_eq!(counted(vec![input(WHO, 2), input(WHO, 3), input(WHO, 4)], 3), Some((2, 0)));
        assert_eq!(counted(vec![input(WHO, 4), input(WHO, 4), input(WHO, 5)], 3), Some((1, 0)));
        assert_eq!(counted(vec![input(WHO, 6)], 1), Some((0, 2)));
        assert_eq!(counted(vec![input(WHO, 5), input(OTHER, 5), input(WHO, 8)], 3), Some((0, 4)));
    }

    #[test]
    fn what_the_worker_has_run_is_what_it_was_given() {
        assert_eq!(counted(vec![input(WHO, 4), Item::Wake], 2), Some((1, 0)));
        assert_eq!(counted(vec![input(WHO, 4), input(WHO, 5)], 0), Some((0, 2)));
    }

    #[test]
    fn what_was_lost_with_a_keeper_is_not_missed_here() {
        let back = |lost| Item::Back { session: WHO, lost };
        assert_eq!(counted(vec![back(5), input(WHO, 9)], 1), None);
        assert_eq!(counted(vec![back(5), input(WHO, 8)], 1), Some((1, 0)));
        assert_eq!(counted(vec![back(0), input(WHO, 4)], 1), None);
        assert_eq!(counted(vec![Item::Back { session: OTHER, lost: 5 }, input(OTHER, 4)], 1), None);
    }
}
