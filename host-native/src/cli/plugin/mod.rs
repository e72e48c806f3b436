//! `chronicle plugin`: destinations as WASM components, for those who use them and those who write them.
mod author;
mod junit;
mod rights;
mod test;
mod words;

use super::progress::while_working;
use super::report::Report;
use super::{Outcome, Status};
use chronicle::plugin::{PluginHome, describe};
use clap::{Args, Subcommand};
use rights::Rights;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Use and write destinations of your own, as WASM components
#[derive(Args)]
#[command(after_help = "\
Installed plugins are kept in $CHRONICLE_PLUGINS, or else in chronicle/plugins of the user's data folder.
Use one as plugin://NAME/prefix wherever a destination is taken.

Examples:
  chronicle plugin new my-store && cd my-store && chronicle plugin build
  chronicle plugin inspect folder.wasm
  chronicle plugin add folder.wasm --allow-folder store=/backup
  chronicle backup create --delta --source data.db --dest plugin://folder/repo")]
pub(super) struct Plugin {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    New(author::New),
    Build(author::Build),
    Inspect(Inspect),
    Add(Add),
    List(List),
    Test(test::Test),
    Bench(test::Bench),
}

/// Show what a plugin is, what it may be set to, and what it asks for; it runs without any right
#[derive(Args)]
#[command(after_help = "\
Examples:
  chronicle plugin inspect folder.wasm
  chronicle plugin inspect folder
  chronicle plugin inspect folder.wasm --json")]
struct Inspect {
    /// A component, or the name of an installed plugin
    plugin: String,
}

/// Install a plugin, or another version of one, with what it may do: nothing that is not granted here
#[derive(Args)]
#[command(after_help = "\
What was set and granted before stays when another version is added. A version that asks for more than the one before is
refused until that is granted.

Examples:
  chronicle plugin add folder.wasm --allow-folder store=/backup
  chronicle plugin add folder.wasm --name nas --allow-folder store=/mnt/nas
  chronicle plugin add dav.wasm --set url=https://nas.example/dav --allow-host nas.example \\
      --header nas.example=authorization=env:DAV_AUTHORIZATION")]
struct Add {
    /// The component
    file: PathBuf,
    /// What it is called in plugin://NAME; by default what it calls itself
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    rights: Rights,
}

/// List installed plugins
#[derive(Args)]
#[command(after_help = "\
Examples:
  chronicle plugin list
  chronicle plugin list --json")]
struct List {}

impl Plugin {
    pub(super) fn run(&self, json: bool) -> Outcome {
        match &self.verb {
            Verb::New(verb) => verb.run(json),
            Verb::Build(verb) => verb.run(json),
            Verb::Inspect(verb) => verb.run(json),
            Verb::Add(verb) => verb.run(json),
            Verb::List(verb) => verb.run(json),
            Verb::Test(verb) => verb.run(json),
            Verb::Bench(verb) => verb.run(json),
        }
    }
}

impl Inspect {
    fn run(&self, json: bool) -> Outcome {
        let path = PathBuf::from(&self.plugin);
        let (path, installed) = match path.is_file() {
            true => (path, None),
            false => {
                let installed = PluginHome::from_env()?.get(&self.plugin)?;
                (installed.component.clone(), Some(installed))
            }
        };
        let wasm = std::fs::read(&path).map_err(|error| {
            chronicle::Error::new(chronicle::ErrorKind::Io, format!("can't be read: {error}"))
                .at(path.display())
        })?;
        let info = while_working("compiling", || describe(&wasm))?;
        let mut report = words::describe(Report::new(), &info);
        if let Some(installed) = installed {
            report = words::granted(report, &installed.config, &info);
        }
        report.print(json)?;
        Ok(Status::Done)
    }
}

impl Add {
    fn run(&self, json: bool) -> Outcome {
        let config = self.rights.config()?;
        let home = PluginHome::from_env()?;
        let added = while_working("compiling", || home.add(&self.file, self.name.as_deref(), config))?;
        let version = &added.info.version;
        let mut report = Report::new()
            .line(match &added.replaced {
                Some(before) => format!("plugin {} is now {version}; it was {before}", added.name),
                None => format!("plugin {} {version} is installed", added.name),
            })
            .line(format!("use it as plugin://{}/prefix", added.name));
        for option in &added.not_granted {
            report = report.line(format!("not granted, and not needed to open it: {option}"));
        }
        report
            .field("name", added.name.clone())
            .field("version", version.clone())
            .field("replaced", added.replaced.clone())
            .field("not_granted", added.not_granted.clone())
            .print(json)?;
        Ok(Status::Done)
    }
}

impl List {
    fn run(&self, json: bool) -> Outcome {
        let installed = PluginHome::from_env()?.list()?;
        let mut report = Report::new();
        if installed.is_empty() {
            report = report.line("no plugin is installed: `chronicle plugin add FILE.wasm` installs one");
        }
        let mut plugins = Vec::new();
        for plugin in installed {
            report = report.line(format!("{:<20} {}", plugin.name, plugin.version));
            plugins.push(json!({
                "name": plugin.name,
                "version": plugin.version,
                "component": plugin.component.display().to_string(),
            }));
        }
        report.field("plugins", Value::Array(plugins)).print(json)?;
        Ok(Status::Done)
    }
}
