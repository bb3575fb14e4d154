//! The codes of what can go wrong, `PLY-0101` and so on: all of them, once.
//!
//! A code is known by its number here and spelled in one way elsewhere, so that who looks for `PLY-0101` in the sources finds
//! where it is said: `ply!("PLY-0101")` is a code, and `reason!("PLY-0101 try again")` one with its words (see
//! [`crate::reason`]). Both are read by the compiler, which refuses a code that is not in the table. That each has its page in
//! `docs/errors`, under the same title, and is said somewhere is checked by `cargo xtask tidy`.

use std::fmt;
use std::str::FromStr;

/// The table: hands every code with the title of its page, in order, to the macro of that name.
#[macro_export]
macro_rules! codes {
    ($then:ident) => {
        $then! {
            "PLY-0101" "the server takes no new players or rooms just now"
            "PLY-0102" "every seat of the room is taken"
            "PLY-0103" "the room has ended"
            "PLY-0104" "a commit was not what it claimed to be"
            "PLY-0105" "too many rooms"
            "PLY-0106" "the game refused"
            "PLY-0107" "the game failed while it took the player in"
            "PLY-0108" "this kind of room has no view for spectators"
            "PLY-0109" "the seat was given up"
            "PLY-0110" "the room sent the player away"
            "PLY-0111" "no such session in this room"
            "PLY-0112" "a newer connection holds this session"
            "PLY-0113" "inputs are missing"
            "PLY-0114" "too many spectators"
            "PLY-0115" "the input or frame is too large"
            "PLY-0116" "too many inputs wait to be applied"
            "PLY-0117" "the room could not be created"
            "PLY-0118" "the server restarts"
            "PLY-0119" "the room is halted"
            "PLY-0120" "the room cannot be read now"
            "PLY-0121" "there is no such room"
            "PLY-0122" "no worker created the room in time"
            "PLY-0123" "the room keeps failing"
            "PLY-0127" "an input was set aside"
            "PLY-0128" "a rule of the keeper does not hold"
            "PLY-0130" "no release that is kept reads the room"
            "PLY-0135" "the views of one batch are too much together"
            "PLY-0136" "an event is too large"
            "PLY-0137" "there is no such kind of room"
            "PLY-0139" "the game fails when it shows the room to spectators"
            "PLY-0140" "nothing was heard from the player for too long"
            "PLY-0141" "no common protocol version"
            "PLY-0142" "a frame cannot be read"
            "PLY-0143" "no HELLO came in time"
            "PLY-0144" "the first frame must be HELLO"
            "PLY-0145" "HELLO comes once"
            "PLY-0146" "nothing may be sent before WELCOME"
            "PLY-0147" "the HELLO asks for nothing that makes sense"
            "PLY-0148" "messages must be binary"
            "PLY-0149" "too many frames per second"
            "PLY-0150" "too many bytes per second"
            "PLY-0151" "the WebSocket protocol was broken"
            "PLY-0152" "an event to the player is too large"
            "PLY-0153" "this is the address of a WebSocket"
            "PLY-0154" "pages of that origin may not connect"
            "PLY-0155" "too many players are connected"
            "PLY-0156" "too many players connect at once"
            "PLY-0160" "fewer files may be open than sockets are asked for"
            "PLY-0161" "no connection can be accepted"
            "PLY-0166" "the name of a room or kind has characters that are not read but obeyed"
            "PLY-0167" "a message came in pieces"
            "PLY-0168" "the first message is too long"
            "PLY-0180" "a message is too large"
            "PLY-0181" "a message has too many frames"
            "PLY-0182" "a field is too large"
            "PLY-0183" "a field is cut off or malformed"
            "PLY-0184" "a frame has too many bytes"
            "PLY-0185" "there is no frame of that type"
            "PLY-0186" "a field has no meaning here"
            "PLY-0187" "the message is empty"
            "PLY-0188" "a view told as a delta cannot be applied"
            "PLY-0190" "too many inputs wait to be applied"
            "PLY-0191" "the input is too large"
            "PLY-0192" "the session is over"
            "PLY-0193" "a spectator cannot send inputs"
            "PLY-0194" "the input cannot be JSON"
            "PLY-0195" "the address cannot be used"
            "PLY-0196" "no seat could be had in time"
            "PLY-0197" "not let in"
            "PLY-0198" "something of the join cannot be JSON"
            "PLY-0199" "the system gives no random numbers"
            "PLY-0201" "the store has stopped"
            "PLY-0202" "the store failed"
            "PLY-0203" "stored data is damaged"
            "PLY-0204" "a batch breaks the rules of the store"
            "PLY-0205" "another keeper has taken over"
            "PLY-0206" "the label belongs to another release"
            "PLY-0210" "the data directory is in use"
            "PLY-0211" "the data directory was written by a newer version"
            "PLY-0212" "the data directory cannot be written to"
            "PLY-0213" "the disk is full"
            "PLY-0214" "the file is not a Playon database"
            "PLY-0215" "the data directory is damaged"
            "PLY-0216" "the data directory has lost writes"
            "PLY-0217" "the schema is not the one expected"
            "PLY-0218" "there is no store in the directory"
            "PLY-0219" "the data directory cannot be opened"
            "PLY-0220" "there is something in the place already"
            "PLY-0221" "a copy cannot be read or written"
            "PLY-0222" "the backup is not whole"
            "PLY-0223" "the store is too damaged for a backup"
            "PLY-0224" "nothing can be saved"
            "PLY-0225" "the repaired store cannot be put in place"
            "PLY-0226" "the backup would fill the disk of the store"
            "PLY-0240" "the data directory is gone"
            "PLY-0241" "the data directory cannot be used"
            "PLY-0242" "the executable of a release in use is gone"
            "PLY-0247" "another decision was stored meanwhile"
            "PLY-0280" "stored bytes are of a later format"
            "PLY-0281" "stored bytes cannot be read"
            "PLY-0282" "a stored field has no meaning"
            "PLY-0283" "a snapshot does not have its own hash"
            "PLY-0284" "a record does not fit what comes before it"
            "PLY-0301" "the release is current already"
            "PLY-0302" "no worker of the new release serves the rooms"
            "PLY-0303" "the new release's worker went away"
            "PLY-0304" "the new release cannot read a room's state"
            "PLY-0305" "the new release's state does not fit"
            "PLY-0306" "a newer deploy has taken its place"
            "PLY-0307" "a copy of the room was not opened in time"
            "PLY-0308" "the new release did not get ready in time"
            "PLY-0309" "the keeper was stopped before anything had moved"
            "PLY-0310" "the copies of rooms were not opened in time"
            "PLY-0311" "rooms could not go"
            "PLY-0312" "the state takes too long to bring over"
            "PLY-0313" "the release failed its probation"
            "PLY-0401" "a process showed a secret that is not known"
            "PLY-0402" "the worker went away"
            "PLY-0403" "the worker did not open the room in time"
            "PLY-0404" "a room got no commit in time"
            "PLY-0405" "the process ended before it attached"
            "PLY-0406" "the worker ended"
            "PLY-0408" "too many workers are attached"
            "PLY-0409" "the worker is silent or suspect"
            "PLY-0410" "the release found something wrong with itself"
            "PLY-0411" "no common version of the attach protocol"
            "PLY-0412" "the executable cannot be started"
            "PLY-0413" "the process did not attach in time"
            "PLY-0414" "a panic has spoiled the worker"
            "PLY-0415" "the batches of a room take long"
            "PLY-0420" "the worker cannot attach"
            "PLY-0421" "the keeper closed the link"
            "PLY-0422" "the keeper did not answer the hello"
            "PLY-0423" "the state is newer than the release"
            "PLY-0424" "the state is older than the release reads"
            "PLY-0425" "the state cannot be read"
            "PLY-0426" "the state comes back in another order"
            "PLY-0427" "the release has no such kind of room"
            "PLY-0428" "the game panicked"
            "PLY-0429" "the game refused the room"
            "PLY-0430" "there is no way back to that state version"
            "PLY-0431" "one batch said too much"
            "PLY-0432" "the tail of a handoff does not fit"
            "PLY-0433" "the state cannot be encoded"
            "PLY-0434" "a value does not come back as it was written"
            "PLY-0435" "too many timers"
            "PLY-0436" "an event cannot be JSON"
            "PLY-0437" "inputs cannot be read"
            "PLY-0438" "the app cannot be served as it is"
            "PLY-0439" "the state is too large"
            "PLY-0440" "a view is too large"
            "PLY-0441" "the room is not held here"
            "PLY-0442" "an address of the embedded server cannot be used"
            "PLY-0443" "the embedded server cannot go on"
            "PLY-0444" "what was written cannot be read again"
            "PLY-0445" "the state is too deep"
            "PLY-0446" "it was found too late that the state does not come back"
            "PLY-0447" "it is built with `panic = \"abort\"`"
            "PLY-0448" "the state could not be tried in full before it is played"
            "PLY-0450" "a worker spoke for a room that another worker has"
            "PLY-0451" "a request to the admin API came too slowly"
            "PLY-0452" "the body of a request is too large"
            "PLY-0453" "a process connected and said no hello"
            "PLY-0454" "a worker got no further with one message"
            "PLY-0455" "another signal ended the keeper"
            "PLY-0456" "the keeper did not stop in time"
            "PLY-0457" "a message of one room fits into no frame"
            "PLY-0461" "the game takes no arguments"
            "PLY-0462" "a worker prints too much"
            "PLY-0480" "a frame on the link is too large"
            "PLY-0481" "the link ended within a frame"
            "PLY-0482" "a batch on the link has too many items"
            "PLY-0483" "a batch on the link cannot be read"
            "PLY-0484" "a field on the link has no meaning"
            "PLY-0485" "the worker brings too much"
            "PLY-0486" "the worker returned more credit than it was sent"
            "PLY-0487" "the link failed"
            "PLY-0501" "the data directory cannot be used"
            "PLY-0502" "the keeper cannot listen"
            "PLY-0503" "the operating system refused something"
            "PLY-0504" "the executable cannot be read"
            "PLY-0505" "the artifact is too large"
            "PLY-0506" "the artifact cannot be stored"
            "PLY-0507" "the artifact is empty"
            "PLY-0508" "the keeper is stopping"
            "PLY-0509" "that is not a label"
            "PLY-0510" "the label belongs to another release"
            "PLY-0511" "there is no such release"
            "PLY-0512" "there is no release to go back to"
            "PLY-0513" "the release cannot be run"
            "PLY-0514" "there is nothing of that name"
            "PLY-0515" "the bearer token is missing or wrong"
            "PLY-0516" "the request was not understood"
            "PLY-0517" "a part of the keeper has panicked"
            "PLY-0520" "the admin token cannot be read"
            "PLY-0521" "the keeper cannot be reached"
            "PLY-0522" "the answer was not understood"
            "PLY-0523" "there is no such code"
            "PLY-0524" "an executable of the demo is missing"
            "PLY-0525" "the demo's game does not start"
            "PLY-0526" "the configuration file cannot be read"
            "PLY-0527" "the configuration file is not TOML"
            "PLY-0528" "there is no such key in the configuration"
            "PLY-0529" "a value of the configuration cannot be used"
            "PLY-0530" "a socket of the service manager cannot be used"
            "PLY-0531" "these are no levels of the log"
            "PLY-0533" "the keeper is not ready"
            "PLY-0535" "this executable is a release already"
            "PLY-0536" "a release of the configuration is not what it was"
            "PLY-0541" "lines of the log were dropped"
            "PLY-0542" "the keeper did not answer in time"
            "PLY-0543" "a thread of the keeper is stuck"
            "PLY-0544" "a connection was closed by a bug of the keeper"
            "PLY-0545" "other users can open the data directory or a secret"
            "PLY-0546" "the keeper before this one is going"
            "PLY-0547" "the keeper gives no sign of life"
            "PLY-0548" "the command was not understood"
            "PLY-0549" "the drill could not be carried through"
            "PLY-0560" "the drill game has no such tick rate"
            "PLY-0561" "both releases are the same executable"
            "PLY-0562" "the drill could not begin"
            "PLY-0563" "an executable of the drill is missing"
            "PLY-0564" "the upload would fill the disk of the store"
            "PLY-0570" "whether there is such a room at rest cannot be read now"
            "PLY-0571" "rooms at rest can be read by no release that is kept"
            "PLY-0580" "what is at rest cannot be looked through"
            "PLY-0610" "the command has ended before the deploy"
            "PLY-0620" "the worker died of a copy of the room"
            "PLY-0621" "a copy of the room could not be tried alone"
        }
    };
}

macro_rules! table {
    ($($code:literal $title:literal)*) => {
        /// Every code of this version with the title of its page, in order.
        pub const ALL: &[(Code, &str)] = &[$((Code(number($code)), $title)),*];
    };
}

codes!(table);

// They are looked for by halves.
const _: () = {
    let mut at = 1;
    while at < ALL.len() {
        assert!(ALL[at - 1].0.0 < ALL[at].0.0, "the codes are in order, and each is there once");
        at += 1;
    }
};

/// A code of the table, read by the compiler: `ply!("PLY-0101")`.
#[macro_export]
macro_rules! ply {
    ($code:literal) => {
        const { $crate::code::Code::known($code) }
    };
}

/// The stable code of something that can go wrong. It is spelled `PLY-` and four digits.
///
/// What another process says may bear a code of another version, which is not in the table ([`Self::title`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u16);

/// Bytes of a code as it is spelled.
pub(crate) const CODE_BYTES: usize = 8;

impl Code {
    /// The code at the beginning of a text; nothing if the text begins with none.
    pub(crate) const fn leading(text: &str) -> Option<Self> {
        match leading(text.as_bytes()) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The code that is spelled so. For the compiler: see [`ply!`](crate::ply).
    ///
    /// # Panics
    ///
    /// If it is spelled in another way, or is not in the table.
    pub const fn known(text: &str) -> Self {
        let code = Self(number(text));
        assert!(code.place().is_some(), "no such code in the table of playon-types");
        code
    }

    /// The codes that a text of another process names, such as a log, in order.
    pub fn all_in(text: &str) -> impl Iterator<Item = Self> {
        text.match_indices("PLY-").filter_map(|(at, _)| Self::leading(text.get(at..)?))
    }

    /// Its number.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The title of its page; nothing if this version does not know it.
    pub const fn title(self) -> Option<&'static str> {
        match self.place() {
            Some(at) => Some(ALL[at].1),
            None => None,
        }
    }

    /// Whether it is about what is stored.
    pub const fn is_of_store(self) -> bool {
        matches!(self.0, 200..300)
    }

    /// Where it stands in the table.
    const fn place(self) -> Option<usize> {
        let (mut from, mut to) = (0, ALL.len());
        while from < to {
            let middle = from + (to - from) / 2;
            let found = ALL[middle].0.0;
            if found < self.0 {
                from = middle + 1;
            } else if found == self.0 {
                return Some(middle);
            } else {
                to = middle;
            }
        }
        None
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PLY-{:04}", self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not `PLY-` and four digits")]
pub struct NoCode;

impl FromStr for Code {
    type Err = NoCode;

    fn from_str(text: &str) -> Result<Self, NoCode> {
        if text.len() != CODE_BYTES {
            return Err(NoCode);
        }
        Self::leading(text).ok_or(NoCode)
    }
}

/// The number of what is spelled so. For the compiler.
const fn number(text: &str) -> u16 {
    match leading(text.as_bytes()) {
        Some(number) if text.len() == CODE_BYTES => number,
        _ => panic!("a code is `PLY-` and four digits"),
    }
}

const fn leading(text: &[u8]) -> Option<u16> {
    let [b'P', b'L', b'Y', b'-', digits @ ..] = text else { return None };
    let mut number = 0;
    let mut at = 0;
    while at < 4 {
        if at >= digits.len() || !digits[at].is_ascii_digit() {
            return None;
        }
        number = number * 10 + (digits[at] - b'0') as u16;
        at += 1;
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_spelled_in_one_way() {
        for (code, title) in ALL {
            assert_eq!(code.to_string().parse(), Ok(*code));
            assert_eq!(code.title(), Some(*title));
        }
        assert_eq!(ply!("PLY-0101").number(), 101);
        assert_eq!(format!("{:?}", ply!("PLY-0101")), "PLY-0101");
        for text in ["", "PLY-", "PLY-101", "ply-0101", "PLY-01O1", "PLY-0101 ", "PLY-01011"] {
            assert_eq!(text.parse::<Code>(), Err(NoCode), "{text}");
        }
    }

    #[test]
    fn a_code_of_another_version_is_a_code() {
        let code: Code = "PLY-9999".parse().unwrap();
        assert_eq!((code.to_string().as_str(), code.title()), ("PLY-9999", None));
        assert_eq!("PLY-0000".parse::<Code>().map(Code::title), Ok(None));
    }

    #[test]
    fn the_codes_of_a_log_are_found() {
        let log = "ERROR code=\"PLY-0128\" PLY-nnnn, PLY-0201: the disk; PLY-020";
        let found: Vec<_> = Code::all_in(log).collect();
        assert_eq!(found, [ply!("PLY-0128"), ply!("PLY-0201")]);
    }

    #[test]
    fn the_store_has_the_second_hundred() {
        assert!(ply!("PLY-0201").is_of_store() && ply!("PLY-0284").is_of_store());
        assert!(!ply!("PLY-0199").is_of_store() && !ply!("PLY-0301").is_of_store());
    }
}
