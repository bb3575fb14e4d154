//! What happens when a thread that the keeper cannot do without panics.

use std::thread;

use tokio::sync::watch;

use crate::error::Coded;

/// Held by such a thread. If it panics, the keeper says that it cannot go on: half a keeper would keep sockets open
/// to rooms that nobody holds, while a restart loses nothing.
#[derive(Debug)]
pub(crate) struct Alarm {
    what: &'static str,
    failure: watch::Sender<Option<Coded>>,
}

impl Alarm {
    pub(crate) const fn new(what: &'static str, failure: watch::Sender<Option<Coded>>) -> Self {
        Self { what, failure }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if thread::panicking() {
            let message = format!("{} of the keeper has panicked", self.what);
            let remedy = "start the keeper again; report the panic in its log";
            self.failure.send_modify(|failure| {
                failure.get_or_insert(Coded::new("PLY-0517", message, remedy));
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_panic_raises_the_alarm() {
        let (failure, failed) = watch::channel(None);
        drop(Alarm::new("nothing", failure.clone()));
        assert!(failed.borrow().is_none());
        let alarm = Alarm::new("a test", failure);
        let outcome = thread::spawn(move || {
            let _alarm = alarm;
            panic!("on purpose");
        });
        assert!(outcome.join().is_err());
        let code = failed.borrow().as_ref().map(|error| error.code);
        assert_eq!(code, Some("PLY-0517"));
    }
}
