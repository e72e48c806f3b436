//! Settings and grants as arguments.
use super::super::failure::Failure;
use chronicle::plugin::{FolderGrant, PluginConfig, SecretFrom};
use clap::Args;
use std::path::PathBuf;

#[derive(Args, Debug, Default)]
pub(super) struct Rights {
    /// A setting of the plugin; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Let it read and write this folder, which it sees as /NAME
    #[arg(long, value_name = "NAME=PATH")]
    allow_folder: Vec<String>,
    /// Let it read this folder, which it sees as /NAME
    #[arg(long, value_name = "NAME=PATH")]
    allow_folder_read: Vec<String>,
    /// Let it send requests to this host (without a port: 80 and 443)
    #[arg(long, value_name = "HOST[:PORT]")]
    allow_host: Vec<String>,
    /// The same for a host in a private network or on this machine
    #[arg(long, value_name = "HOST[:PORT]")]
    allow_private_host: Vec<String>,
    /// Let it read a secret; it is looked up when the plugin is opened, and kept nowhere
    #[arg(long, value_name = "NAME=env:VAR|file:PATH")]
    allow_secret: Vec<String>,
    /// Add a header to its requests to this host, which it never sees; HOST as in --allow-host
    #[arg(long, value_name = "HOST=HEADER=env:VAR|file:PATH")]
    header: Vec<String>,
    /// Let each of its instances have so much memory
    #[arg(long, value_name = "MIB", default_value_t = 0, hide_default_value = true)]
    allow_memory: u32,
    /// Longest time of one call; 30 s by default
    #[arg(long, value_name = "MS", default_value_t = 0, hide_default_value = true)]
    call_time_ms: u64,
}

impl Rights {
    pub(super) fn config(&self) -> Result<PluginConfig, Failure> {
        let mut config = PluginConfig { call_time_ms: self.call_time_ms, ..PluginConfig::default() };
        for pair in &self.set {
            let (name, value) = split(pair, "--set NAME=VALUE")?;
            config.settings.insert(name.to_owned(), value.to_owned());
        }
        let grants = &mut config.grants;
        for (pairs, writable) in [(&self.allow_folder_read, false), (&self.allow_folder, true)] {
            for pair in pairs {
                let (name, path) = split(pair, "--allow-folder NAME=PATH")?;
                // Absolute, since the plugin is opened from other folders, too.
                let path = std::path::absolute(PathBuf::from(path))
                    .map_err(|error| Failure::usage(format!("{path}: {error}")))?;
                grants.folders.insert(name.to_owned(), FolderGrant { path, writable });
            }
        }
        grants.hosts.clone_from(&self.allow_host);
        grants.private_hosts.clone_from(&self.allow_private_host);
        for pair in &self.allow_secret {
            let (name, from) = split(pair, "--allow-secret NAME=env:VAR")?;
            grants.secrets.insert(name.to_owned(), secret(from)?);
        }
        for triple in &self.header {
            let (host, rest) = split(triple, "--header HOST=HEADER=env:VAR")?;
            let (header, from) = split(rest, "--header HOST=HEADER=env:VAR")?;
            if !self.allow_host.iter().chain(&self.allow_private_host).any(|known| known == host) {
                return Err(Failure::usage(format!(
                    "--header {host}: grant that host here, too, in the same words"
                )));
            }
            grants.headers.entry(host.to_owned()).or_default().insert(header.to_owned(), secret(from)?);
        }
        grants.memory_mib = self.allow_memory;
        Ok(config)
    }
}

fn split<'a>(pair: &'a str, form: &str) -> Result<(&'a str, &'a str), Failure> {
    pair.split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| Failure::usage(format!("{pair}: the form is {form}")))
}

fn secret(from: &str) -> Result<SecretFrom, Failure> {
    from.parse().map_err(Failure::Usage)
}
