//! `chronicle plugin new` and `build`: a project that builds as it is, with the contract and the SDK inside it.
use super::super::failure::Failure;
use super::super::report::Report;
use super::super::{Outcome, Status};
use chronicle::{Error, ErrorKind};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Begin a plugin: a project in Rust that builds and passes its tests as it is
#[derive(Args)]
#[command(after_help = "\
The project has everything in it but the compiler: the contract in chronicle-plugin/wit, the SDK in chronicle-plugin, and a store in
memory in src/lib.rs, to be replaced by yours.

Examples:
  chronicle plugin new my-store
  chronicle plugin new my-store --dir /src/my-store")]
pub(super) struct New {
    /// What it is called: a-z, 0-9 and -
    name: String,
    /// Where, by default a folder of that name here
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Build a plugin in Rust with the cargo that is installed, and say where it is
#[derive(Args)]
#[command(after_help = "\
Needs the target once: rustup target add wasm32-wasip2

Examples:
  chronicle plugin build
  chronicle plugin build --dir my-store --json")]
pub(super) struct Build {
    /// The project
    #[arg(long, default_value = ".")]
    dir: PathBuf,
}

const TARGET: &str = "wasm32-wasip2";

/// Files of a new project. `NAME` in the first three is its name.
const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../../../../plugins/template/Cargo.toml.txt")),
    ("src/lib.rs", include_str!("../../../../plugins/template/lib.rs.txt")),
    (".gitignore", "/target\n"),
    ("chronicle-plugin/Cargo.toml", include_str!("../../../../plugins/template/sdk.toml.txt")),
    ("chronicle-plugin/src/lib.rs", include_str!("../../../../plugins/sdk/src/lib.rs")),
    ("chronicle-plugin/src/model.rs", include_str!("../../../../plugins/sdk/src/model.rs")),
    ("chronicle-plugin/src/http.rs", include_str!("../../../../plugins/sdk/src/http.rs")),
    ("chronicle-plugin/src/tree.rs", include_str!("../../../../plugins/sdk/src/tree.rs")),
    ("chronicle-plugin/src/adapter.rs", include_str!("../../../../plugins/sdk/src/adapter.rs")),
    ("chronicle-plugin/wit/0.1.0/chronicle.wit", include_str!("../../../../plugins/wit/0.1.0/chronicle.wit")),
];

impl New {
    pub(super) fn run(&self, json: bool) -> Outcome {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let starts_well = self.name.starts_with(|c: char| c.is_ascii_lowercase());
        if !starts_well || !self.name.chars().all(plain) || self.name.len() > 60 {
            return Err(Failure::usage("a plugin's name is of a-z, 0-9 and -, and starts with a letter"));
        }
        let dir = self.dir.clone().unwrap_or_else(|| PathBuf::from(&self.name));
        if dir.exists() {
            let message = "something is there already: choose another --dir";
            return Err(Error::new(ErrorKind::AlreadyExists, message).at(dir.display()).into());
        }
        for (path, text) in FILES {
            let own = !path.starts_with("chronicle-plugin/");
            let mut text = if own { text.replace("NAME", &self.name) } else { (*text).to_owned() };
            if *path == "chronicle-plugin/src/lib.rs" {
                text = text.replace("\"../wit/0.1.0\"", "\"wit/0.1.0\"");
            }
            write(&dir.join(path), &text)?;
        }
        Report::new()
            .line(format!("a plugin is begun in {}", dir.display()))
            .line(format!("next: cd {} && chronicle plugin build", dir.display()))
            .field("dir", dir.display().to_string())
            .print(json)?;
        Ok(Status::Done)
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let done =
        path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, text));
    done.map_err(|error| {
        Error::new(ErrorKind::Io, format!("can't be written: {error}")).at(path.display()).into()
    })
}

impl Build {
    pub(super) fn run(&self, json: bool) -> Outcome {
        let cargo = |arguments: &[&str]| {
            let mut command = Command::new("cargo");
            command.current_dir(&self.dir).args(arguments).stdin(Stdio::null());
            command
        };
        let missing = |error: std::io::Error| {
            Error::new(
                ErrorKind::NotFound,
                format!("cargo can't be started ({error}): install Rust from rustup.rs"),
            )
        };
        let built = cargo(&["build", "--release", "--target", TARGET])
            .stdout(Stdio::null())
            .status()
            .map_err(missing)?;
        if !built.success() {
            let message = format!("the build failed; is the target there? `rustup target add {TARGET}`");
            return Err(Error::new(ErrorKind::Io, message).at(self.dir.display()).into());
        }
        let metadata =
            cargo(&["metadata", "--format-version", "1", "--no-deps"]).output().map_err(missing)?;
        let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout)
            .map_err(|error| Error::new(ErrorKind::Io, format!("cargo metadata can't be read: {error}")))?;
        let file = component(&metadata).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                "the build left no component: the library needs crate-type = [\"cdylib\"]",
            )
            .at(self.dir.display())
        })?;
        let len = std::fs::metadata(&file).map_or(0, |about| about.len());
        Report::new()
            .line(file.display())
            .line(format!("next: chronicle plugin test {}", file.display()))
            .field("component", file.display().to_string())
            .text("bytes", len)
            .print(json)?;
        Ok(Status::Done)
    }
}

/// The component of the project's own library.
fn component(metadata: &serde_json::Value) -> Option<PathBuf> {
    let folder = Path::new(metadata["target_directory"].as_str()?).join(TARGET).join("release");
    let packages = metadata["packages"].as_array()?;
    let targets = packages.iter().filter_map(|package| package["targets"].as_array()).flatten();
    let is_component = |kinds: &serde_json::Value| {
        kinds.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "cdylib"))
    };
    targets
        .filter(|target| is_component(&target["kind"]))
        .filter_map(|target| {
            Some(folder.join(format!("{}.wasm", target["name"].as_str()?.replace('-', "_"))))
        })
        .find(|file| file.is_file())
}
