//! A process under test: what it says line by line, and its death at a chosen moment.
use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Longest time that a test waits for a line; a loaded machine is slow, a hung process is a defect.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running child. It is killed when the value goes.
pub struct Victim {
    child: Child,
    lines: Receiver<String>,
    seen: VecDeque<String>,
}

impl Victim {
    /// Starts `command`, and reads what it prints.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = child.stdout.take().expect("stdout is piped");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            // A line that its writer was killed in is no line.
            let mut reader = BufReader::new(stdout);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
                match line.strip_suffix('\n') {
                    Some(whole) if sender.send(whole.to_owned()).is_ok() => line.clear(),
                    _ => break,
                }
            }
        });
        Self { child, lines, seen: VecDeque::new() }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line that starts with `word`, without it; lines before it are passed over but kept for the
    /// end. Panics when the process ends or is silent for a minute.
    pub fn expect(&mut self, word: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    let rest = line.strip_prefix(word).map(|rest| rest.trim_start().to_owned());
                    self.seen.push_back(line);
                    if let Some(rest) = rest {
                        return rest;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("no {word:?} within {PATIENCE:?}"),
                Err(RecvTimeoutError::Disconnected) => panic!("it ended without {word:?}: {:?}", self.seen),
            }
        }
    }

    /// Kills it as `kill -9` does, and waits until it is gone. Returns every line it got out.
    pub fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("a process of ours");
        self.child.wait().expect("a process of ours");
        self.rest()
    }

    /// Lets it end by itself. Returns how, and every line.
    pub fn finish(mut self) -> (ExitStatus, Vec<String>) {
        drop(self.child.stdin.take());
        let until = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().expect("a process of ours") {
                Some(status) => break status,
                None if Instant::now() > until => panic!("it does not end"),
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        (status, self.rest())
    }

    fn rest(&mut self) -> Vec<String> {
        let mut lines: Vec<String> = self.seen.drain(..).collect();
        lines.extend(self.lines.iter());
        lines
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number in the last line that starts with `word`; 0 when there is none.
pub fn last_number(lines: &[String], word: &str) -> u64 {
    let mut numbers = lines.iter().rev().filter_map(|line| line.strip_prefix(word)?.trim().parse().ok());
    numbers.next().unwrap_or(0)
}
