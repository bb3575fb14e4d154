//! The sockets that an owner knows of, and where each is. A socket is forgotten with the last word about it, whoever
//! says that: the owner by closing it (the gateway then answers nothing), or the gateway by telling that it is gone.

use std::collections::BTreeMap;

use playon_types::ids::{ConnId, RoomId, SessionId};

/// Where a socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketPlace {
    /// Its room is being loaded, made or put to rest, or is not open to new players yet.
    Waiting {
        /// Which one.
        room: RoomId,
        /// Its player has said goodbye already, and gives the seat up as soon as it has it.
        leaving: bool,
    },
    /// It belongs to the room.
    In {
        /// Which one.
        room: RoomId,
        /// As whom it speaks; nobody for a spectator.
        session: Option<SessionId>,
    },
}

/// The table of sockets of one shard.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    places: BTreeMap<ConnId, SocketPlace>,
}

impl Sockets {
    /// The socket is there from now on.
    pub(crate) fn place(&mut self, conn: ConnId, place: SocketPlace) {
        self.places.insert(conn, place);
    }

    /// Where it is, if it is not forgotten.
    pub(crate) fn find(&self, conn: ConnId) -> Option<SocketPlace> {
        self.places.get(&conn).copied()
    }

    /// The last word about it was said.
    pub(crate) fn forget(&mut self, conn: ConnId) {
        self.places.remove(&conn);
    }

    /// How many are known.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_where_it_was_put_last_until_it_is_forgotten() {
        let (mut sockets, room) = (Sockets::default(), RoomId([1; 16]));
        let waiting = SocketPlace::Waiting { room, leaving: false };
        let seated = SocketPlace::In { room, session: Some(SessionId(4)) };
        sockets.place(ConnId(1), waiting);
        sockets.place(ConnId(2), waiting);
        sockets.place(ConnId(1), seated);
        assert_eq!((sockets.find(ConnId(1)), sockets.len()), (Some(seated), 2));
        sockets.forget(ConnId(1));
        sockets.forget(ConnId(3));
        assert_eq!((sockets.find(ConnId(1)), sockets.find(ConnId(2))), (None, Some(waiting)));
        assert_eq!(sockets.len(), 1);
    }
}
