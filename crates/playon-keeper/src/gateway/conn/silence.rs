//! Whether the other side of a socket is there.
//!
//! Who says nothing is asked, and has its time to answer. A slow line has its time, too: bytes that come are a sign of life
//! before they make a message, and so are bytes that the other side takes while the question is still on its way to it. But
//! not for ever: bytes alone count for [`UNHEARD_MAX`].

use tokio::time::{Duration, Instant};

/// How long bytes that move keep a socket from which no whole message comes: from the last one, or the upgrade.
pub(super) const UNHEARD_MAX: Duration = Duration::from_secs(120);

/// A timer that is later than this shows that this process stood still, or got no processor: what came meanwhile may not be
/// read yet, so nobody is judged by it. It is asked once more, and has its time to answer.
pub(super) const STALL_MIN: Duration = Duration::from_millis(250);

/// So often it is looked at what the other side takes, in the time that it has for an answer.
const LOOKS: u32 = 8;

/// The signs of life of one socket.
#[derive(Debug)]
pub(super) struct Silence {
    ping_after: Duration,
    idle_timeout: Duration,
    /// The last whole message came.
    heard: Instant,
    /// The last bytes that count as a sign of life moved.
    moved: Instant,
    /// The last message left.
    told: Instant,
    /// What was asked, if nothing was heard since.
    asked: Option<Asked>,
}

#[derive(Debug)]
struct Asked {
    at: Instant,
    /// From here on it could be answered.
    since: Instant,
    /// Bytes of the stream up to the end of the question; none before it is written.
    end: Option<u64>,
    /// Bytes that the other side had at the last look.
    taken: Option<u64>,
    /// At the last look it had not arrived.
    waited: bool,
    look_at: Instant,
}

/// What a look at the socket shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// Bytes that the other side has acknowledged, since the socket began.
    pub(super) bytes: u64,
    /// More waits here than the kernel takes.
    pub(super) more: bool,
}

/// What is to be done about silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Wait,
    /// A sign of life is to be asked for.
    Ask,
    /// The other side is gone.
    Gone,
    /// It moves bytes and says nothing.
    Unheard,
}

impl Silence {
    pub(super) fn new(now: Instant, ping_after: Duration, idle_timeout: Duration) -> Self {
        let (heard, moved, told) = (now, now, now);
        Self { ping_after, idle_timeout, heard, moved, told, asked: None }
    }

    /// Bytes came, of a message that may not be whole.
    pub(super) fn bytes_came(&mut self, now: Instant) {
        self.moved = now;
    }

    /// A whole message came.
    pub(super) fn message_came(&mut self, now: Instant) {
        (self.heard, self.moved, self.asked) = (now, now, None);
    }

    /// A message is being written.
    pub(super) fn message_begun(&mut self, now: Instant) {
        self.told = now;
    }

    /// The kernel has the question, which ends at that byte of the stream.
    pub(super) fn question_written(&mut self, end: u64) {
        if let Some(asked) = &mut self.asked {
            asked.end.get_or_insert(end);
        }
    }

    /// When it is to be looked at.
    pub(super) fn next_timeout(&self) -> Instant {
        match &self.asked {
            Some(asked) => asked.look_at.min(self.gone_at(asked)),
            None => self.ask_at(),
        }
    }

    /// When a sign of life is due: the other side has said nothing, or was told nothing. A player whose room stands still may speak
    /// all the time, and would take a keeper that never says anything for dead.
    fn ask_at(&self) -> Instant {
        self.heard.min(self.told) + self.ping_after
    }

    /// Time to answer.
    fn answer(&self) -> Duration {
        self.idle_timeout.saturating_sub(self.ping_after)
    }

    /// When a silent socket is held to be dead. Not before it has had its time to answer: this process may have stood still
    /// itself, and then nothing was heard because nobody listened.
    fn gone_at(&self, asked: &Asked) -> Instant {
        let silent = (self.moved + self.idle_timeout).max(asked.since + self.answer());
        silent.min(self.unheard_at(asked))
    }

    fn unheard_at(&self, asked: &Asked) -> Instant {
        (self.heard + UNHEARD_MAX.max(self.idle_timeout)).max(asked.at + self.answer())
    }

    /// Looks after the socket.
    pub(super) fn handle_timeout(
        &mut self,
        now: Instant,
        taken: impl FnOnce() -> Taken,
    ) -> Verdict {
        let Some(asked) = &self.asked else {
            if now < self.ask_at() {
                return Verdict::Wait;
            }
            self.ask(now);
            return Verdict::Ask;
        };
        if now >= asked.look_at.min(self.gone_at(asked)) {
            self.look(now, taken());
        }
        let Some(asked) = &self.asked else { return Verdict::Wait };
        let gone_at = self.gone_at(asked);
        if now < gone_at {
            return Verdict::Wait;
        }
        if now > gone_at + STALL_MIN {
            self.ask(now);
            return Verdict::Ask;
        }
        if gone_at == self.unheard_at(asked) && gone_at < self.moved + self.idle_timeout {
            return Verdict::Unheard;
        }
        Verdict::Gone
    }

    fn ask(&mut self, now: Instant) {
        let taken = self.asked.as_ref().and_then(|asked| asked.taken);
        let look_at = self.next_look(now);
        self.asked = Some(Asked { at: now, since: now, end: None, taken, waited: false, look_at });
    }

    fn next_look(&self, now: Instant) -> Instant {
        now + (self.answer() / LOOKS).max(Duration::from_millis(1))
    }

    fn look(&mut self, now: Instant, taken: Taken) {
        let look_at = self.next_look(now);
        let Some(asked) = &mut self.asked else { return };
        let arrived = asked.end.is_some_and(|end| taken.bytes >= end);
        let takes = asked.taken.replace(taken.bytes).is_some_and(|before| taken.bytes > before);
        // Once the question is there, a kernel that goes on to take what nobody reads is no sign of life, unless there is more
        // than it can hold.
        if takes && (!arrived || taken.more) {
            self.moved = now;
        }
        if arrived && asked.waited {
            asked.since = now;
        }
        asked.waited = !arrived;
        asked.look_at = look_at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A socket whose other side has taken `taken(seconds)` bytes, with 5 s and 12 s; when it ends, and how. Questions end at
    /// that byte.
    fn ends(
        mut came: impl FnMut(u64) -> bool,
        end: u64,
        taken: impl Fn(f64) -> Taken,
    ) -> (f64, Verdict) {
        let begun = Instant::now();
        let mut silence = Silence::new(begun, Duration::from_secs(5), Duration::from_secs(12));
        let mut said = 0;
        loop {
            let now = silence.next_timeout();
            let seconds = now.duration_since(begun).as_secs_f64();
            assert!(seconds < 1_000.0, "it never ends");
            while said < seconds as u64 {
                said += 1;
                if came(said) {
                    silence.bytes_came(begun + Duration::from_secs(said));
                }
            }
            match silence.handle_timeout(now, || taken(seconds)) {
                Verdict::Wait => {}
                Verdict::Ask => silence.question_written(end),
                verdict => return (seconds, verdict),
            }
        }
    }

    fn at(rate: f64, more: bool) -> impl Fn(f64) -> Taken {
        move |seconds| Taken { bytes: (rate * seconds) as u64, more }
    }

    #[test]
    fn who_says_nothing_is_gone_after_its_time() {
        let still = |_| Taken { bytes: 100, more: false };
        assert_eq!(ends(|_| false, 100, still), (12.0, Verdict::Gone), "the question is there");
        assert_eq!(ends(|_| false, 101, still), (12.0, Verdict::Gone), "it never arrives");
    }

    #[test]
    fn the_time_to_answer_begins_when_the_question_has_arrived() {
        // It ends at byte 200,000 of a line of 8,000 a second: it is there after 25 s.
        let (seconds, how) = ends(|_| false, 200_000, at(8_000.0, false));
        assert_eq!(how, Verdict::Gone);
        assert!((25.0 + 7.0..=25.0 + 12.0).contains(&seconds), "{seconds}");
    }

    #[test]
    fn a_kernel_that_takes_what_nobody_reads_is_no_sign_of_life() {
        assert_eq!(ends(|_| false, 1_000, at(8_000.0, false)), (12.0, Verdict::Gone));
    }

    #[test]
    fn a_line_that_dies_on_the_way_is_noticed_after_its_time() {
        let dies = |seconds: f64| Taken { bytes: (8_000.0 * seconds.min(20.0)) as u64, more: true };
        let (seconds, how) = ends(|_| false, u64::MAX, dies);
        assert_eq!(how, Verdict::Gone);
        assert!((32.0..=33.0).contains(&seconds), "{seconds}");
    }

    #[test]
    fn bytes_that_move_count_for_so_long() {
        let bound = (UNHEARD_MAX.as_secs_f64(), Verdict::Unheard);
        assert_eq!(ends(|_| true, 0, at(0.0, false)), bound, "they come");
        assert_eq!(ends(|_| false, u64::MAX, at(100.0, true)), bound, "they are taken");
        assert_eq!(ends(|second| second % 10 == 0, 0, at(0.0, false)), bound, "now and then");
    }

    #[test]
    fn bytes_that_stop_in_the_middle_are_silence() {
        let (seconds, how) = ends(|second| second <= 20, 0, at(0.0, false));
        assert_eq!((seconds, how), (32.0, Verdict::Gone));
    }

    #[test]
    fn nobody_is_judged_by_a_process_that_stood_still() {
        let begun = Instant::now();
        let mut silence = Silence::new(begun, Duration::from_secs(5), Duration::from_secs(12));
        let still = || Taken { bytes: 0, more: false };
        let later = |seconds| begun + Duration::from_secs(seconds);
        assert_eq!(silence.handle_timeout(later(5), still), Verdict::Ask);
        assert_eq!(silence.handle_timeout(later(30), still), Verdict::Ask);
        assert_eq!(silence.handle_timeout(later(36), still), Verdict::Wait);
        assert_eq!(silence.handle_timeout(later(37), still), Verdict::Gone);
    }
}
