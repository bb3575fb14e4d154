//! Every encoding reads back what it wrote, survives what it did not write, and is what its page says.

mod any;
mod attach;
mod codegen;
mod delta;
mod mutate;

mod pages;
mod player;
mod state;
mod stored;
mod vectors;

/// Hexadecimal digits in any grouping, as pages and vectors have them.
fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    assert_eq!(digits.len() % 2, 0, "half a byte in {text:?}");
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn generated_code_is_current() {
    for target in codegen::TARGETS {
        let committed = std::fs::read_to_string(target.path()).expect("committed");
        let fresh = target.generate().expect("the .proto files are valid");
        assert!(
            committed == fresh,
            "{} does not belong to its .proto file; run `cargo run -p playon-wire --example codegen`",
            target.path().display()
        );
    }
}
