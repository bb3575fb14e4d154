//! What operators ask for.

use playon_types::ids::RoomId;
use tokio::sync::oneshot;

use crate::control::{AsleepFilter, AsleepPage, DeployAnswer, ReleaseView, RoomView, WayBackView};
use crate::data::artifacts::Artifact;
use crate::error::Coded;

/// Where the answer goes; whoever asked may have gone.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Coded>>;

/// What an operator asks the control thread for, through the admin interface, by a signal or as the program round the keeper.
#[derive(Debug)]
pub(crate) enum FromOperator {
    AddRelease {
        artifact: Artifact,
        label: Option<String>,
        hint: Option<String>,
        reply: Reply<ReleaseView>,
    },
    Deploy {
        release: String,
        now: bool,
        reply: Reply<DeployAnswer>,
    },
    Rollback {
        to: Option<String>,
        now: bool,
        reply: Reply<DeployAnswer>,
    },
    WayBack {
        reply: Reply<WayBackView>,
    },
    /// Answered when the room is gone.
    CloseRoom {
        room: RoomId,
        reply: Reply<RoomView>,
    },
    /// A room at rest, if there is one of that id.
    RoomAtRest {
        room: RoomId,
        reply: Reply<Option<RoomView>>,
    },
    Asleep {
        filter: AsleepFilter,
        reply: Reply<AsleepPage>,
    },
    Drain {
        reply: Reply<()>,
    },
    /// Answered as soon as it is reached.
    Probe {
        reply: Reply<()>,
    },
    /// Answered when every shard has stored everything.
    Stop {
        reply: Reply<()>,
    },
}

impl FromOperator {
    /// What it asks for, in one word.
    const fn name(&self) -> &'static str {
        match self {
            Self::AddRelease { .. } => "release",
            Self::Deploy { .. } => "deploy",
            Self::Rollback { .. } => "rollback",
            Self::WayBack { .. } => "way back",
            Self::CloseRoom { .. } => "close",
            Self::RoomAtRest { .. } => "room",
            Self::Asleep { .. } => "asleep",
            Self::Drain { .. } => "drain",
            Self::Probe { .. } => "probe",
            Self::Stop { .. } => "stop",
        }
    }

    /// Whether nobody waits for the answer any more. They were told that it may still happen; it does not, for nobody would
    /// know why it did, and that is said.
    pub(crate) fn is_abandoned(&self) -> bool {
        let abandoned = match self {
            Self::AddRelease { reply, .. } => reply.is_closed(),
            Self::Deploy { reply, .. } | Self::Rollback { reply, .. } => reply.is_closed(),
            Self::WayBack { reply } => reply.is_closed(),
            Self::CloseRoom { reply, .. } => reply.is_closed(),
            Self::RoomAtRest { reply, .. } => reply.is_closed(),
            Self::Asleep { reply, .. } => reply.is_closed(),
            Self::Drain { reply } => reply.is_closed(),
            Self::Probe { .. } | Self::Stop { .. } => false,
        };
        if abandoned {
            let request = self.name();
            tracing::warn!(request, "PLY-0542 not done: whoever asked did not wait for the answer");
        }
        abandoned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_something_is_not_done_for_somebody_who_has_gone() {
        let (reply, answer) = oneshot::channel();
        let request = FromOperator::Drain { reply };
        assert!(!request.is_abandoned());
        drop(answer);
        assert!(request.is_abandoned());
        let (reply, answer) = oneshot::channel();
        drop(answer);
        assert!(!FromOperator::Stop { reply }.is_abandoned(), "a stop is a stop");
    }
}
