//! What a target needs of a Dockerfile: its canonical form, what it reads, and its steps.
//!
//! The input is the file, a NUL byte, the target, a NUL byte, and the value of the build argument `ARG`. Names that are
//! replaced are `ctx`, by a directory, and `img`, by an image. What must hold: comments and blank lines around the file
//! change nothing; the canonical form, read as a Dockerfile, has itself as its canonical form and reads the same; what is
//! read is a clean path below a context, and the step that reads it knows.

#![no_main]

use std::collections::BTreeMap;

use fastcontainer_dockerfile::{
    Dockerfile, Extent, NamedContext, Reads, ResolveRequest, Resolved, Source, Step, StepInput, Why, platform_args,
    step_keys,
};
use fuzz::{parts, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [file, target, argument] = parts(data);
    if let (Some(target), Some(argument)) = (text(target), text(argument)) {
        check(file, target, argument);
    }
});

/// Everything about a file that lines and comments must not change.
#[derive(Debug, PartialEq)]
struct Meaning {
    canonical: Vec<String>,
    /// For the main context, and each named one: why all of it is read, or the paths.
    reads: Vec<(Option<String>, Vec<String>)>,
    labels: Vec<String>,
    keys: Vec<[u8; 8]>,
}

fn check(file: &[u8], target: &str, argument: &str) {
    let arguments = BTreeMap::from([("ARG".to_owned(), argument.to_owned())]);
    let Some(found) = meaning(file, Some(target), &arguments) else {
        return;
    };
    // For a frontend of its own every byte counts, and so do all lines of an instruction that cannot be decoded.
    if text(file).is_some() && !found.canonical.iter().any(|text| text.starts_with('[')) {
        let commented = [file, b"\n\n# the end\n"].concat();
        assert_eq!(
            meaning(&commented, Some(target), &arguments).as_ref(),
            Some(&found),
            "a comment counts"
        );
    }
    if let Some(written) = written(&found.canonical) {
        // A stage of this name counts also where it is not reached, and is not in the canonical form then.
        let scratch = Why::ScratchStage.to_string();
        let same_reads = !found.reads.iter().any(|(_, said)| said.contains(&scratch));
        let lasting = |meaning: Meaning| (meaning.canonical, same_reads.then_some(meaning.reads));
        let again = meaning(written.as_bytes(), None, &arguments);
        assert_eq!(again.map(lasting), Some(lasting(found)), "for {written:?}");
    }
}

/// What a file means; nothing for a file or target that is refused.
fn meaning(file: &[u8], target: Option<&str>, build_args: &BTreeMap<String, String>) -> Option<Meaning> {
    let dockerfile = Dockerfile::parse("Dockerfile", file).ok()?;
    let named_contexts = BTreeMap::from([
        ("ctx".to_owned(), NamedContext::Directory),
        ("img".to_owned(), NamedContext::Image("alpine:3".to_owned())),
    ]);
    let platform = platform_args("linux/amd64", "linux/arm64");
    let request = ResolveRequest {
        target,
        build_args,
        platform: &platform,
        named_contexts: &named_contexts,
    };
    let resolved = dockerfile.resolve(&request).ok()?;
    reached(&resolved);
    let (reads, steps) = (resolved.reads(), resolved.steps());
    Some(Meaning {
        canonical: resolved
            .canonical_instructions()
            .into_iter()
            .map(|entry| entry.text)
            .collect(),
        reads: read(&reads, &steps),
        labels: steps.iter().map(|step| step.label.clone()).collect(),
        keys: keys(&steps),
    })
}

fn reached(resolved: &Resolved<'_>) {
    let reached: Vec<usize> = resolved.reachable().map(|stage| stage.number).collect();
    assert!(reached.is_sorted_by(|one, next| one < next), "{reached:?}");
    assert!(
        resolved
            .external_images()
            .iter()
            .all(|image| image.reference != "scratch")
    );
}

fn read(reads: &Reads, steps: &[Step]) -> Vec<(Option<String>, Vec<String>)> {
    let main = std::iter::once((None, &reads.context));
    let named = reads.named.iter().map(|(name, extent)| (Some(name.clone()), extent));
    let extents = main.chain(named).map(|(context, extent)| {
        let said = match extent {
            Extent::Whole(reasons) => reasons.iter().map(|reason| reason.why.to_string()).collect(),
            Extent::Paths(sources) => {
                sources
                    .iter()
                    .for_each(|source| placed(source, context.as_deref(), steps));
                let path = |source: &Source| format!("{}\n{:?}", source.path, source.excludes);
                sources.iter().map(path).collect()
            }
        };
        (context, said)
    });
    extents.collect()
}

fn placed(source: &Source, context: Option<&str>, steps: &[Step]) {
    let clean = |name: &str| !matches!(name, "" | "." | "..");
    assert!(
        source.path.is_empty() || source.path.split('/').all(clean),
        "{source:?}"
    );
    assert_eq!(source.context.as_deref(), context);
    assert!(
        steps.get(source.step).is_some_and(|step| step.sources.contains(source)),
        "{source:?}"
    );
}

/// The keys of the steps. They change with the files behind a step, and only steps before a step are its inputs.
fn keys(steps: &[Step]) -> Vec<[u8; 8]> {
    for (at, step) in steps.iter().enumerate() {
        assert!(step.material.parent.is_none_or(|parent| parent < at), "{step:?}");
        let earlier = |input: &StepInput| !matches!(input, StepInput::Step(other) if *other >= at);
        assert!(step.material.inputs.iter().all(earlier), "{step:?}");
    }
    let keys = |files: u8| step_keys(steps, &|_, _| [files; 32], &|_| None);
    let (before, after) = (keys(0), keys(1));
    for (at, step) in steps.iter().enumerate() {
        assert!(step.sources.is_empty() || before[at] != after[at], "{step:?}");
    }
    before
}

/// The canonical form as a file; nothing where one line of it would not be read as one instruction.
fn written(canonical: &[String]) -> Option<String> {
    let backtick = canonical.iter().any(|text| text == "# escape=`");
    let escape = if backtick { '`' } else { '\\' };
    let readable = |text: &String| {
        let first = text.split('\n').next().unwrap_or_default();
        let cut = first.ends_with('\r') || first.trim_end_matches([' ', '\t']).ends_with(escape);
        !text.starts_with('[') && !text.contains("\n[") && !text.contains("from=") && !cut
    };
    canonical
        .iter()
        .all(readable)
        .then(|| canonical.iter().map(|text| format!("{text}\n")).collect())
}
