//! What our analysis says that a Dockerfile reads, against what changes its image.

use conformance::reads::{
    Answer, Outcome, Site, Tally, change, changed, generate, narrowed, shrunk_change, shrunk_narrowing,
};
use conformance::{Built, Cases, Chance};

/// Changes per case, one on top of the other.
const CHANGES: u64 = 5;

/// What one case showed: counts, and what is wrong.
fn explore(seed: u64) -> (Tally, Vec<String>) {
    let mut case = generate(seed);
    let mut site = Site::of(&case);
    let mut before = Answer::of(&site);
    let mut tally = Tally {
        narrowed: 1,
        built: usize::from(matches!(before.truth, Built::Image(_))),
        ..Tally::default()
    };
    let mut findings = Vec::new();
    if narrowed(&site, &before).is_some() {
        findings.push(format!("seed {seed}, narrowed: {}", shrunk_narrowing(&case)));
    }
    let mut chance = Chance::of(seed ^ 0xc4a6);
    for _ in 0..if tally.built > 0 { CHANGES } else { 1 } {
        let (next, what) = change(&case, &mut chance);
        site.become_case(&next);
        let after = Answer::of(&site);
        let outcome = changed(&before, &after);
        tally.add(outcome);
        if outcome == Outcome::OnlyImage || (outcome == Outcome::OnlyFingerprint && explains()) {
            let smallest = shrunk_change(&case, &next, outcome);
            findings.push(format!("seed {seed}, {what}: {outcome:?} changed, {smallest}"));
        }
        if matches!(after.truth, Built::Image(_)) {
            (case, before) = (next, after);
        } else {
            site.become_case(&case);
        }
    }
    (tally, findings)
}

/// Whether builds in vain are findings too, for whoever wants to make the analysis more precise.
fn explains() -> bool {
    std::env::var_os("CONFORMANCE_IN_VAIN").is_some()
}

#[test]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
fn what_changes_the_image_changes_the_fingerprint() {
    let explored = Cases::or(25).each(explore);
    let tally = explored.iter().fold(Tally::default(), |sum, (tally, _)| sum.and(tally));
    println!("{tally}");
    let findings: Vec<_> = explored.into_iter().flat_map(|(_, findings)| findings).collect();
    assert!(
        findings.is_empty(),
        "{} findings\n{}",
        findings.len(),
        findings.join("\n\n")
    );
}
