//! `cargo xtask setup`: everything that tests and demo need and a fresh machine lacks.
//!
//! Installs what it can and goes on; what the machine's owner has to add is listed once, at the end. Safe to run again and twice at once.

use clap::Args;
use fastcontainer_lab::{BaseImage, Installed, LabError, Recipe, Tool, Tools, render, say};

use crate::shell::Outcome;

/// Options of `setup`.
#[derive(Args)]
pub(crate) struct Setup {
    /// Also make the big image with compilers (`buildpack-deps:bookworm`).
    #[arg(long)]
    toolchain: bool,
    /// Only what is named so, for example `pulumi` or `image-python`; may be repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
}

/// Installs what the demo needs.
pub(crate) fn for_demo() -> Outcome {
    Setup {
        toolchain: false,
        only: Vec::new(),
    }
    .run()
}

/// Installs what the tests need.
pub(crate) fn for_tests() -> Outcome {
    Setup {
        toolchain: true,
        only: Vec::new(),
    }
    .run()
}

/// Installs what the benchmarks compare with.
pub(crate) fn for_comparison() -> Outcome {
    Setup {
        toolchain: false,
        only: vec![Tool::DockerBuildPeer.recipe().name],
    }
    .run()
}

impl Setup {
    /// Installs what was asked for.
    pub(crate) fn run(&self) -> Outcome {
        let tools = Tools::locate()?;
        say(&format!("tools and base images in {}", tools.root().display()));
        let missing: Vec<String> = self
            .recipes()?
            .iter()
            .filter_map(|recipe| install(&tools, recipe))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(format!("not everything could be set up:\n  {}", missing.join("\n  ")).into())
    }

    fn recipes(&self) -> Result<Vec<Recipe>, String> {
        let optional = self.toolchain || !self.only.is_empty();
        let images = BaseImage::ALL
            .into_iter()
            .filter(|image| optional || !image.is_optional())
            .map(BaseImage::recipe);
        let peer = (!self.only.is_empty()).then_some(Tool::DockerBuildPeer);
        let tools = Tool::ALL.into_iter().chain(peer).map(Tool::recipe);
        let all: Vec<Recipe> = tools.chain(images).collect();
        if let Some(unknown) = self
            .only
            .iter()
            .find(|name| !all.iter().any(|recipe| recipe.name == **name))
        {
            let names: Vec<&str> = all.iter().map(|recipe| recipe.name.as_str()).collect();
            return Err(format!("nothing is called `{unknown}`; there is {}", names.join(", ")));
        }
        Ok(all
            .into_iter()
            .filter(|recipe| self.only.is_empty() || self.only.contains(&recipe.name))
            .collect())
    }
}

/// Installs one recipe; the answer is what went wrong, for the list at the end.
fn install(tools: &Tools, recipe: &Recipe) -> Option<String> {
    match tools.install(recipe) {
        Ok(Installed::Already) => say(&format!("{}: there", recipe.folder())),
        Ok(Installed::Now) => say(&format!("{}: made", recipe.folder())),
        Err(error) => return Some(explain(recipe, &error)),
    }
    None
}

fn explain(recipe: &Recipe, error: &LabError) -> String {
    let verdict = if error.is_missing_prerequisite() {
        "skipped"
    } else {
        "broken"
    };
    let line = format!("{}: {verdict}: {}", recipe.folder(), render(error));
    say(&line);
    line
}
