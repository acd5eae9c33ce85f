//! Bounded time: files of a megabyte, and files whose arguments, stages or triggers multiply.
//!
//! The limits are generous, because they guard against minutes and hours, not against a slow machine.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fastcontainer_dockerfile::{Dockerfile, Extent, ParseError, ResolveRequest, platform_args, step_keys};

/// Enough for an unoptimised build on a busy machine, and far below what unbounded work would take.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs everything that can be asked about a file; says whether its reads are undecided.
fn exercise(bytes: &[u8]) -> Result<bool, ParseError> {
    let dockerfile = Dockerfile::parse("Dockerfile", bytes)?;
    let _ = (dockerfile.declared_args(), dockerfile.snippet(0, usize::MAX));
    let resolved = dockerfile.resolve(&ResolveRequest {
        target: None,
        build_args: &BTreeMap::new(),
        platform: &platform_args("linux/amd64", "linux/amd64"),
        named_contexts: &BTreeMap::new(),
    })?;
    let _ = (resolved.external_images(), resolved.canonical_instructions());
    let _ = step_keys(&resolved.steps(), &|_, _| [0; 32], &|_| None);
    Ok(matches!(resolved.reads().context, Extent::Whole(_)))
}

fn repeat(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect()
}

#[test]
fn a_megabyte_of_anything_is_read_in_linear_time() {
    let pieces = [
        "FROM a\n",
        "FROM a AS b\nFROM c\n",
        "\\\n",
        "RUN x \\\n",
        "<<E ",
        "${A:-",
        "\"",
        "'",
        "[",
        "#\n",
        "ONBUILD ",
        "COPY --from=0 ",
        "--mount=from=a,",
        "RUN <<A <<B\n",
        "ARG A=$A$A\n",
        "\u{e9}",
        "\n",
        " ",
        "\\",
        "# syntax=a\n",
        "ENV a=b ",
    ];
    for piece in pieces {
        // Noise without line feeds is continued, because physical lines are bounded anyway.
        let piece = if piece.ends_with('\n') {
            piece.to_owned()
        } else {
            format!("{piece}\\\n")
        };
        for prefix in ["", "FROM a\nRUN "] {
            let text = format!("{prefix}{}", piece.repeat((1 << 20) / piece.len()));
            let start = Instant::now();
            let _ = exercise(text.as_bytes());
            let elapsed = start.elapsed();
            assert!(elapsed < LIMIT, "{elapsed:?} for {prefix:?} and {piece:?}");
        }
    }
}

/// A stage with a variable of a megabyte, followed by many instructions.
fn behind_a_long_value(piece: &str, count: usize) -> String {
    let doubling = repeat(20, |at| format!("ENV A{}=$A{at}$A{at}\n", at + 1));
    format!(
        "FROM scratch\nENV A0=a\n{doubling}{}",
        repeat(count, |at| piece.replace("{at}", &at.to_string()))
    )
}

/// Checks that a file is answered soon, with everything undecided.
fn gives_up(text: &str) {
    let start = Instant::now();
    assert_eq!(exercise(text.as_bytes()), Ok(true), "{:.40}", text);
    let elapsed = start.elapsed();
    assert!(elapsed < LIMIT, "{elapsed:?} for {text:.40}");
}

#[test]
fn values_that_multiply_end_in_an_undecided_answer() {
    for (piece, count) in [
        ("ENV B{at}=$A20\n", 20_000),
        ("COPY $A19 $A19 /\n", 5_000),
        ("COPY ${A20:+x} /\n", 20_000),
        ("COPY ${A20//*b/} ${A20%%*b*c} /\n", 1_000),
        ("RUN $A19\n", 5_000),
    ] {
        gives_up(&behind_a_long_value(piece, count));
    }
}

#[test]
fn stages_that_multiply_variables_end_in_an_undecided_answer() {
    let variables = repeat(20_000, |at| format!("ENV V{at}=1\n"));
    let chain = repeat(5_000, |at| format!("FROM s{at} AS s{}\n", at + 1));
    gives_up(&format!("FROM a AS s0\n{variables}{chain}"));
    let siblings = repeat(5_000, |at| format!("FROM s AS s{at}\n"));
    let copies = repeat(5_000, |at| format!("COPY --from=s{at} a b\n"));
    gives_up(&format!("FROM a AS s\n{variables}{siblings}FROM a\n{copies}"));
}

#[test]
fn global_arguments_and_triggers_that_multiply_are_refused() {
    let doubling = repeat(20, |at| format!("ARG A{}=$A{at}$A{at}\n", at + 1));
    let many = repeat(20_000, |at| format!("ARG B{at}=$A20\n"));
    let error = exercise(format!("ARG A0=a\n{doubling}{many}FROM a\n").as_bytes()).unwrap_err();
    assert!(error.reason.to_string().contains("longer than"), "{error}");
    let triggers = repeat(5_000, |at| format!("ONBUILD COPY a{at} b\n"));
    let stages = repeat(5_000, |at| format!("FROM s AS s{at}\n"));
    let copies = repeat(5_000, |at| format!("COPY --from=s{at} a b\n"));
    let error = exercise(format!("FROM a AS s\n{triggers}{stages}FROM a\n{copies}").as_bytes()).unwrap_err();
    assert_eq!(error.reason.to_string(), "too many inherited `ONBUILD` triggers");
}
