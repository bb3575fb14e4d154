//! Views that are too large, with real processes: they are left out, and nothing else is.

use playon_client::{JoinOptions, Room, Update, join};
use tokio::time::timeout;

use super::deeds::DEEDS;
use super::interface::get;
use super::rig::{PATIENCE, Rig};

type Booth = Room<String, u64, (u64, String)>;

async fn enter(rig: &Rig, kind: &str) -> Booth {
    timeout(PATIENCE, join(JoinOptions::new(rig.url(), kind).name("corner")))
        .await
        .unwrap()
        .unwrap()
}

/// Waits for a view that shows so many words, with so many bytes beside. Nothing may be set aside, and nobody sent away.
async fn until_shown(player: &mut Booth, words: u64, bytes: usize) {
    let search = async {
        loop {
            match player.next().await {
                Update::View { view, .. } if view.0 == words && view.1.len() == bytes => return,
                Update::SetAside { inputs, .. } => panic!("{inputs:?} are set aside"),
                Update::Ended(end) => panic!("the session ended: {end:?}"),
                _ => {}
            }
        }
    };
    timeout(PATIENCE, search).await.expect("it is shown in the end");
}

async fn until_applied(player: &mut Booth, word: String) {
    let number = player.send(&word).await.unwrap();
    let search = async {
        loop {
            match player.next().await {
                Update::Applied(applied) if applied >= number => return,
                Update::SetAside { inputs, .. } => panic!("{inputs:?} are set aside"),
                Update::Ended(end) => panic!("the session ended: {end:?}"),
                _ => {}
            }
        }
    };
    timeout(PATIENCE, search).await.expect("it is applied");
}

fn metric(rig: &Rig, name: &str) -> u64 {
    let metrics = get(rig, "/metrics", "");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

/// What a player is shown ten times: how often it was told by what differs from the time before.
async fn told_as_deltas(rig: &Rig, options: JoinOptions) -> u64 {
    let mut player: Booth = timeout(PATIENCE, join(options)).await.unwrap().unwrap();
    until_applied(&mut player, "view:2000".to_owned()).await;
    for words in 2..=10 {
        until_applied(&mut player, "count".to_owned()).await;
        until_shown(&mut player, words, 2_000).await;
    }
    assert_eq!(player.counters().sockets_closed, 0, "{}", rig.log());
    player.counters().views_delta
}

#[tokio::test]
async fn a_view_is_told_by_what_differs_from_the_one_before() {
    let rig = Rig::start_with(&["--release", DEEDS]);
    let room = |name: &str| JoinOptions::new(rig.url(), "hall").name(name);
    assert!(told_as_deltas(&rig, room("one")).await >= 8);
    let (whole, out) =
        ("playon_gateway_view_bytes_whole_total", "playon_gateway_view_bytes_out_total");
    assert!(metric(&rig, whole) > 4 * metric(&rig, out));
    let deltas = metric(&rig, "playon_gateway_views_delta_total");
    assert_eq!(told_as_deltas(&rig, room("two").whole_views()).await, 0);
    assert_eq!(metric(&rig, "playon_gateway_views_delta_total"), deltas);
}

#[tokio::test]
async fn all_views_are_whole_where_that_is_said() {
    let rig = Rig::start_with(&["--release", DEEDS, "--set", "gateway.view_deltas=false"]);
    assert_eq!(told_as_deltas(&rig, JoinOptions::new(rig.url(), "hall").name("one")).await, 0);
    assert_eq!(metric(&rig, "playon_gateway_view_bases_bytes"), 0);
}

#[tokio::test]
async fn views_that_are_too_much_together_are_shown_one_after_the_other() {
    let rig = Rig::start_with(&["--release", DEEDS]);
    let mut players = Vec::new();
    for _ in 0..5 {
        players.push(enter(&rig, "hall").await);
    }
    until_applied(&mut players[0], "view:850000".to_owned()).await;
    for word in 2..=6 {
        until_applied(&mut players[word % 5], "count".to_owned()).await;
    }
    for player in &mut players {
        until_shown(player, 6, 850_000).await;
        assert_eq!(player.counters().sockets_closed, 0, "{}", rig.log());
    }
    assert!(metric(&rig, "playon_views_left_out_total") > 0);
    // Said with each doubling of their number, and not each time.
    let said = rig.log().matches("PLY-0135").count();
    assert!((1..10).contains(&said), "{}", rig.log());
    assert!(!rig.log().contains("set aside"), "{}", rig.log());
}

#[tokio::test]
async fn a_view_that_is_too_large_is_left_out_and_players_stay() {
    let rig = Rig::start_with(&["--release", DEEDS]);
    let (mut one, mut two) = (enter(&rig, "hall").await, enter(&rig, "hall").await);
    until_applied(&mut one, format!("view:{}", (1 << 20) + 100)).await;
    until_applied(&mut two, "count".to_owned()).await;
    // A release whose views are too large is refused by the check of a deploy, before anything moves.
    let named = rig.script("named", &format!("#!/bin/sh\nexec {DEEDS}\n"));
    let refused = rig.playon(&["deploy", "--now", "--json", named.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1), "{}", rig.log());
    assert!(String::from_utf8_lossy(&refused.stdout).contains("PLY-0440"), "{refused:?}");
    until_applied(&mut one, "view:10".to_owned()).await;
    until_shown(&mut one, 3, 10).await;
    until_shown(&mut two, 3, 10).await;
    for player in [&one, &two] {
        assert_eq!(player.counters().sockets_closed, 0, "{}", rig.log());
    }
    assert!(metric(&rig, "playon_views_left_out_total") > 0);
    rig.until_log("PLY-0440");
}
