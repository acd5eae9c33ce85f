//! The names of steps and the lists of paths that the daemon asks for, against those that we expect.

use conformance::Cases;
use conformance::reads::{Analysis, Site, generate};

/// What is wrong with one case; nothing is known about one that does not build.
fn explore(seed: u64) -> Option<Vec<String>> {
    let case = generate(seed);
    let report = Site::of(&case).report()?;
    let ours = match Analysis::of(&case) {
        Ok(ours) => ours,
        Err(error) => return Some(vec![format!("seed {seed}: only ours refuses: {error}\n{case}")]),
    };
    let mut findings = Vec::new();
    for (context, lists) in &report.asked {
        let name = (context != "context").then_some(context.as_str());
        let expected = ours.reads.follow_paths(name);
        for list in lists {
            if !expected.covers(list.iter().map(String::as_str)) {
                findings.push(format!(
                    "seed {seed}: asks {context} for {list:?}, not {expected:?}\n{case}"
                ));
            }
        }
    }
    let labels: Vec<_> = ours.steps.iter().map(|step| step.label.as_str()).collect();
    for name in report.steps.keys() {
        // `--link` is two steps of one name to the daemon; a base image is one for all builds that run at the same time.
        let plain = name.replacen("LINK COPY", "COPY", 1).replacen("LINK ADD", "ADD", 1);
        if !labels.iter().any(|label| is_it(label, &plain)) && !name.contains("] FROM ") {
            findings.push(format!("seed {seed}: {name:?} is not one of {labels:?}\n{case}"));
        }
    }
    Some(findings)
}

/// Variables that only the base image knows stand as written in ours.
fn is_it(label: &str, name: &str) -> bool {
    let number = |text: &str| text.split(']').next().unwrap_or_default().to_owned();
    label == name || (label.contains('$') && number(label) == number(name))
}

#[test]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
fn steps_and_followed_paths_are_those_of_the_daemon() {
    let explored: Vec<_> = Cases::or(60).each(explore).into_iter().flatten().collect();
    println!("{} builds", explored.len());
    let findings: Vec<_> = explored.into_iter().flatten().collect();
    assert!(
        findings.is_empty(),
        "{} findings\n{}",
        findings.len(),
        findings.join("\n\n")
    );
}
