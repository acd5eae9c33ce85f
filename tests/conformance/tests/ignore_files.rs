//! Our ignore rules against the daemon's, on pairs made by chance.

use conformance::Cases;
use conformance::ignore::{Verdict, compare, generate};

#[test]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
fn our_rules_keep_what_a_real_build_keeps() {
    let verdicts = Cases::or(200).each(|seed| (seed, compare(&generate(seed))));
    let count = |is: fn(&Verdict) -> bool| verdicts.iter().filter(|(_, verdict)| is(verdict)).count();
    let different: Vec<String> = verdicts
        .iter()
        .filter_map(|(seed, verdict)| match verdict {
            Verdict::Different(how) => Some(format!("seed {seed}: {how}")),
            _ => None,
        })
        .collect();
    println!(
        "{} pairs: {} same ({} with an emptied file), {} refused by both, {} not understood and kept, {} different",
        verdicts.len(),
        count(|verdict| matches!(verdict, Verdict::Same(_) | Verdict::SameButEmptied)),
        count(|verdict| *verdict == Verdict::SameButEmptied),
        count(|verdict| *verdict == Verdict::BothRefuse),
        count(|verdict| *verdict == Verdict::Superset),
        different.len()
    );
    assert!(different.is_empty(), "{}", different.join("\n"));
}
