//! What a plugin is and may do, in plain words.
use super::super::report::Report;
use chronicle::plugin::{PluginConfig, PluginInfo};
use serde_json::{Value, json};

pub(super) fn describe(report: Report, info: &PluginInfo) -> Report {
    let mut report = report
        .fact("name", "plugin", &info.name)
        .fact("version", "version", &info.version)
        .fact("summary", "what it is", &info.summary);
    for setting in &info.settings {
        let need = if setting.required { "required" } else { "optional" };
        report = report
            .line(format!("setting         {} ({}, {need}): {}", setting.name, setting.kind, setting.help));
    }
    for wish in &info.wishes.folders {
        let verb = if wish.writable { "read and write" } else { "read" };
        let need = if wish.required { "needs" } else { "would like" };
        report =
            report.line(format!("asks for        it {need} to {verb} a folder, {}: {}", wish.name, wish.why));
    }
    for wish in &info.wishes.secrets {
        let need = if wish.required { "needs" } else { "would like" };
        report =
            report.line(format!("asks for        it {need} to read a secret, {}: {}", wish.name, wish.why));
    }
    if info.wishes.network {
        report = report.line("asks for        to send requests to hosts that you name");
    }
    if info.wishes.memory_mib > 0 {
        report = report.line(format!("asks for        {} MiB of memory", info.wishes.memory_mib));
    }
    let settings: Vec<Value> = info
        .settings
        .iter()
        .map(|known| json!({"name": known.name, "kind": known.kind, "required": known.required, "help": known.help}))
        .collect();
    report.field("settings", settings).field("wishes", json!(info.wishes))
}

pub(super) fn granted(report: Report, config: &PluginConfig, info: &PluginInfo) -> Report {
    let mut report = report;
    for (name, value) in &config.settings {
        report = report.line(format!("set             {name} = {value}"));
    }
    for (name, folder) in &config.grants.folders {
        let verb = if folder.writable { "read and write" } else { "read" };
        report = report.line(format!("granted         {verb} {} as /{name}", folder.path.display()));
    }
    for host in &config.grants.hosts {
        report = report.line(format!("granted         requests to {host}"));
    }
    for host in &config.grants.private_hosts {
        report = report.line(format!("granted         requests to {host}, also in a private network"));
    }
    for (host, headers) in &config.grants.headers {
        for header in headers.keys() {
            report = report
                .line(format!("granted         requests to {host} carry {header}, which it can't read"));
        }
    }
    for name in config.grants.secrets.keys() {
        report = report.line(format!("granted         the secret {name}"));
    }
    for (option, _) in config.grants.lacking(&info.wishes) {
        report = report.line(format!("not granted     {option}"));
    }
    report.field("config", json!(config))
}
