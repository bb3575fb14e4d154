//! The key to a session.

use std::fmt;

use playon_types::ids::SessionId;

/// Names a session and proves that it is one's own. Never logged, never part of an address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// The session.
    pub session: SessionId,
    /// The proof.
    pub secret: [u8; 16],
}

impl Token {
    /// Bytes of an encoded token.
    pub const BYTES: usize = 24;

    /// The session as 8 bytes, highest first, and the secret.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let (session, secret) = bytes.split_at_mut(8);
        session.copy_from_slice(&self.session.0.to_be_bytes());
        secret.copy_from_slice(&self.secret);
        bytes
    }

    /// Reads what [`Token::to_bytes`] wrote; nothing unless there are exactly [`Token::BYTES`] bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (session, secret) = bytes.split_first_chunk::<8>()?;
        Some(Self {
            session: SessionId(u64::from_be_bytes(*session)),
            secret: secret.try_into().ok()?,
        })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}, ..)", self.session)
    }
}
