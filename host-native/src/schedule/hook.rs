//! Hooks: telling people and programs how a run ended.
//!
//! What it keeps true: a hook that fails or hangs changes nothing for the backup, and is reported; it ends within its timeout, and
//! so do the processes that it started in its group. Nothing passes through a shell.
use super::config::HookConfig;
use super::post::{Call, host};
use super::report::RunReport;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// How often a command is asked whether it has ended.
const LOOK: Duration = Duration::from_millis(10);
/// What a command says last, as far as an error repeats it.
const SAID_BYTES_MAX: usize = 1_000;
/// How long is waited for what a command said, once it has ended: a process that it left behind may hold the pipe.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// How long a heartbeat may take.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(30);
const HEARTBEAT_RETRIES: u32 = 2;

/// Tells by command and webhook. Answers what went wrong.
pub(super) fn tell(hook: &HookConfig, report: &RunReport) -> Vec<String> {
    let text = serde_json::to_string(report).unwrap_or_default();
    let mut errors = Vec::new();
    if let Some((program, arguments)) = hook.command.split_first()
        && let Err(error) = run(program, arguments, report, &text, hook.timeout)
    {
        errors.push(format!("command {program}: {error}"));
    }
    if let Some(url) = &hook.webhook {
        let call = Call { url, body: Some(&text), timeout: hook.timeout, retries: hook.retries };
        errors.extend(call.make().err().map(|error| format!("webhook {error}")));
    }
    errors
}

/// Fetches a heartbeat URL.
pub(super) fn heartbeat(url: &str) -> Option<String> {
    let call = Call { url, body: None, timeout: HEARTBEAT_TIMEOUT, retries: HEARTBEAT_RETRIES };
    call.make().err().map(|error| format!("heartbeat {error}"))
}

/// What there is to tell by `hook`, for people; no secret is in it.
pub(super) fn describe(hook: &HookConfig) -> String {
    let command = hook.command.first().map(|program| format!("command {program}"));
    let webhook = hook.webhook.as_deref().map(|url| format!("webhook {}", host(url)));
    command.into_iter().chain(webhook).collect::<Vec<_>>().join(", ")
}

fn run(
    program: &str,
    arguments: &[String],
    report: &RunReport,
    text: &str,
    timeout: Duration,
) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    for (name, value) in environment(report) {
        command.env(name, value);
    }
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let started = Instant::now();
    let mut child = command.spawn().map_err(|error| format!("it can't be started: {error}"))?;
    if let Some(mut input) = child.stdin.take() {
        let text = text.to_owned();
        // A command may end without reading it.
        std::thread::spawn(move || drop(input.write_all(text.as_bytes())));
    }
    let (sender, said) = channel();
    if let Some(mut errors) = child.stderr.take() {
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            let mut piece = [0; 4_096];
            while let Ok(len @ 1..) = errors.read(&mut piece) {
                kept.extend_from_slice(piece.get(..len).unwrap_or_default());
                let over = kept.len().saturating_sub(SAID_BYTES_MAX);
                kept.drain(..over);
            }
            // Whoever does not wait any more does not want it.
            let _ = sender.send(String::from_utf8_lossy(&kept).trim().to_owned());
        });
    }
    let status = wait(&mut child, started, timeout)?;
    if status.success() {
        return Ok(());
    }
    let said = said.recv_timeout(LAST_WORDS).unwrap_or_default();
    Err(if said.is_empty() { status.to_string() } else { format!("{status}: {said}") })
}

fn wait(child: &mut Child, started: Instant, timeout: Duration) -> Result<ExitStatus, String> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if started.elapsed() < timeout => std::thread::sleep(LOOK),
            ended => {
                kill(child);
                return Err(match ended {
                    Err(error) => format!("it can't be waited for: {error}"),
                    Ok(_) => format!("it did not end within {} s and was killed", timeout.as_secs_f64()),
                });
            }
        }
    }
}

fn kill(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // Its own group since it was started; all of it may have ended meanwhile.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// What a command finds in its environment.
fn environment(report: &RunReport) -> Vec<(&'static str, String)> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    vec![
        ("CHRONICLE_JOB", report.job.clone()),
        ("CHRONICLE_TASK", report.task.to_string()),
        ("CHRONICLE_EVENT", report.event.to_string()),
        ("CHRONICLE_SOURCE", report.source.clone()),
        ("CHRONICLE_DEST", report.dest.clone()),
        ("CHRONICLE_POINT", text(&report.point)),
        ("CHRONICLE_LSN", text(&report.lsn)),
        ("CHRONICLE_BYTES", report.bytes.to_string()),
        ("CHRONICLE_SECONDS", report.seconds.to_string()),
        ("CHRONICLE_ATTEMPT", report.attempt.to_string()),
        ("CHRONICLE_GAP", text(&report.gap)),
        ("CHRONICLE_ERROR", report.error.as_ref().map(|error| error.message.clone()).unwrap_or_default()),
    ]
}
