//! Steps with names and times, and the table of them at the end.

use crate::exec;
use anyhow::{Context, Result};
use std::process::Command;
use std::time::{Duration, Instant};

/// The steps of one run, in order.
pub(crate) struct Steps {
    begun: Instant,
    done: Vec<Step>,
}

struct Step {
    name: String,
    took: Duration,
    /// What libtest and wasm-bindgen-test counted, where the step was one of tests.
    tests: Option<Tests>,
    failed: bool,
}

#[derive(Clone, Copy, Default)]
struct Tests {
    passed: u32,
    failed: u32,
    ignored: u32,
}

impl Tests {
    /// Adds a line of the form `test result: ok. 5 passed; 0 failed; 1 ignored; …`.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.split_once("test result: ").and_then(|(_, rest)| rest.split_once(". ")) else {
            return;
        };
        for count in counts.split(';') {
            let mut words = count.split_whitespace();
            let Some(number) = words.next().and_then(|word| word.parse::<u32>().ok()) else { continue };
            match words.next() {
                Some("passed") => self.passed += number,
                Some("failed") => self.failed += number,
                Some("ignored") => self.ignored += number,
                _ => {}
            }
        }
    }
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), done: Vec::new() }
    }

    /// Runs one step; what goes wrong carries its name.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        self.timed(name, None, |_| work())
    }

    /// One program as a step.
    pub(crate) fn program(&mut self, name: &str, command: &mut Command) -> Result<()> {
        println!("   $ {}", exec::shown(command));
        self.step(name, || exec::run(command))
    }

    /// One program as a step, whose counts of tests are taken from its output.
    pub(crate) fn tests(&mut self, name: &str, command: &mut Command) -> Result<()> {
        println!("   $ {}", exec::shown(command));
        self.timed(name, Some(Tests::default()), |tests| {
            exec::run_watching(command, |line| tests.iter_mut().for_each(|tests| tests.add(line)))
        })
    }

    fn timed(
        &mut self,
        name: &str,
        mut tests: Option<Tests>,
        work: impl FnOnce(&mut Option<Tests>) -> Result<()>,
    ) -> Result<()> {
        println!("── {name}");
        let begun = Instant::now();
        let result = work(&mut tests);
        let took = begun.elapsed();
        println!("   {name}: {} after {}", if result.is_ok() { "done" } else { "FAILED" }, seconds(took));
        self.done.push(Step { name: name.to_owned(), took, tests, failed: result.is_err() });
        result.with_context(|| format!("step \"{name}\" failed"))
    }

    /// Prints the table, and the counts of all tests as the last line.
    pub(crate) fn print_table(&self) {
        let width = self.done.iter().map(|step| step.name.chars().count()).max().unwrap_or(0);
        println!("\n{:-<1$}", "", width + 30);
        for Step { name, took, tests, failed } in &self.done {
            let outcome = match (failed, tests) {
                (true, _) => "FAILED".to_owned(),
                (false, Some(tests)) => format!("{} passed", tests.passed),
                (false, None) => "ok".to_owned(),
            };
            println!("{name:width$}  {:>10}  {outcome}", seconds(*took));
        }
        println!("{:width$}  {:>10}", "all", seconds(self.begun.elapsed()));
        let all = self.done.iter().filter_map(|step| step.tests).fold(Tests::default(), |sum, tests| Tests {
            passed: sum.passed + tests.passed,
            failed: sum.failed + tests.failed,
            ignored: sum.ignored + tests.ignored,
        });
        let result = if self.done.iter().any(|step| step.failed) { "FAILED" } else { "ok" };
        println!("test result: {result}. {} passed; {} failed; {} ignored", all.passed, all.failed, all.ignored);
    }
}

/// `73 s` and below in seconds, above in minutes.
pub(crate) fn seconds(duration: Duration) -> String {
    match duration.as_secs() {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        seconds @ 10..120 => format!("{seconds} s"),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_summed_over_test_binaries_and_other_lines_left_alone() {
        let mut tests = Tests::default();
        tests.add("running 5 tests");
        tests.add("test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s");
        tests.add("test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 7 filtered out");
        assert_eq!((tests.passed, tests.failed, tests.ignored), (7, 3, 1));
    }
}
