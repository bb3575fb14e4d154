//! Drives a room without a keeper, a network or a clock.
//!
//! A [`TestRoom`] runs the same code as a worker: inputs and events travel as JSON, and after every step the state is encoded and
//! decoded, compared, and the room goes on with what was decoded. So a state that would not survive a deploy fails the game's own tests,
//! and a field that is not in it (`#[serde(skip)]`) is what it would be after one.
//!
//! ```
//! use std::time::Duration;
//! use playon::testing::TestRoom;
//! # use playon::{Cx, Player, PlayerId, Refusal, Room, Timer};
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Serialize, Deserialize)]
//! # struct Bell { rung: u32 }
//! # impl Room for Bell {
//! #     const KIND: &'static str = "bell";
//! #     type Params = ();
//! #     type Input = u64;
//! #     type Event = String;
//! #     type View = u32;
//! #     fn create((): (), _: &mut Cx<Self>) -> Result<Self, Refusal> { Ok(Self { rung: 0 }) }
//! #     fn join(&mut self, _: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> { Ok(()) }
//! #     fn input(&mut self, _: PlayerId, seconds: u64, cx: &mut Cx<Self>) {
//! #         cx.set_timer("bell", Duration::from_secs(seconds));
//! #     }
//! #     fn timer(&mut self, _: &Timer, cx: &mut Cx<Self>) {
//! #         self.rung += 1;
//! #         cx.broadcast(&"ding".to_owned());
//! #     }
//! #     fn view(&self, _: PlayerId, _: &Cx<Self>) -> u32 { self.rung }
//! # }
//! let mut room = TestRoom::<Bell>::create(());
//! let ann = room.join("ann");
//! room.input(ann, 3); // ring in three seconds
//! room.advance(Duration::from_secs(2));
//! room.reopen(); // as after a crash
//! assert_eq!(room.sent(ann), Vec::<String>::new());
//! room.advance(Duration::from_secs(1));
//! assert_eq!(room.sent(ann), ["ding"]);
//! assert_eq!(room.view(ann), 1);
//! ```

mod mailbox;
mod room;

pub use room::TestRoom;
