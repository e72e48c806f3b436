//! The program is there and runs. That this test exists also makes cargo build the program for `cargo test --workspace`,
//! whose end-to-end tests (package `chronicle-tests`, files `cli_*.rs`) run it.
use std::process::Command;

#[test]
fn the_program_tells_its_version() {
    let output = Command::new(env!("CARGO_BIN_EXE_chronicle")).arg("--version").output().unwrap();
    assert!(output.status.success());
    let expected = format!("chronicle {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}
