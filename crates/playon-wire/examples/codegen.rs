//! Writes the Rust of the `.proto` files. Run it after a change to one of them:
//!
//! ```text
//! cargo run -p playon-wire --example codegen
//! ```
//!
//! The output is committed, so that neither users nor builds need a compiler for it; the test
//! `generated_code_is_current` says when it was forgotten.

#[path = "../tests/support/codegen.rs"]
mod codegen;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for target in codegen::TARGETS {
        std::fs::write(target.path(), target.generate()?)?;
    }
    Ok(())
}
