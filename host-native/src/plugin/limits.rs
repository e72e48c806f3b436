//! What one instance of a plugin may use, and who watches over it. Every limit is named in the error that it leads to.
use std::time::Duration;
use wasmtime::ResourceLimiter;

/// What one instance may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Its memory, bytes. Default 64 MiB.
    pub memory_bytes: usize,
    /// How long one call may take, from the first instruction to the answer. Default 30 s.
    pub call_time: Duration,
    /// Instances that work at once. Default 4.
    pub instances: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory_bytes: 64 << 20, call_time: Duration::from_secs(30), instances: 4 }
    }
}

/// Handles (files, streams, requests, objects) that an instance may hold at once: each may be a descriptor of this process.
pub(super) const HANDLES_MAX: usize = 512;
/// Bytes that are given to or asked of a plugin at a time.
pub(super) const CHUNK_BYTES: usize = 256 << 10;
/// Deaths in a row after which a plugin is left alone for [`REST`].
pub(super) const DEATHS_MAX: u32 = 3;
/// How long a plugin that died too often is not called.
pub(super) const REST: Duration = Duration::from_secs(30);

/// Elements of all tables of one instance. A real plugin has some thousands.
const TABLE_ELEMENTS_MAX: usize = 1 << 20;

/// Counts what an instance asks for.
pub(super) struct Limiter {
    memory_bytes_max: usize,
    memory_bytes: usize,
    /// What was refused since the last call: why a trap behind it is one of memory.
    pub(super) refused: bool,
}

impl Limiter {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { memory_bytes_max: limits.memory_bytes, memory_bytes: 0, refused: false }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        // Of all memories together: a component may have several.
        let all = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        let is_granted = all <= self.memory_bytes_max;
        if is_granted {
            self.memory_bytes = all;
        } else {
            self.refused = true;
        }
        Ok(is_granted)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_memories_share_one_limit() {
        let mut limiter = Limiter::new(&Limits { memory_bytes: 100, ..Limits::default() });
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(!limiter.memory_growing(0, 60, None).unwrap() && limiter.refused);
        assert!(limiter.memory_growing(60, 90, None).unwrap());
        assert!(!limiter.memory_growing(0, 11, None).unwrap());
    }
}
