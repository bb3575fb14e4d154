//! Writes the Rust of the `.proto` files. Run it after a change to one of them:
//!
//! ```text
//! cargo run -p playon-wire --example codegen
//! ```
//!
//! Run it before the code around the generated types is adapted, as it is built together with that.
//! The output is committed, so that neither users nor builds need a compiler for it; the test
//! `generated_code_is_current` says when it was forgotten.

#[path = "../tests/wire/codegen.rs"]
mod codegen;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for target in codegen::TARGETS {
        std::fs::write(target.path(), target.generate()?)?;
    }
    Ok(())
}
