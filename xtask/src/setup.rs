//! `cargo xtask setup`: everything that tests and demo need and a fresh machine lacks.
//!
//! Installs what it can and goes on; what the machine's owner has to add is listed once, at the end. Safe to run again and twice at once.

use std::sync::{Mutex, PoisonError};
use std::thread;

use clap::Args;
use fastcontainer_lab::{BaseImage, Installed, LabError, Recipe, Tool, Tools, render, say};

use crate::shell::Outcome;

/// What base images are made with.
const FOUNDATIONS: [Tool; 2] = [Tool::Authority, Tool::Debian];

/// Recipes that are installed side by side: packages download and unpack on one core while Go compiles on all of them.
const AT_ONCE: usize = 2;

/// Options of `setup`.
#[derive(Args)]
pub(crate) struct Setup {
    /// Also make the base images that only tests need: languages, compilers, Lambda.
    #[arg(long)]
    all_images: bool,
    /// Only what is named so, for example `pulumi` or `image-python`; may be repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
}

/// Installs what the demo needs.
pub(crate) fn for_demo() -> Outcome {
    Setup {
        all_images: false,
        only: Vec::new(),
    }
    .run()
}

/// Installs what the tests need.
pub(crate) fn for_tests() -> Outcome {
    Setup {
        all_images: true,
        only: Vec::new(),
    }
    .run()
}

/// Installs what the benchmarks compare with.
pub(crate) fn for_comparison() -> Outcome {
    Setup {
        all_images: false,
        only: vec![Tool::DockerBuildPeer.recipe().name],
    }
    .run()
}

/// Installs what releases are compiled with.
pub(crate) fn for_release() -> Outcome {
    Setup {
        all_images: false,
        only: vec![Tool::Zig.recipe().name],
    }
    .run()
}

impl Setup {
    /// Installs what was asked for.
    pub(crate) fn run(&self) -> Outcome {
        let tools = Tools::locate()?;
        say(&format!("tools and base images in {}", tools.root().display()));
        let foundations = FOUNDATIONS.map(|tool| tool.recipe().name);
        let (first, rest): (Vec<_>, Vec<_>) = self
            .recipes()?
            .into_iter()
            .partition(|recipe| foundations.contains(&recipe.name));
        let mut missing = install_all(&tools, &first, 1);
        missing.extend(install_all(&tools, &rest, AT_ONCE));
        if missing.is_empty() {
            return Ok(());
        }
        Err(format!("not everything could be set up:\n  {}", missing.join("\n  ")).into())
    }

    fn recipes(&self) -> Result<Vec<Recipe>, String> {
        let optional = self.all_images || !self.only.is_empty();
        let images = BaseImage::ALL
            .into_iter()
            .filter(|image| optional || !image.is_optional())
            .map(BaseImage::recipe);
        let on_demand = Tool::ON_DEMAND.into_iter().filter(|_| !self.only.is_empty());
        let tools = Tool::ALL.into_iter().chain(on_demand).map(Tool::recipe);
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

/// Installs recipes, `at_once` side by side; the answer is what went wrong.
fn install_all(tools: &Tools, recipes: &[Recipe], at_once: usize) -> Vec<String> {
    let waiting = Mutex::new(recipes.iter());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let worker = || -> Vec<String> {
        std::iter::from_fn(next)
            .filter_map(|recipe| install(tools, recipe))
            .collect()
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
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
