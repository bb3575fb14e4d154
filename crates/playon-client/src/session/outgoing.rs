//! Frames on their way to the socket in use, gathered into messages.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use playon_wire::player::{CLIENT_FRAMES_MAX, ClientFrame};

/// Bytes after which a message is closed; the next frame begins a new one.
const MESSAGE_BYTES: usize = 32 << 10;

/// One buffer that is reused for message after message.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    buffer: BytesMut,
    frames: usize,
    sealed: VecDeque<Bytes>,
}

impl Outgoing {
    pub(super) fn push(&mut self, frame: &ClientFrame) {
        let before = self.buffer.len();
        frame.encode(&mut self.buffer);
        if self.buffer.len() > MESSAGE_BYTES && self.frames > 0 {
            // A large one goes alone: together they might be more than the keeper takes in one message.
            let last = self.buffer.split_off(before);
            self.seal();
            self.buffer = last;
        }
        self.frames += 1;
        if self.frames == CLIENT_FRAMES_MAX || self.buffer.len() >= MESSAGE_BYTES {
            self.seal();
        }
    }

    fn seal(&mut self) {
        self.frames = 0;
        self.sealed.push_back(self.buffer.split().freeze());
    }

    /// The next whole message.
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        if self.sealed.is_empty() && self.frames > 0 {
            self.seal();
        }
        self.sealed.pop_front()
    }

    /// Forgets everything: the socket is gone.
    pub(super) fn clear(&mut self) {
        self.buffer.clear();
        self.frames = 0;
        self.sealed.clear();
    }
}
