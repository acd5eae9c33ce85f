//! Counting what test runners say in their closing lines.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use fastcontainer_lab::say;

use crate::fuzz;
use crate::shell::Outcome;

/// What the test runners counted.
#[derive(Debug, Default)]
pub(super) struct Count {
    passed: u32,
    failed: u32,
    skipped: u32,
}

impl Count {
    /// Runs a test program and adds up what its closing line says.
    pub(super) fn of(&mut self, command: &mut Command) -> Outcome {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        for line in child
            .stdout
            .take()
            .into_iter()
            .flat_map(|stdout| BufReader::new(stdout).lines())
        {
            let line = line?;
            self.add(&line);
            say(&line);
        }
        self.end(child.wait()?.success());
        Ok(())
    }

    /// A program that fails without saying so in its closing line counts as one failed test.
    pub(super) fn end(&mut self, success: bool) {
        if !success && self.failed == 0 {
            self.failed += 1;
        }
    }

    /// Runs every fuzz target for a moment; each counts as one test.
    pub(super) fn fuzz(&mut self) -> Outcome {
        if let Some(why) = fuzz::missing() {
            return self.skip(why);
        }
        match fuzz::short(None) {
            Ok(targets) => self.passed += targets,
            Err(error) => {
                say(&format!("error: {error}"));
                self.failed += 1;
            }
        }
        Ok(())
    }

    /// Counts a check as one test.
    pub(super) fn one(&mut self, check: impl FnOnce() -> Outcome) -> Outcome {
        match check() {
            Ok(()) => self.passed += 1,
            Err(error) => {
                say(&format!("error: {error}"));
                self.failed += 1;
            }
        }
        Ok(())
    }

    pub(super) fn skip(&mut self, why: &str) -> Outcome {
        say(&format!("skipped: {why}"));
        self.skipped += 1;
        Ok(())
    }

    /// `test result: ok. 12 passed; 0 failed; 1 ignored; …`; ignored ones run in a lab later.
    pub(super) fn add(&mut self, line: &str) {
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

    pub(super) fn close(&self) -> Outcome {
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
