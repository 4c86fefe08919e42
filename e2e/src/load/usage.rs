//! What a process costs, by the kernel's own account.

use anyhow::{Context, Result};
use std::fs;
use std::time::{Duration, Instant};

/// Processor time of a process and when it was read.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Time on a processor of all threads that live now, to the nanosecond.
    pub processor: Duration,
    /// When it was read.
    pub at: Instant,
}

impl Usage {
    /// Reads it.
    ///
    /// # Errors
    /// Where there is no such process.
    pub fn of(process: u32) -> Result<Self> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{process}/task")).context("the process is gone")? {
            // A thread may end meanwhile.
            let schedstat = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            nanos += schedstat.split_whitespace().next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(Self { processor: Duration::from_nanos(nanos), at: Instant::now() })
    }

    /// The part of one processor that was used since then: 0.5 is half of it.
    #[must_use]
    pub fn since(&self, before: &Self) -> f64 {
        let used = self.processor.saturating_sub(before.processor).as_secs_f64();
        used / self.at.duration_since(before.at).as_secs_f64()
    }
}

/// The most memory that a process has held, in bytes.
///
/// # Errors
/// Where there is no such process.
pub fn peak_memory(process: u32) -> Result<u64> {
    memory(process, "VmHWM:")
}

/// The memory that a process holds, in bytes.
///
/// # Errors
/// Where there is no such process.
pub fn held_memory(process: u32) -> Result<u64> {
    memory(process, "VmRSS:")
}

fn memory(process: u32, field: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).context("the process is gone")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).context("the kernel tells no memory")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().context("memory is no number")?;
    Ok(kilobytes << 10)
}
