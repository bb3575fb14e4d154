//! The pages of `docs/errors`, in the executable.

use playon_types::code::Code;
use playon_types::ply;

macro_rules! pages {
    ($($code:literal $title:literal)*) => {
        /// Every error code of this version with its page, in order.
        pub const PAGES: &[(Code, &str)] = &[
            $((ply!($code), include_str!(concat!("../../../../docs/errors/", $code, ".md")))),*
        ];
    };
}

playon_types::codes!(pages);
