//! What is refused, on which line, with which words and which advice.

#![expect(clippy::expect_used, reason = "a test states what it expects with it")]

use fastcontainer_dockerfile::{Dockerfile, ParseError};

fn fault(text: &str) -> ParseError {
    Dockerfile::parse("app/Dockerfile", text.as_bytes()).expect_err("a fault")
}

/// A Dockerfile and what is said about it.
const FAULTS: &[(&str, &str)] = &[
    ("", "1`: no instruction found"),
    ("# only a comment\n\n", "2`: no instruction found"),
    ("ARG A=1\n", "1`: no `FROM` found, expected at least one stage"),
    (
        "ARG A=1\nRUN x\nFROM a\n",
        "2`: `RUN` before the first `FROM`, expected `ARG` or `FROM`",
    ),
    ("FROM a\nCOPPY . .\n", "2`: unknown instruction `COPPY`"),
    (
        "FROM a\nCOPY x\n",
        "2`: `COPY` expects at least one source and a destination",
    ),
    (
        "FROM a\n\nENV\n",
        "3`: `ENV` expects at least one name, and no empty name",
    ),
    (
        "FROM a\nENV A\n",
        "2`: `ENV` expects name=value pairs, or a name and a value",
    ),
    (
        "FROM a\nENV A=1 B\n",
        "2`: `B` has no `=`, expected name=value in `ENV`",
    ),
    (
        "FROM a\nARG =1\n",
        "2`: `ARG` expects at least one name, and no empty name",
    ),
    ("FROM a b\n", "1`: `FROM` expects `<image>` or `<image> AS <name>`"),
    ("FROM a\nWORKDIR\n", "2`: `WORKDIR` expects an argument"),
    ("FROM a\nEXPOSE\n", "2`: `EXPOSE` expects at least one port"),
    (
        "FROM a\nVOLUME [\"\"]\n",
        "2`: `VOLUME` expects at least one path, none of them empty",
    ),
    (
        "FROM a\nSHELL sh -c\n",
        "2`: `SHELL` expects a JSON array with at least one string",
    ),
    (
        "FROM a\nHEALTHCHECK RUN x\n",
        "2`: `HEALTHCHECK` expects `NONE`, or `CMD` and a command",
    ),
    (
        "FROM a\nHEALTHCHECK NONE x\n",
        "2`: `HEALTHCHECK` expects `NONE`, or `CMD` and a command",
    ),
    (
        "FROM a\nCMD [1]\n",
        "2`: JSON array with an element that is not a string",
    ),
    ("FROM a\nRUN --mont=x y\n", "2`: unknown flag `--mont` of `RUN`"),
    ("FROM a\nWORKDIR --x /y\n", "2`: unknown flag `--x` of `WORKDIR`"),
    (
        "FROM a\nCOPY --from=b --from=c . .\n",
        "2`: second flag `--from`, expected at most one",
    ),
    ("FROM a\nCOPY --chown . .\n", "2`: flag `--chown` expects a value"),
    (
        "FROM a\nCOPY --link=maybe . .\n",
        "2`: flag `--link` expects `true` or `false`, or no value",
    ),
    (
        "FROM a\nRUN --mount='type=\"x' y\n",
        "2`: flag `--mount` expects comma separated fields",
    ),
    (
        "FROM a\nRUN <<EOF\nx\n",
        "2`: heredoc `EOF` has no end, expected a line that holds nothing but `EOF`",
    ),
    (
        "FROM a\nCOPY x <<EOF\nEOF\n",
        "2`: heredoc as the destination of `COPY`, expected a path",
    ),
    (
        "FROM a\nONBUILD ONBUILD RUN x\n",
        "2`: `ONBUILD` as an `ONBUILD` trigger",
    ),
    ("FROM a\nONBUILD FROM b\n", "2`: `FROM` as an `ONBUILD` trigger"),
    (
        "FROM a AS 1st\n",
        "1`: invalid stage name `1st`, expected a letter followed by letters, digits, `-`, `_` or `.`",
    ),
    (
        "FROM a AS B\nFROM b\nFROM c AS b\n",
        "3`: second stage named `b`, the first begins on line 1",
    ),
    (
        "FROM a\nCOPY --from=$X . .\n",
        "2`: variable in `--from=$X`, which is not expanded",
    ),
    (
        "FROM a\nRUN --mount=from=${X} y\n",
        "2`: variable in `--mount=from=${X}`, which is not expanded",
    ),
    ("FROM a\nCOPY --from=7 . .\n", "2`: no stage number 7, expected 0 to 0"),
    (
        "FROM a\nCOPY --from=-1 . .\n",
        "2`: no stage number -1, expected 0 to 0",
    ),
    ("# escape=x\nFROM a\n", "1`: escape directive `x`, expected ` or \\"),
    (
        "# escape=`\n# escape=`\nFROM a\n",
        "2`: second `escape` directive, expected at most one",
    ),
];

#[test]
fn each_fault_is_reported_with_its_line_and_reason() {
    for (text, expected) in FAULTS {
        assert_eq!(fault(text).to_string(), format!("`app/Dockerfile:{expected}"), "{text}");
    }
}

#[test]
fn a_near_word_is_offered() {
    let table = [
        ("FROM a\nCOPPY . .\n", Some("did you mean `COPY`?")),
        ("form a\n", Some("did you mean `FROM`?")),
        ("FROM a\nRUN --mont=x y\n", Some("did you mean `--mount`?")),
        ("FROM a\nKUBERNETES x\n", None),
    ];
    for (text, hint) in table {
        assert_eq!(fault(text).hint.as_deref(), hint, "{text}");
    }
}

#[test]
fn a_fault_behind_a_continuation_is_reported_where_the_instruction_begins() {
    assert_eq!(fault("FROM a\n# x\nCOPY \\\n  --from=9 \\\n  . .\n").line, 3);
}

#[test]
fn a_line_longer_than_the_frontend_reads_is_refused() {
    let longest = format!("FROM a\nRUN {}\n", "x".repeat(65_535 - 4));
    assert!(Dockerfile::parse("Dockerfile", longest.as_bytes()).is_ok());
    assert_eq!(fault(&longest.replace("RUN ", "RUN xx")).line, 2);
}

#[test]
fn an_unknown_flag_is_kept_when_the_file_names_its_frontend() {
    let text = "# syntax=docker/dockerfile:1\nFROM a\nCOPY --future=1 . .\n";
    let dockerfile = Dockerfile::parse("Dockerfile", text.as_bytes()).unwrap();
    assert_eq!(dockerfile.stages()[0].instructions[0].flag("future"), Some("1"));
}

#[test]
fn onbuild_may_defer_what_only_a_newer_frontend_knows() {
    assert!(Dockerfile::parse("Dockerfile", b"FROM a\nONBUILD FUTURE x\n").is_ok());
}
