//! The rules: turns, clocks, rounds.

use std::time::Duration;

use playon::{Cx, OnDeploy, Player, PlayerId, Policies, Refusal, Room, Timer};
use serde::{Deserialize, Serialize};

use crate::board::NoPlace;
use crate::message::How;
use crate::{Board, Event, Move, Pair, Params, Seat, Side, View};

/// Between two rounds.
const BREAK: Duration = Duration::from_secs(5);
/// How long a deploy waits for a break.
const DEPLOY_DEADLINE: Duration = Duration::from_secs(60);
/// How long a seat is kept for a player who went away; the clock of the turn goes on.
const SEAT_HOLD: Duration = Duration::from_secs(600);

/// What the room waits for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Clock {
    /// The end of a turn.
    Turn,
    /// The next round.
    Next,
}

/// A duel.
#[derive(Debug, Serialize, Deserialize)]
pub struct Duel {
    turn_seconds: u64,
    seats: Pair<Option<PlayerId>>,
    wins: Pair<u32>,
    round: u32,
    /// Who begins the next round.
    first: Side,
    /// Who is to move, during a round.
    turn: Option<Side>,
    board: Board,
}

impl Room for Duel {
    const KIND: &'static str = "duel";
    type Params = Params;
    type Input = Move;
    type Event = Event;
    type View = View;

    fn policies() -> Policies {
        Policies::default()
            .players_max(2)
            .seat_hold(SEAT_HOLD)
            .on_deploy(OnDeploy::BetweenRounds { deadline: DEPLOY_DEADLINE })
    }

    fn create(params: Params, cx: &mut Cx<Self>) -> Result<Self, Refusal> {
        if !(5..=3_600).contains(&params.turn_seconds) {
            return Err("a turn has 5 to 3600 seconds".into());
        }
        cx.between_rounds(true);
        Ok(Self {
            turn_seconds: params.turn_seconds,
            seats: Pair::default(),
            wins: Pair::default(),
            round: 0,
            first: Side::Red,
            turn: None,
            board: Board::default(),
        })
    }

    fn join(&mut self, who: &Player, cx: &mut Cx<Self>) -> Result<(), Refusal> {
        let free = Side::BOTH.into_iter().find(|side| self.seats.of(*side).is_none());
        let side = free.ok_or("both seats are taken")?;
        *self.seats.of_mut(side) = Some(who.id());
        // The wins were won against somebody else.
        self.wins = Pair::default();
        if Side::BOTH.iter().all(|side| self.seats.of(*side).is_some()) {
            cx.set_timer(&Clock::Next, BREAK);
        }
        Ok(())
    }

    fn input(&mut self, from: PlayerId, input: Move, cx: &mut Cx<Self>) {
        let Some(side) = self.side(from) else { return };
        let moved = match input {
            Move::Resign if self.turn.is_some() => {
                self.finish(Some(side.other()), How::Resigned, cx);
                Ok(())
            }
            Move::Resign => Err("no round is being played"),
            Move::Drop(_) if self.turn != Some(side) => Err("it is not your turn"),
            Move::Drop(column) => self.drop_disc(side, column, cx),
        };
        if let Err(why) = moved {
            cx.send(from, &Event::Rejected { why: why.to_owned() });
        }
    }

    fn timer(&mut self, timer: &Timer, cx: &mut Cx<Self>) {
        match (timer.read(), self.turn) {
            (Some(Clock::Turn), Some(side)) => self.finish(Some(side.other()), How::Clock, cx),
            (Some(Clock::Next), None) => self.start(cx),
            _ => {}
        }
    }

    fn leave(&mut self, who: PlayerId, cx: &mut Cx<Self>) {
        let Some(side) = self.side(who) else { return };
        if self.turn.is_some() {
            self.finish(Some(side.other()), How::Resigned, cx);
        }
        *self.seats.of_mut(side) = None;
        cx.cancel_timer(&Clock::Next);
    }

    fn view(&self, who: PlayerId, cx: &Cx<Self>) -> View {
        self.seen_by(self.side(who), cx)
    }

    fn watch(&self, cx: &Cx<Self>) -> Option<View> {
        Some(self.seen_by(None, cx))
    }
}

impl Duel {
    fn side(&self, who: PlayerId) -> Option<Side> {
        Side::BOTH.into_iter().find(|side| *self.seats.of(*side) == Some(who))
    }

    fn start(&mut self, cx: &mut Cx<Self>) {
        self.round += 1;
        self.board = Board::default();
        cx.between_rounds(false);
        cx.broadcast(&Event::Started { round: self.round, first: self.first });
        self.begin_turn(self.first, cx);
    }

    fn begin_turn(&mut self, side: Side, cx: &mut Cx<Self>) {
        self.turn = Some(side);
        cx.set_timer(&Clock::Turn, Duration::from_secs(self.turn_seconds));
    }

    fn drop_disc(
        &mut self,
        side: Side,
        column: usize,
        cx: &mut Cx<Self>,
    ) -> Result<(), &'static str> {
        let wins = self.board.drop_disc(side, column).map_err(|no_place| match no_place {
            NoPlace::Outside => "there is no such column",
            NoPlace::Full => "the column is full",
        })?;
        cx.broadcast(&Event::Dropped { side, column });
        if wins {
            self.finish(Some(side), How::Row, cx);
        } else if self.board.is_full() {
            self.finish(None, How::Full, cx);
        } else {
            self.begin_turn(side.other(), cx);
        }
        Ok(())
    }

    fn finish(&mut self, winner: Option<Side>, how: How, cx: &mut Cx<Self>) {
        self.turn = None;
        cx.cancel_timer(&Clock::Turn);
        if let Some(winner) = winner {
            *self.wins.of_mut(winner) += 1;
        }
        // Who did not win may begin; after a draw the other one does.
        self.first = winner.unwrap_or(self.first).other();
        cx.broadcast(&Event::Ended { winner, how });
        cx.between_rounds(true);
        cx.set_timer(&Clock::Next, BREAK);
    }

    fn seen_by(&self, you: Option<Side>, cx: &Cx<Self>) -> View {
        let seat = |id: &Option<PlayerId>| {
            let player = cx.player((*id)?)?;
            Some(Seat { name: player.name(), here: player.present() })
        };
        let clock = cx.timer(if self.turn.is_some() { &Clock::Turn } else { &Clock::Next });
        View {
            you,
            seats: self.seats.map(seat),
            wins: self.wins.clone(),
            round: self.round,
            turn: self.turn,
            clock_ms: clock.map(|left| left.as_millis() as u64),
            board: self.board.lines(),
        }
    }
}
