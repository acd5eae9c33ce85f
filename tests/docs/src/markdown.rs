//! As much of Markdown as our pages use: fenced blocks, links, headings, code spans.
//!
//! Refuses to be complete: indented blocks, reference links and HTML are not looked for, and our pages have none.

/// A fenced block of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The first word behind the fence.
    pub language: String,
    /// What follows that word.
    pub remark: String,
    /// Line of the opening fence, from 1.
    pub line: usize,
    /// The text between the fences, without the fences' indentation.
    pub text: String,
}

/// A link to somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Line that it is on, from 1.
    pub line: usize,
    /// Where it leads.
    pub target: String,
}

/// All fenced blocks of a page. One that is never closed reaches to the end.
#[must_use]
pub fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open: Option<(&str, usize)> = None;
    for (number, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let fence = fence(line.trim_start());
        match (open, fence) {
            (None, Some(fence)) => {
                let info = line.trim_start()[fence.len()..].trim();
                let (language, remark) = info.split_once(' ').unwrap_or((info, ""));
                blocks.push(Block {
                    language: language.to_owned(),
                    remark: remark.trim().to_owned(),
                    line: number + 1,
                    text: String::new(),
                });
                open = Some((fence, indent));
            }
            (Some((opening, _)), Some(closing)) if closing.starts_with(opening) => open = None,
            (Some((_, indent)), _) => {
                if let Some(block) = blocks.last_mut() {
                    let cut = line.len() - line.trim_start().len();
                    block.text.push_str(&line[cut.min(indent)..]);
                    block.text.push('\n');
                }
            }
            (None, None) => {}
        }
    }
    blocks
}

fn fence(line: &str) -> Option<&str> {
    let length = line.len() - line.trim_start_matches('`').len();
    (length >= 3).then(|| &line[..length])
}

/// The lines outside of blocks, with their numbers from 1.
pub fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut open: Option<&str> = None;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let fence = fence(line.trim_start());
        match (open, fence) {
            (None, Some(fence)) => open = Some(fence),
            (Some(opening), Some(closing)) if closing.starts_with(opening) => open = None,
            (None, None) => return Some((number + 1, line)),
            _ => {}
        }
        None
    })
}

/// The code spans of a line.
#[must_use]
pub fn code_spans(line: &str) -> Vec<String> {
    let (mut spans, mut rest) = (Vec::new(), line);
    while let Some(start) = rest.find('`') {
        let ticks = rest[start..].len() - rest[start..].trim_start_matches('`').len();
        let fence = "`".repeat(ticks);
        let after = &rest[start + ticks..];
        let Some(end) = after.find(&fence) else { break };
        spans.push(after[..end].trim().to_owned());
        rest = &after[end + ticks..];
    }
    spans
}

/// All links of a page: `[text](target)`, `![text](target)` and `<https://…>`.
#[must_use]
pub fn links(text: &str) -> Vec<Link> {
    let mut found = Vec::new();
    for (line, content) in prose(text) {
        let content = without_code(content);
        let mut add = |target: &str| {
            found.push(Link {
                line,
                target: target.to_owned(),
            });
        };
        for part in content.split("](").skip(1) {
            add(part.split([')', ' ']).next().unwrap_or_default());
        }
        for part in content.split("<http").skip(1) {
            add(&format!("http{}", part.split('>').next().unwrap_or_default()));
        }
    }
    found
}

/// A line whose code spans hold nothing; link texts keep their brackets.
fn without_code(line: &str) -> String {
    let parts = line.split('`').enumerate();
    parts.filter(|(at, _)| at % 2 == 0).map(|(_, part)| part).collect()
}

/// What headings can be linked by, as GitHub names them.
#[must_use]
pub fn anchors(text: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for (_, line) in prose(text) {
        let heading = line.trim_start_matches('#');
        if heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let name = slug(heading.trim());
        let same = |one: &&String| **one == name || one.rsplit_once('-').is_some_and(|(head, _)| head == name);
        let earlier = anchors.iter().filter(same).count();
        anchors.push(if earlier == 0 {
            name
        } else {
            format!("{name}-{earlier}")
        });
    }
    anchors
}

fn slug(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c })
        .collect::<String>()
        .to_lowercase()
}
