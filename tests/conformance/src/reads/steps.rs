//! Instructions of a stage, one at a time.
//!
//! Every instruction writes to a place of its own, so that what it read can be seen in the image.

use super::NAMED;
use super::sources::{exclude, mount_source, parents_source, source};
use crate::chance::Chance;

/// What instructions can refer to.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    pub(super) chance: &'a mut Chance,
    pub(super) paths: &'a [String],
    pub(super) named: &'a [String],
    pub(super) lines: Vec<String>,
    /// Names of the stages before this one.
    pub(super) stages: Vec<String>,
    /// Variables of this stage.
    pub(super) variables: Vec<String>,
    pub(super) has_shell: bool,
    number: usize,
    /// Text that makes steps those of this case alone: the daemon merges equal steps of builds at the same time.
    salt: u64,
}

impl<'a> Writer<'a> {
    pub(super) fn new(chance: &'a mut Chance, paths: &'a [String], named: &'a [String], salt: u64) -> Self {
        Self {
            chance,
            paths,
            named,
            lines: Vec::new(),
            stages: Vec::new(),
            variables: Vec::new(),
            has_shell: false,
            number: 0,
            salt,
        }
    }

    pub(super) fn step(&mut self) {
        let line = match self.chance.below(100) {
            _ if self.has_shell && self.chance.percent(45) => self.run(),
            0..34 => self.copy("COPY"),
            34..43 => self.copy("ADD"),
            43..56 => self.parents(),
            56..70 => self.excluding(),
            70..80 => self.from(),
            80..92 => self.variable(),
            92..94 => self.workdir(),
            94..96 => format!(
                "COPY <<END {}\nhello ${{NEVER:-you}} {}\nEND",
                self.destination(),
                self.salt
            ),
            96..98 => "LABEL a=b".to_owned(),
            _ => format!("# {}", self.number),
        };
        self.lines.push(line);
    }

    fn copy(&mut self, keyword: &str) -> String {
        let count = if self.chance.percent(20) { 2 } else { 1 };
        let sources: Vec<_> = (0..count).map(|_| self.source()).collect();
        let flags = self.flags();
        let destination = self.destination();
        if sources.iter().any(|source| source.contains(' ')) || self.chance.percent(8) {
            let words: Vec<_> = sources
                .iter()
                .chain([&destination])
                .map(|word| format!("{word:?}"))
                .collect();
            return format!("{keyword}{flags} [{}]", words.join(", "));
        }
        let sources = sources.join(" ");
        format!("{keyword}{flags} {sources} {destination}")
    }

    fn parents(&mut self) -> String {
        let mut sources = vec![parents_source(self.chance, self.paths)];
        if self.chance.percent(25) {
            sources.push(parents_source(self.chance, self.paths));
        }
        let mut flags = self.flags();
        if self.chance.percent(25) {
            flags.push_str(&format!(" --exclude={}", self.unspaced_exclude()));
        }
        let destination = self.destination();
        let words: Vec<_> = sources
            .iter()
            .chain([&destination])
            .map(|word| format!("{word:?}"))
            .collect();
        format!("COPY --parents{flags} [{}]", words.join(", "))
    }

    fn excluding(&mut self) -> String {
        let mut flags = self.flags();
        for _ in 0..1 + self.chance.below(2) {
            flags.push_str(&format!(" --exclude={}", self.unspaced_exclude()));
        }
        let keyword = if self.chance.percent(80) { "COPY" } else { "ADD" };
        format!("{keyword}{flags} [{:?}, {:?}]", self.source(), self.destination())
    }

    fn unspaced_exclude(&mut self) -> String {
        exclude(self.chance, self.paths).replace(' ', "?")
    }

    fn from(&mut self) -> String {
        if self.stages.is_empty() || self.chance.percent(40) {
            let path = source(self.chance, self.named, &self.variables);
            return format!(
                "COPY{} --from={NAMED} [{path:?}, {:?}]",
                self.flags(),
                self.destination()
            );
        }
        let at = self.chance.below(self.stages.len());
        let stage = if self.chance.percent(30) {
            at.to_string()
        } else {
            self.stages[at].clone()
        };
        let path = *self.chance.pick(&["/", ".", "/*", "/d*"]);
        format!("COPY{} --from={stage} {path} {}", self.flags(), self.destination())
    }

    fn run(&mut self) -> String {
        let number = self.next_number();
        let mut options: Vec<String> = Vec::new();
        if self.chance.percent(80) {
            options.push("type=bind".to_owned());
        }
        match self.chance.below(10) {
            0 => options.push(format!("from={NAMED}")),
            1 => {
                let path = mount_source(self.chance, self.named, &[]);
                options.push(format!("from={NAMED},source={path}"));
            }
            2 if !self.stages.is_empty() => {
                let stage = self.chance.pick(&self.stages).clone();
                options.push(format!("from={stage}"));
            }
            3 => {}
            _ => {
                let path = mount_source(self.chance, self.paths, &self.variables);
                let name = *self.chance.pick(&["source", "src"]);
                options.push(format!("{name}={path}"));
            }
        }
        options.push("target=/m".to_owned());
        let more = if self.chance.percent(8) {
            " --mount=type=tmpfs,target=/t"
        } else {
            ""
        };
        format!("RUN --mount={}{more} cp -R /m /d{number}", options.join(","))
    }

    fn variable(&mut self) -> String {
        let name = *self.chance.pick(&["A", "B", "G", "E"]);
        let value = match self.chance.below(4) {
            0 => "${G:-lib}".to_owned(),
            1 if !self.variables.is_empty() => format!("${}", self.chance.pick(&self.variables)),
            _ => self
                .paths
                .first()
                .map_or("src".to_owned(), |_| self.chance.pick(self.paths).replace(' ', "?")),
        };
        self.variables.push(name.to_owned());
        match self.chance.below(5) {
            0 => format!("ARG {name}"),
            1 | 2 => format!("ARG {name}={value}"),
            3 => format!("ENV {name}={value}"),
            _ => format!("ENV {name} {value}"),
        }
    }

    fn workdir(&mut self) -> String {
        let salt = self.salt;
        match self.chance.below(3) {
            0 => format!("WORKDIR /w{salt}"),
            1 => format!("WORKDIR w{salt}"),
            _ => format!("WORKDIR ${{NEVER:-/v{salt}}}"),
        }
    }

    /// An instruction for the images that are built on this one.
    pub(super) fn trigger(&mut self) {
        let line = format!("ONBUILD {}", self.copy("COPY"));
        self.lines.push(line);
    }

    fn source(&mut self) -> String {
        source(self.chance, self.paths, &self.variables)
    }

    fn flags(&mut self) -> String {
        let mut flags = String::new();
        for (percent, flag) in [
            (9, " --link"),
            (4, " --chmod=755"),
            (3, " --chown=1:1"),
            (2, " --chmod=u+x"),
        ] {
            if self.chance.percent(percent) && !(flag.contains("chmod") && flags.contains("chmod")) {
                flags.push_str(flag);
            }
        }
        flags
    }

    fn destination(&mut self) -> String {
        let number = self.next_number();
        match self.chance.below(20) {
            0..13 => format!("/d{number}/"),
            13..16 => format!("/d{number}"),
            16 | 17 => format!("d{number}/"),
            18 => ".".to_owned(),
            _ => "/".to_owned(),
        }
    }

    fn next_number(&mut self) -> usize {
        self.number += 1;
        self.number
    }
}
