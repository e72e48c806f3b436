//! The program `chronicle`: the library's verbs on the command line.
mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
