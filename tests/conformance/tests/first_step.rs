//! The steps that we expect to run after a change, against those that the daemon runs.

use std::collections::HashSet;

use conformance::reads::{READABLE, Site, change, fingerprint, generate, rewrite};
use conformance::{Cases, Chance, Origin};

/// Counts of one case, or of all.
#[derive(Default)]
struct Tally {
    /// Pairs of builds.
    pairs: usize,
    /// Of those, where exactly the expected steps ran.
    exact: usize,
    /// What ran unexpectedly.
    findings: Vec<String>,
}

/// Builds before and after a change; nothing is known about a case that does not build.
fn explore(seed: u64) -> Option<Tally> {
    let mut chance = Chance::of(seed ^ 0xf1);
    let case = generate(seed);
    if case.instructions.iter().any(|line| line.starts_with("FROM assets")) {
        // A directory that serves as a base is a new one for each session: all that is built on it runs, always.
        return None;
    }
    let mut site = Site::of(&case);
    site.report()?;
    let before: HashSet<_> = fingerprint(&site).ok()?.steps.into_iter().map(|(_, key)| key).collect();
    let edit = if chance.percent(70) { change } else { rewrite };
    let (next, what) = edit(&case, &mut chance);
    if what.ends_with(READABLE) {
        // Our sender does not show these bits to the builder; buildctl does.
        return None;
    }
    site.become_case(&next);
    let report = site.report()?;
    let after = fingerprint(&site).ok()?.steps;
    let mut tally = Tally {
        pairs: 1,
        ..Tally::default()
    };
    let runs: HashSet<String> = report
        .steps
        .iter()
        .filter(|(name, origin)| **origin == Origin::Run && !is_made_anew(name))
        .map(|(name, _)| name.replacen("] LINK ", "] ", 1))
        .collect();
    let expected = after.iter().filter(|(_, key)| !before.contains(key));
    let expected: HashSet<String> = expected.map(|(label, _)| label.clone()).collect();
    if !runs.is_subset(&expected) {
        let text =
            format!("seed {seed}, {what}: {runs:?} ran, {expected:?} were expected\nbefore: {case}after: {next}");
        tally.findings.push(text);
    }
    tally.exact = usize::from(runs == expected);
    Some(tally)
}

/// A base image is pulled by whoever comes first, and an empty directory is rather made again than looked for.
fn is_made_anew(name: &str) -> bool {
    name.contains("] FROM ") || name.contains("] WORKDIR ")
}

#[test]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
fn no_step_runs_that_was_not_expected_to() {
    let explored: Vec<_> = Cases::or(30).one_by_one(explore).into_iter().flatten().collect();
    let pairs: usize = explored.iter().map(|tally| tally.pairs).sum();
    let exact: usize = explored.iter().map(|tally| tally.exact).sum();
    println!("{pairs} changes: the steps that ran were exactly the expected ones {exact} times");
    let findings: Vec<_> = explored.into_iter().flat_map(|tally| tally.findings).collect();
    assert!(
        findings.is_empty(),
        "{} findings\n{}",
        findings.len(),
        findings.join("\n\n")
    );
}
