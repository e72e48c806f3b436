//! Processes of peers: started here, ended with their owner, watched through `/proc`, and never waited for without end.
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Longest time for one answer.
const PATIENCE: Duration = Duration::from_secs(240);

/// A process that is killed, at the latest, when this is dropped.
pub(super) struct Process(Child);

impl Process {
    pub(super) fn start(command: &mut Command) -> Result<Self, String> {
        command.spawn().map(Self).map_err(|error| format!("{:?}: {error}", command.get_program()))
    }

    pub(super) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits until it has ended by itself; false when it did not within `patience`.
    pub(super) fn ended(&mut self, patience: Duration) -> bool {
        let started = Instant::now();
        while started.elapsed() < patience {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        false
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Processor time of all threads of another process that still run, in seconds.
pub(super) fn cpu_seconds_of(id: u32) -> f64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{id}/task")) else { return 0.0 };
    let nanoseconds = |task: fs::DirEntry| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    tasks.flatten().filter_map(nanoseconds).sum::<u64>() as f64 * 1e-9
}

/// A field of another process's status, such as `VmHWM:`, in bytes.
pub(super) fn status_of(id: u32, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}

/// A process that takes commands as JSON lines and answers each with one.
pub(super) struct Worker {
    stdin: Option<ChildStdin>,
    answers: Receiver<String>,
    process: Process,
}

impl Worker {
    pub(super) fn start(command: &mut Command) -> Result<Self, String> {
        let mut process = Process::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let stdin = process.child().stdin.take();
        let stdout = process.child().stdout.take().ok_or("no output")?;
        let (send, answers) = mpsc::channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            lines.for_each(|line| drop(send.send(line)));
        });
        Ok(Self { stdin, answers, process })
    }

    /// Sends a command and the bytes that belong to it, and waits for the answer.
    ///
    /// # Panics
    /// When the answer is an error, or none comes.
    pub(super) fn ask(&mut self, command: &Value, bytes: &[&[u8]]) -> Value {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{command}").unwrap();
        bytes.iter().for_each(|bytes| stdin.write_all(bytes).unwrap());
        stdin.flush().unwrap();
        let answer = match self.answers.recv_timeout(PATIENCE) {
            Ok(line) => serde_json::from_str::<Value>(&line).unwrap(),
            Err(RecvTimeoutError::Timeout) => panic!("no answer within {} s", PATIENCE.as_secs()),
            Err(RecvTimeoutError::Disconnected) => panic!("the process ended"),
        };
        assert!(answer.get("error").is_none(), "{}", answer["error"]);
        answer
    }

    /// Ends it by closing its input.
    pub(super) fn end(mut self) {
        self.stdin = None;
        self.process.ended(Duration::from_secs(10));
    }
}
