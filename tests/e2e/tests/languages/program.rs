//! A project whose program is written in a general-purpose language, and the stack that finds what the program needs.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;

use e2e::{Project, Stack};
use sdk::{Go, Node, Python, alone, example};

/// What the examples push to.
const REPOSITORY: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/api";

/// Dockerfile of the image in the examples.
const DOCKERFILE: &str = "FROM busybox:1.36\nARG VERSION\nWORKDIR /app\nRUN echo \"$VERSION\" >version\nCOPY . .\n";

/// A language whose programs a language host runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Node,
    Python,
    Go,
}

impl Language {
    fn runtime(self) -> &'static str {
        match self {
            Self::Node => "nodejs",
            Self::Python => "python",
            Self::Go => "go",
        }
    }

    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::Node => "index.ts",
            Self::Python => "__main__.py",
            Self::Go => "main.go",
        }
    }
}

/// A project with the sources of an image in `api/`, and its stack.
pub(crate) struct Program {
    pub(crate) project: Project,
    pub(crate) dev: Stack,
    language: Language,
}

impl Program {
    /// A project whose program is the example `name`.
    pub(crate) fn example(language: Language, name: &str) -> Self {
        let fact = format!("program-{}", language.runtime());
        let project = sources(&fact);
        let runtime = language.runtime();
        project.write(
            "Pulumi.yaml",
            &format!("name: {}\nruntime: {runtime}\n", project.name()),
        );
        let dev = Stack::init(project.path(), "dev");
        let dev = install(language, &project, dev);
        let program = Self { project, dev, language };
        program.become_example(name, &[]);
        program
    }

    /// Replaces the program by an example, in which texts are replaced.
    pub(crate) fn become_example(&self, name: &str, changes: &[(&str, &str)]) {
        let text = example(name, self.language.file());
        let mut text = text.replace(REPOSITORY, &self.project.repository("api"));
        for (from, to) in changes {
            assert!(text.contains(from), "no `{from}` in {text}");
            text = text.replace(from, to);
        }
        self.project.write(self.language.file(), &text);
    }
}

/// A project without a program.
pub(crate) fn sources(fact: &str) -> Project {
    let project = Project::new(fact, "");
    project.write("api/Dockerfile", DOCKERFILE);
    project.write("api/src.txt", "one");
    project
}

fn install(language: Language, project: &Project, stack: Stack) -> Stack {
    let _alone = alone();
    match language {
        Language::Node => {
            let node = Node::install();
            for file in ["package.json", "node_modules"] {
                symlink(node.project().join(file), project.at(file)).expect("link");
            }
            project.write("tsconfig.json", "{\"compilerOptions\": {\"strict\": true}}\n");
            // The tests of the packages check the types of the same programs.
            stack.with("PULUMI_NODEJS_TRANSPILE_ONLY", "true")
        }
        Language::Python => {
            let programs = Python::install().environment().join("bin");
            let path = env::var("PATH").expect("PATH");
            stack.with("PATH", &format!("{}:{path}", programs.display()))
        }
        Language::Go => {
            let module = Go::install();
            for file in ["go.mod", "go.sum"] {
                fs::copy(module.project().join(file), project.at(file)).expect("module");
            }
            stack
        }
    }
}
