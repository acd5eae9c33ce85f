//! Counting what test runners say in their closing lines, and saying again at the end what failed.

use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use fastcontainer_lab::say;

use super::programs::Program;
use crate::fuzz;
use crate::shell::Outcome;

/// Lines of a failure that are said again at the end.
const SAID_AGAIN: usize = 60;

/// What the test runners counted.
#[derive(Debug, Default)]
pub(super) struct Count {
    passed: u32,
    failed: u32,
    skipped: u32,
    failures: Vec<Failure>,
}

/// A program or a check that failed.
#[derive(Debug, PartialEq, Eq)]
struct Failure {
    name: String,
    said: Vec<String>,
}

impl Count {
    /// Runs a test program and adds up what its closing line says.
    pub(super) fn of(&mut self, program: &Program, arguments: &[&str], filter: Option<&str>) -> Outcome {
        let mut command = program.command();
        let mut child = command.args(arguments).args(filter).stdout(Stdio::piped()).spawn()?;
        let mut lines = Vec::new();
        for line in child
            .stdout
            .take()
            .into_iter()
            .flat_map(|stdout| BufReader::new(stdout).lines())
        {
            let line = line?;
            say(&line);
            lines.push(line);
        }
        self.program(program.name(), &lines, child.wait()?.success());
        Ok(())
    }

    /// Adds what a program said. One that fails without saying so in its closing line counts as one failed test.
    pub(super) fn program<S: AsRef<str>>(&mut self, name: &str, lines: &[S], success: bool) {
        let before = self.failed;
        for line in lines {
            self.add(line.as_ref());
        }
        if !success {
            self.failed += u32::from(self.failed == before);
            self.failures.push(Failure::of(name, lines));
        }
    }

    /// Runs every fuzz target for a moment; each counts as one test.
    pub(super) fn fuzz(&mut self, name: &str) -> Outcome {
        if let Some(why) = fuzz::missing() {
            return self.skip(why);
        }
        self.check(name, fuzz::short(None));
        Ok(())
    }

    /// Counts a check as one test.
    pub(super) fn one(&mut self, name: &str, check: impl FnOnce() -> Outcome) -> Outcome {
        self.check(name, check().map(|()| 1));
        Ok(())
    }

    fn check(&mut self, name: &str, passed: Result<u32, Box<dyn Error>>) {
        match passed {
            Ok(passed) => self.passed += passed,
            Err(error) => {
                say(&format!("error: {error}"));
                self.failed += 1;
                self.failures.push(Failure::of(name, &[error.to_string()]));
            }
        }
    }

    pub(super) fn skip(&mut self, why: &str) -> Outcome {
        say(&format!("skipped: {why}"));
        self.skipped += 1;
        Ok(())
    }

    /// `test result: ok. 12 passed; 0 failed; 1 ignored; …`; ignored ones run in a lab later.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for part in counts.split("; ") {
            match part.split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }

    /// Says what failed, and the sums in the last line.
    pub(super) fn close(&self) -> Outcome {
        for failure in &self.failures {
            say(&format!("== failed: {}", failure.name));
            failure.said.iter().for_each(|line| say(line));
        }
        say(&format!(
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        ));
        if self.failed == 0 {
            Ok(())
        } else {
            Err("tests failed".into())
        }
    }
}

impl Failure {
    /// The test runner gathers what failing tests printed below a line of its own; without one, the end has to do.
    fn of<S: AsRef<str>>(name: &str, lines: &[S]) -> Self {
        let gathered = lines.iter().position(|line| line.as_ref() == "failures:");
        let begin = gathered.map_or(lines.len().saturating_sub(SAID_AGAIN), |line| line + 1);
        Self {
            name: name.to_owned(),
            said: owned(lines.iter().skip(begin).take(SAID_AGAIN)),
        }
    }
}

fn owned<'a, S: AsRef<str> + 'a>(lines: impl Iterator<Item = &'a S>) -> Vec<String> {
    lines.map(|line| line.as_ref().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_said_again_from_where_the_runner_gathers_them() {
        let mut count = Count::default();
        let lines = [
            "test a ... ok",
            "failures:",
            "---- b stdout ----",
            "it broke",
            "test result: FAILED. 3 passed; 1 failed; 0 ignored",
        ];
        count.program("lifecycle on buildkitd", &lines, false);
        assert_eq!((count.passed, count.failed), (3, 1));
        assert_eq!(
            count.failures,
            [Failure {
                name: "lifecycle on buildkitd".into(),
                said: owned(lines[2..].iter())
            }]
        );
    }

    #[test]
    fn a_program_that_ends_without_a_closing_line_is_a_failure_of_its_own() {
        let mut count = Count::default();
        count.program("first", &["test result: FAILED. 0 passed; 2 failed; 0 ignored"], false);
        count.program("second", &["stack overflow"], false);
        assert_eq!(count.failed, 3);
        assert_eq!(count.failures[1].said, ["stack overflow"]);
    }

    #[test]
    fn a_success_is_not_said_again() {
        let mut count = Count::default();
        count.program("first", &["test result: ok. 5 passed; 0 failed; 1 ignored"], true);
        count.one("check", || Ok(())).unwrap();
        assert_eq!((count.passed, count.failures.len()), (6, 0));
    }
}
