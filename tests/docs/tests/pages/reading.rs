//! Markdown and sources are read as GitHub and the compiler read them.

use docs::{Block, Sentences, anchors, blocks, code_spans, links, literals};

#[test]
fn blocks_know_language_line_and_text() {
    let found = blocks("a\n\n```sh now\nls\n```\n- b\n  ```yaml\n  a: 1\n    b: 2\n  ```\n````text\n```\n````\n");
    let of = |at: usize| {
        let block: &Block = &found[at];
        (
            block.language.as_str(),
            block.remark.as_str(),
            block.line,
            block.text.as_str(),
        )
    };
    assert_eq!(of(0), ("sh", "now", 3, "ls\n"));
    assert_eq!(of(1), ("yaml", "", 7, "a: 1\n  b: 2\n"));
    assert_eq!(of(2), ("text", "", 11, "```\n"));
    assert_eq!(found.len(), 3);
}

#[test]
fn links_are_found_outside_of_code_only() {
    let found = links("[`a`](b.md#c) and `[x](y)`\n```\n[p](q)\n```\n<https://e.org/f> ![g](h.svg \"i\")\n");
    let targets: Vec<_> = found.iter().map(|link| (link.line, link.target.as_str())).collect();
    assert_eq!(targets, [(1, "b.md#c"), (5, "h.svg"), (5, "https://e.org/f")]);
}

#[test]
fn anchors_are_those_of_github() {
    let text = "# A `b` & c\n## Why does this count?\n```sh\n# no heading\n```\n## Files\n### Files\n#no\n";
    assert_eq!(anchors(text), ["a-b--c", "why-does-this-count", "files", "files-1"]);
}

#[test]
fn spans_of_several_ticks_may_hold_ticks() {
    assert_eq!(code_spans("a `b` and `` c `d` `` e"), ["b", "c `d`"]);
}

#[test]
fn literals_are_read_as_the_compiler_reads_them() {
    let source =
        "// \"no\"\nlet q = '\"'; let e = '\\''; f::<'a>(\"a {b} \\\"c\\\" \\\n     d {{e}}\", r#\"f \"g\" \"#);";
    assert_eq!(literals(source), ["a … \"c\" d {e}", "f \"g\" "]);
}

#[test]
fn a_sentence_is_known_by_its_parts_in_order() {
    let sentences = Sentences::of(vec!["no project `…` in …".to_owned()]);
    assert!(sentences.say("no project `…` in …"));
    assert!(sentences.say("no project"));
    assert!(!sentences.say("in … no project"));
}
