//! Game code may do anything: what one room's code does costs the other rooms one reopening at most, and the room
//! plays on without it.

use std::time::{Duration, Instant};

use playon_client::{End, JoinError, JoinOptions, Room, Update, join};
use serde_json::Value;
use tokio::time::timeout;

use super::rig::{PATIENCE, Rig};

pub(crate) const DEEDS: &str = env!("CARGO_BIN_EXE_playon-deeds");

/// Rooms beside the one in which something is done.
const OTHERS: usize = 6;

/// A player of the game that does what it is told.
pub(crate) struct Culprit {
    room: Room<String, u64, u64>,
    /// Inputs it was told are set aside.
    pub(crate) set_aside: Vec<u64>,
    applied: u64,
}

pub(crate) async fn enter(
    rig: &Rig,
    name: &str,
    params: Option<&str>,
) -> Result<Culprit, JoinError> {
    enter_kind(rig, "deeds", name, params).await
}

/// The same in a room of another game that takes such words.
pub(crate) async fn enter_kind(
    rig: &Rig,
    kind: &str,
    name: &str,
    params: Option<&str>,
) -> Result<Culprit, JoinError> {
    let options = JoinOptions::new(rig.url(), kind).name(name).params(&params)?;
    let room = timeout(PATIENCE, join(options)).await.unwrap()?;
    Ok(Culprit { room, set_aside: Vec::new(), applied: 0 })
}

impl Culprit {
    /// Sends a word and gives its number.
    pub(crate) async fn say(&mut self, word: &str) -> u64 {
        self.room.send(&word.to_owned()).await.unwrap()
    }

    async fn until(&mut self, what: &str, done: impl Fn(&Self, Option<u64>) -> bool) {
        let search = async {
            while !done(self, None) {
                let view = match self.room.next().await {
                    Update::View { view, .. } => Some(view),
                    Update::SetAside { inputs, .. } => {
                        self.set_aside.extend(inputs);
                        None
                    }
                    Update::Applied(inputs) => {
                        self.applied = inputs;
                        None
                    }
                    Update::Ended(end) => panic!("{what}: the session ended: {end:?}"),
                    _ => None,
                };
                if done(self, view) {
                    return;
                }
            }
        };
        timeout(PATIENCE, search).await.unwrap_or_else(|_| panic!("{what} never came"));
    }

    /// Listens for so long.
    pub(crate) async fn listen(&mut self, time: Duration) {
        let never = self.until("nothing", |_, _| false);
        let _ = timeout(time, never).await;
    }

    /// Sockets that were closed under this player.
    pub(crate) fn sockets_closed(&self) -> u64 {
        self.room.counters().sockets_closed
    }

    /// Waits until the input is dealt with.
    pub(crate) async fn until_applied(&mut self, number: u64) {
        self.until("the acknowledgement", |this, _| this.applied >= number).await;
    }

    /// Plays an ordinary input.
    pub(crate) async fn play(&mut self) {
        let number = self.say("count").await;
        self.until_applied(number).await;
        assert!(!self.set_aside.contains(&number), "an ordinary input was set aside");
    }
}

/// A keeper with rooms on one worker, and the player of the room in which something is about to be done.
async fn scene() -> (Rig, Culprit, Vec<Culprit>) {
    let rig = Rig::start_with(&["--release", DEEDS]);
    let mut others = Vec::new();
    for n in 0..OTHERS {
        others.push(enter(&rig, &format!("other-{n}"), None).await.unwrap());
    }
    let culprit = enter(&rig, "culprit", None).await.unwrap();
    (rig, culprit, others)
}

/// The other rooms play on, on the sockets they had, and each was reopened so many times at most.
async fn unharmed(rig: &Rig, others: &mut [Culprit], reopened_max: u64) {
    for other in others {
        other.play().await;
        assert_eq!(other.room.counters().sockets_closed, 0, "{}", rig.log());
    }
    let others = |room: &&Value| room["name"].as_str().is_some_and(|n| n.starts_with("other-"));
    for room in rooms(rig).iter().filter(others) {
        assert!(room["faults"].as_u64().unwrap() <= reopened_max, "{room}\n{}", rig.log());
    }
}

fn rooms(rig: &Rig) -> Vec<Value> {
    rig.json(&["rooms"]).as_array().unwrap().clone()
}

/// Ten rooms do the same in the same moment: that costs the others no more openings than two would, and no time but that.
async fn ten_at_once(deed: &str, back_within: Duration) {
    let (rig, mut culprit, mut others) = scene().await;
    culprit.play().await;
    let mut culprits = vec![culprit];
    for n in 1..10 {
        culprits.push(enter(&rig, &format!("culprit-{n}"), None).await.unwrap());
    }
    let mut guilty = Vec::new();
    for culprit in &mut culprits {
        guilty.push(culprit.say(deed).await);
    }
    let began = Instant::now();
    for other in &mut others {
        other.play().await;
    }
    let took = began.elapsed();
    assert!(took < back_within, "{deed}: the others stood still for {took:?}\n{}", rig.log());
    for (culprit, guilty) in culprits.iter_mut().zip(guilty) {
        culprit.play().await;
        assert_eq!(culprit.set_aside, [guilty], "{deed}\n{}", rig.log());
    }
    unharmed(&rig, &mut others, 3).await;
}

#[tokio::test]
async fn ten_rooms_that_abort_at_once_keep_the_others_waiting_for_two_restarts() {
    ten_at_once("abort", Duration::from_secs(3)).await;
}

#[tokio::test]
async fn ten_rooms_that_never_come_back_keep_the_others_waiting_for_few_deadlines() {
    ten_at_once("loop", Duration::from_secs(6)).await;
}

/// Words that fail at once: the input is set aside, its player is told so, and the room plays on.
async fn is_set_aside(deed: &str, reopened_max: u64) {
    let (rig, mut culprit, mut others) = scene().await;
    culprit.play().await;
    let guilty = culprit.say(deed).await;
    culprit.play().await;
    assert_eq!(culprit.set_aside, [guilty], "{deed}\n{}", rig.log());
    unharmed(&rig, &mut others, reopened_max).await;
    // Again: this time nobody else notices, for the room runs apart.
    let guilty = culprit.say(deed).await;
    culprit.play().await;
    assert_eq!(culprit.set_aside.last(), Some(&guilty), "{deed}\n{}", rig.log());
    unharmed(&rig, &mut others, reopened_max).await;
}

#[tokio::test]
async fn an_input_that_panics_is_set_aside() {
    is_set_aside("panic", 0).await;
}

/// It leaves a lock poisoned that all rooms of the process take: that process is replaced, and no other room is at fault.
#[tokio::test]
async fn an_input_that_panics_with_a_lock_of_the_process_held_is_set_aside() {
    is_set_aside("poison", 10).await;
}

#[tokio::test]
async fn a_room_is_made_although_the_process_is_spoiled() {
    let (rig, mut culprit, mut others) = scene().await;
    culprit.say("poison").await;
    let mut new = enter(&rig, "new", None).await.unwrap();
    new.play().await;
    culprit.play().await;
    assert!(!is_halted(&rig), "{}", rig.log());
    unharmed(&rig, &mut others, 8).await;
}

#[tokio::test]
async fn an_input_that_aborts_the_process_is_set_aside() {
    is_set_aside("abort", 1).await;
}

#[tokio::test]
async fn an_input_that_exits_is_set_aside() {
    is_set_aside("exit", 1).await;
}

#[tokio::test]
async fn an_input_that_overflows_the_stack_is_set_aside() {
    is_set_aside("overflow", 1).await;
}

#[tokio::test]
async fn an_input_that_never_comes_back_is_set_aside() {
    is_set_aside("loop", 1).await;
}

/// An input whose consequence is a view, a tick or a timer that fails in the same step.
#[tokio::test]
async fn an_input_after_which_a_view_fails_is_set_aside() {
    for deed in ["view:panic", "view:abort", "view:loop", "tick:panic", "tick:abort"] {
        is_set_aside(deed, 1).await;
    }
}

/// What fails later, by itself, is the room's: it is halted aloud, its players are told, and the others play on.
#[tokio::test]
async fn a_room_that_fails_by_itself_is_halted() {
    for deed in ["timer:panic", "timer:abort"] {
        let (rig, mut culprit, mut others) = scene().await;
        let armed = culprit.say(deed).await;
        culprit.until_applied(armed).await;
        let waiting = culprit.say("count").await;
        rig.until_log("PLY-0123");
        assert!(culprit.applied < waiting, "told as applied, and it cannot have run");
        unharmed(&rig, &mut others, 1).await;
        let room = rooms(&rig).into_iter().find(|room| room["name"] == "culprit").unwrap();
        assert!(room["halted"].as_str().unwrap().contains("PLY-0123"), "{room}");
    }
}

fn is_halted(rig: &Rig) -> bool {
    rooms(rig).iter().any(|room| !room["halted"].is_null())
}

/// Somebody who only looks on does not end a room: spectators are sent away, and players play on.
#[tokio::test]
async fn a_view_for_spectators_that_fails_is_shown_to_nobody_and_the_room_plays_on() {
    for deed in ["watch:panic", "watch:abort", "watch:loop"] {
        let (rig, mut culprit, mut others) = scene().await;
        let armed = culprit.say(deed).await;
        culprit.until_applied(armed).await;
        for _ in 0..2 {
            let options = JoinOptions::new(rig.url(), "deeds").name("culprit").watch();
            let end = match timeout(PATIENCE, join::<String, u64, u64>(options)).await.unwrap() {
                Err(JoinError::Ended(end)) => end,
                Err(other) => panic!("{deed}: {other}\n{}", rig.log()),
                Ok(mut room) => loop {
                    if let Update::Ended(end) = timeout(PATIENCE, room.next()).await.unwrap() {
                        break end;
                    }
                },
            };
            let End::Closed { code: 4902, reason } = &end else { panic!("{deed}: {end:?}") };
            assert!(reason.starts_with("PLY-0139"), "{reason}");
            culprit.play().await;
        }
        assert!(!is_halted(&rig), "{deed}\n{}", rig.log());
        assert!(rig.log().contains("View"), "{}", rig.log());
        unharmed(&rig, &mut others, 1).await;
    }
}

/// The view of one player fails, with nothing in a batch to blame for it: the others of the room play on.
#[tokio::test]
async fn a_view_of_one_player_that_fails_is_left_out_and_the_room_plays_on() {
    for deed in ["spite:panic", "spite:abort"] {
        let (rig, mut culprit, mut others) = scene().await;
        let mut friends = Vec::new();
        for _ in 0..3 {
            friends.push(enter(&rig, "culprit", None).await.unwrap());
        }
        let armed = culprit.say(deed).await;
        culprit.until_applied(armed).await;
        rig.until_log("the game fails on it: set aside");
        for friend in &mut friends {
            friend.play().await;
        }
        culprit.play().await;
        assert!(!is_halted(&rig), "{deed}\n{}", rig.log());
        unharmed(&rig, &mut others, 1).await;
    }
}

/// The call is set aside, said aloud, and the room goes on for those who are there.
#[tokio::test]
async fn a_hook_that_fails_when_a_player_hangs_up_is_set_aside() {
    for deed in ["away:panic", "away:abort", "leave:panic", "leave:loop"] {
        let (rig, culprit, mut others) = scene().await;
        let mut friend = enter(&rig, "culprit", None).await.unwrap();
        let armed = friend.say(deed).await;
        friend.until_applied(armed).await;
        drop(culprit);
        rig.until_log("set aside");
        friend.play().await;
        unharmed(&rig, &mut others, 1).await;
    }
}

#[tokio::test]
async fn a_join_on_which_the_game_fails_is_refused() {
    let (rig, mut culprit, mut others) = scene().await;
    let armed = culprit.say("join:abort").await;
    culprit.until_applied(armed).await;
    let refused = enter(&rig, "culprit", None).await;
    assert!(
        matches!(refused, Err(JoinError::Ended(End::Closed { code: 4902, .. }))),
        "{}",
        rig.log()
    );
    culprit.play().await;
    unharmed(&rig, &mut others, 1).await;
}

#[tokio::test]
async fn a_room_that_cannot_be_made_is_refused_and_the_others_play_on() {
    let (rig, mut culprit, mut others) = scene().await;
    for deed in ["panic", "abort", "loop"] {
        let refused = enter(&rig, deed, Some(deed)).await.err();
        assert!(matches!(refused, Some(JoinError::Ended(_))), "{deed}: {refused:?}\n{}", rig.log());
        culprit.play().await;
    }
    // One reopening for `abort`, one for `loop`.
    unharmed(&rig, &mut others, 2).await;
}

#[tokio::test]
async fn a_room_that_ends_as_it_is_made_is_over() {
    let (rig, mut culprit, _) = scene().await;
    for _ in 0..2 {
        let over = enter(&rig, "over", Some("end")).await.err();
        assert!(matches!(over, Some(JoinError::Ended(End::Closed { code: 4903, .. }))), "{over:?}");
    }
    culprit.play().await;
}

#[tokio::test]
async fn a_room_that_grows_beyond_the_bound_is_told_and_the_input_set_aside() {
    let rig = Rig::start_with(&["--release", DEEDS]);
    let mut culprit = enter(&rig, "culprit", None).await.unwrap();
    let guilty = culprit.say("grow:17").await;
    culprit.play().await;
    assert_eq!(culprit.set_aside, [guilty], "{}", rig.log());
    assert!(rig.log().lines().count() < 200, "{}", rig.log());
}
