//! How the `.proto` files become Rust; shared by the example that writes it and the test that compares it.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

/// One `.proto` file and where its Rust goes, both relative to the crate.
pub(crate) struct Target {
    proto: &'static str,
    rust: &'static str,
    /// The file that the package name makes the generator write.
    package_file: &'static str,
}

pub(crate) const TARGETS: &[Target] = &[
    Target {
        proto: "attach.proto",
        rust: "src/attach/generated.rs",
        package_file: "playon.attach.rs",
    },
    Target { proto: "kinds.proto", rust: "src/attach/kinds.rs", package_file: "playon.kinds.rs" },
    Target {
        proto: "stored.proto",
        rust: "src/stored/generated.rs",
        package_file: "playon.stored.rs",
    },
];

const HEADER: &str =
    "// Made from proto/{} by `cargo run -p playon-wire --example codegen`. Do not edit.\n";

impl Target {
    pub(crate) fn path(&self) -> PathBuf {
        crate_dir().join(self.rust)
    }

    pub(crate) fn generate(&self) -> Result<String, Box<dyn Error>> {
        let protos = crate_dir().join("proto");
        let descriptors = protox::compile([protos.join(self.proto)], [&protos])?;
        let out = tempfile::tempdir()?;
        prost_build::Config::new().bytes(["."]).out_dir(out.path()).compile_fds(descriptors)?;
        let code = fs::read_to_string(out.path().join(self.package_file))?;
        Ok(HEADER.replace("{}", self.proto) + &code)
    }
}

fn crate_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
