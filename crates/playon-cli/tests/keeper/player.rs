//! A player of the drill game.

use playon_client::{End, JoinError, JoinOptions, Room, Update, join};
use playon_drill::game::{Event, Input, View};
use tokio::time::timeout;

use super::rig::{PATIENCE, Rig};

/// One seat in a named room. Every input it sends is numbered, and the room keeps an account of them.
pub(crate) struct Player {
    room: Room<Input, Event, View>,
    sent: u64,
    /// The last event of the room to this player; nothing once the room has lost some.
    heard: Option<u64>,
}

impl Player {
    pub(crate) async fn join(rig: &Rig, room: &str) -> Self {
        Self::try_join(rig, room).await.unwrap()
    }

    pub(crate) async fn try_join(rig: &Rig, room: &str) -> Result<Self, JoinError> {
        Self::try_join_kind(rig, "drill-20", room).await
    }

    pub(crate) async fn join_kind(rig: &Rig, kind: &str, room: &str) -> Self {
        Self::try_join_kind(rig, kind, room).await.unwrap()
    }

    async fn try_join_kind(rig: &Rig, kind: &str, room: &str) -> Result<Self, JoinError> {
        let options = JoinOptions::new(rig.url(), kind).name(room);
        let room = timeout(PATIENCE, join(options)).await.unwrap()?;
        Ok(Self { room, sent: 0, heard: Some(0) })
    }

    /// Sends inputs.
    pub(crate) async fn send(&mut self, inputs: u64) {
        for _ in 0..inputs {
            self.sent += 1;
            self.room.send(&Input { n: self.sent, word: self.sent * 7 }).await.unwrap();
        }
    }

    /// Sends inputs and waits until a view shows them all applied, once each and in order.
    pub(crate) async fn play(&mut self, inputs: u64) -> View {
        self.send(inputs).await;
        let sent = self.sent;
        let view = self.until(|view| view.own.count >= sent).await;
        assert_eq!((view.own.count, view.own.repeated, view.own.late), (sent, 0, 0));
        assert_eq!(view.mismatches, 0);
        view
    }

    /// Waits for a view.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&View) -> bool) -> View {
        let search = async {
            loop {
                let update = self.room.next().await;
                if let Some(view) = self.take(update).filter(&wanted) {
                    return view;
                }
            }
        };
        timeout(PATIENCE, search).await.expect("the view never came")
    }

    /// Waits for the end of the session.
    pub(crate) async fn until_ended(&mut self) -> End {
        let search = async {
            loop {
                if let Update::Ended(end) = self.room.next().await {
                    return end;
                }
            }
        };
        timeout(PATIENCE, search).await.expect("the session goes on")
    }

    /// Waits until it is told that inputs are lost, and how many.
    pub(crate) async fn until_told(&mut self) -> u64 {
        let search = async {
            loop {
                match self.room.next().await {
                    Update::Lost { inputs } => {
                        // The room is an older one: so are its events.
                        self.heard = None;
                        return inputs;
                    }
                    Update::Ended(end) => panic!("the session ended: {end:?}"),
                    _ => {}
                }
            }
        };
        timeout(PATIENCE, search).await.expect("nobody told of the loss")
    }

    /// From here on events may be missing: the room's history has changed, and the player is told so.
    pub(crate) const fn expect_another_history(&mut self) {
        self.heard = None;
    }

    /// Goes on with a room that has applied so many of its inputs and lost the others.
    pub(crate) async fn go_on_from(&mut self, applied: u64) {
        let view = self.until(|view| view.own.count >= applied).await;
        assert_eq!((view.own.count, view.own.repeated), (applied, 0));
    }

    /// Listens for so long.
    pub(crate) async fn listen(&mut self, time: std::time::Duration) {
        let updates = async {
            loop {
                let update = self.room.next().await;
                self.take(update);
            }
        };
        let _ = timeout(time, updates).await;
    }

    /// Listens while something is done elsewhere that takes long.
    pub(crate) async fn beside<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let mut work = tokio::task::spawn_blocking(work);
        loop {
            tokio::select! {
                done = &mut work => return done.unwrap(),
                update = self.room.next() => { self.take(update); }
            }
        }
    }

    /// Checks one update; the view if it is one.
    fn take(&mut self, update: Update<Event, View>) -> Option<View> {
        match update {
            Update::View { view, .. } => return Some(view),
            Update::Event { event, .. } => {
                let next = self.heard.map_or(event.n, |last| last + 1);
                assert_eq!(event.n, next, "events come once and in order");
                self.heard = self.heard.map(|_| event.n);
            }
            Update::Ended(end) => panic!("the session ended: {end:?}"),
            Update::Lost { inputs } => panic!("{inputs} inputs are lost"),
            Update::SetAside { inputs, .. } => panic!("{inputs:?} are set aside"),
            Update::Gap { missed } => assert!(self.heard.is_none(), "{missed} events are lost"),
            Update::Unreadable { why, .. } => panic!("unreadable: {why}"),
            Update::Now(_) | Update::Applied(_) | Update::State(_) => {}
        }
        None
    }

    /// Sockets that were closed under this player.
    pub(crate) fn sockets_closed(&self) -> u64 {
        self.room.counters().sockets_closed
    }
}
