//! `chronicle completions`: what a shell needs to complete our arguments.
use super::report::print;
use super::{Outcome, Status};
use clap::{Args, Command, ValueEnum};
use clap_complete::aot::{Shell, generate};

/// Print completions for a shell
#[derive(Args)]
#[command(after_help = "\
Examples:
  chronicle completions bash > /etc/bash_completion.d/chronicle
  chronicle completions zsh > ~/.zfunc/_chronicle
  chronicle completions fish > ~/.config/fish/completions/chronicle.fish")]
pub(super) struct Completions {
    /// Which shell
    shell: ShellName,
}

/// A shell.
#[derive(Clone, Copy, ValueEnum)]
enum ShellName {
    /// Bourne again shell
    Bash,
    /// Z shell
    Zsh,
    /// Friendly interactive shell
    Fish,
}

impl Completions {
    pub(super) fn run(&self, mut command: Command) -> Outcome {
        let shell = match self.shell {
            ShellName::Bash => Shell::Bash,
            ShellName::Zsh => Shell::Zsh,
            ShellName::Fish => Shell::Fish,
        };
        let mut script = Vec::new();
        generate(shell, &mut command, "chronicle", &mut script);
        print(&String::from_utf8_lossy(&script))?;
        Ok(Status::Done)
    }
}
