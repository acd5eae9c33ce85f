//! Every page is true: its links lead somewhere, its blocks of code are checked by what they are written for, and what it quotes
//! of the provider is what the provider says.
//!
//! A block in a language that nobody checks fails. Needs the package registries and `cargo xtask setup`, as the tests of the SDKs do.

#![expect(clippy::panic, clippy::unwrap_used, reason = "tests: a panic is a finding")]

mod data;
mod links;
mod output;
mod programs;
mod reading;
mod sessions;
mod shell;
mod versions;
mod yaml;

use docs::{Block, Page, pages};

/// Languages of blocks, each with the module that checks them.
const CHECKED: [(&str, &str); 13] = [
    ("csharp", "programs"),
    ("console", "sessions"),
    ("dockerfile", "data"),
    ("go", "programs"),
    ("java", "programs"),
    ("json", "data"),
    ("mermaid", "data"),
    ("python", "programs"),
    ("sh", "shell"),
    ("text", "output"),
    ("ts", "programs"),
    ("typescript", "programs"),
    ("yaml", "yaml"),
];

/// All blocks in one of these languages, with their pages.
fn shown(languages: &[&str]) -> Vec<(Page, Block)> {
    let of = |page: Page| page.blocks().into_iter().map(move |block| (page.clone(), block));
    let all = pages().into_iter().flat_map(of);
    all.filter(|(_, block)| languages.contains(&block.language.as_str()))
        .collect()
}

/// A name for a block that says where it is.
fn name(page: &Page, block: &Block) -> String {
    let path = page.path.with_extension("").to_string_lossy().to_lowercase();
    let letters = path.chars().map(|c| if c.is_alphanumeric() { c } else { '_' });
    format!("{}_{}", letters.collect::<String>(), block.line)
}

#[test]
fn every_block_is_in_a_language_that_is_checked() {
    let unchecked: Vec<_> = pages()
        .iter()
        .flat_map(|page| {
            let blocks = page.blocks().into_iter();
            let others = blocks.filter(|block| CHECKED.iter().all(|(language, _)| *language != block.language));
            others
                .map(|block| format!("{}: `{}`", page.place(block.line), block.language))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(
        unchecked.is_empty(),
        "nobody checks these blocks; give them a language of the list in tests/docs/tests/pages/main.rs: {unchecked:#?}"
    );
}
