//! Each part of a keeper panics, and the keeper ends in order and says which it was.

use playon_core::fleet::WorkerEnd;
use playon_types::ids::WorkerId;

use super::*;
use crate::messages::FromLinks;
use crate::owner::Loader;
use crate::process::alarm::Alarms;
use crate::time::clock::Clock;

/// How long anything may take on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(30);

fn start(dir: &std::path::Path) -> Keeper {
    let mut config = KeeperConfig::new(dir);
    config.listen.set_port(0);
    config.admin.set_port(0);
    config.shards = 2;
    Keeper::start(&config).unwrap()
}

/// Has something happen to every part that waits for something to happen.
fn poke(keeper: &Keeper) {
    let (reply, _answer) = oneshot::channel();
    let _ = keeper.handle.news.send(ToControl::Operator(FromOperator::Probe { reply }));
    // The supervisor hears of it from the control thread.
    let end = WorkerEnd::DISMISSED;
    let news = FromLinks::Down { worker: WorkerId(7), end };
    let _ = keeper.handle.news.send(ToControl::Links(news));
    let (tell, _answers) = tokio::sync::mpsc::unbounded_channel();
    keeper.shards.push_each(|| ToShard::Probe(tell.clone()));
}

#[test]
fn a_part_that_panics_ends_the_keeper_in_order_and_is_named() {
    let parts = [
        "shard 1",
        "the control thread",
        "the supervisor of workers",
        "the links of workers",
        "gateway thread 0",
        "the admin API",
    ];
    let dir = tempfile::tempdir().unwrap();
    for part in parts {
        let keeper = start(&dir.path().join("data"));
        assert_eq!(keeper.handle.unhealthy(), None);
        keeper.handle.alarms.doom(part);
        let until = Instant::now() + PATIENCE;
        while keeper.failure().borrow().is_none() {
            assert!(Instant::now() < until, "{part}: nothing is noticed");
            poke(&keeper);
            std::thread::sleep(Duration::from_millis(5));
        }
        let told = format!("PLY-0517 {part} has panicked");
        assert_eq!(keeper.failure().borrow().as_ref().unwrap().to_string(), told);
        assert_eq!(keeper.handle.unhealthy(), Some(told));
        let began = Instant::now();
        keeper.stop().unwrap();
        assert!(began.elapsed() < PATIENCE, "{part}: the rest does not end");
    }
}

#[test]
fn the_loader_and_tasks_of_a_runtime_have_alarms_too() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, data) = (Clock::new(), DataDir::open(&dir.path().join("data")).unwrap());
    let store = Arc::new(open_store(&data).unwrap());
    let epoch = store.epoch();
    let alarms = Alarms::new(clock);
    let bounds = playon_types::image::ApplyBounds::from(&playon_core::limits::Limits::default());
    let (loader, thread) =
        Loader::start(alarms.part("the loader"), store, epoch, Shards::new(1, 8), bounds).unwrap();
    alarms.doom("the loader");
    loader.ask(playon_types::ids::RoomId([1; 16]));
    assert!(thread.join().is_err());
    assert_eq!(alarms.failed().borrow().as_ref().unwrap().message, "the loader has panicked");

    let alarms = Alarms::new(clock);
    let (alarm, mishap) = (alarms.part("a task"), alarms.one_of_many("a connection"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let connection = tokio::spawn(async move {
            let _mishap = mishap;
            panic!("on purpose");
        });
        assert!(connection.await.is_err());
        assert!(alarms.failed().borrow().is_none(), "others have their connections");
        assert_eq!(alarms.mishaps(), 1);
        alarms.doom("a task");
        assert!(tokio::spawn(async move { alarm.beat().await }).await.is_err());
    });
    assert_eq!(alarms.failed().borrow().as_ref().unwrap().message, "a task has panicked");
}
