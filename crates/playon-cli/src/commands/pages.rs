//! The pages of `docs/errors`, in the executable.

macro_rules! pages {
    ($($code:literal),* $(,)?) => {
        /// Every error code of this version with its page, in order.
        pub const PAGES: &[(&str, &str)] = &[
            $(($code, include_str!(concat!("../../../../docs/errors/", $code, ".md")))),*
        ];
    };
}

pages![];
