//! Reads a Dockerfile as BuildKit's own frontend reads it, without touching disk, network or environment.
//!
//! The provider has eight questions about a Dockerfile before any builder is involved:
//!
//! 1. *Is it valid?* [`Dockerfile::parse`] answers with instructions that know their lines, or with a [`ParseError`]
//!    that names file, line, what was expected and, where one is near, the word that was probably meant.
//! 2. *What counts in the content fingerprint?* [`Resolved::canonical_instructions`] lists what BuildKit would keep of
//!    the stages that a target reaches: no comments, no blank lines, continuation lines joined.
//! 3. *Which images does it pull?* [`Resolved::external_images`] and [`Dockerfile::syntax`].
//! 4. *Which build arguments exist?* [`Dockerfile::declared_args`] and [`is_predefined_arg`].
//! 5. *Which files of the build contexts can a target read?* [`Resolved::reads`], with what the builder will ask for.
//! 6. *Which step runs first?* [`Resolved::steps`] and [`step_keys`].
//! 7. *Which secrets do its steps mount?* [`Resolved::secret_mounts`].
//! 8. *Whose programs does it run?* [`Resolved::run_platforms`].
//!
//! The way through the code is the way of the text: [`parse`](Dockerfile::parse) walks physical lines (`parser`), reads
//! the leading directives (`directive`), splits a joined line into keyword, flags and arguments (`split`, `flag`,
//! `arguments`, `instruction`), reads heredocs (`heredoc`) and groups instructions into stages (`dockerfile`). What
//! depends on build arguments comes later, in [`Dockerfile::resolve`]: words are expanded (`expand`, `lexer`,
//! `substitution`, `pattern`), bases decided (`from`), names bound to stages, and the stages that the target needs are
//! //! found (`binding`, `resolve`). Questions five to seven take one more walk (`analysis`), which carries variables from
//! instruction to instruction and from stage to stage (`scope`, `stage`, `instructions`, `files`, `path`).
//!
//! The reference for every rule is the frontend's behaviour, also where it looks odd; where this crate is stricter
//! (two stages of one name, two base names that differ in case only) its error says so.

mod analysis;
mod arguments;
mod binding;
mod canonical;
mod directive;
mod dockerfile;
mod error;
mod expand;
mod files;
mod flag;
mod from;
mod frontend;
mod heredoc;
mod instruction;
mod instructions;
mod keyword;
mod lexer;
mod mount;
mod nearest;
mod parser;
mod path;
mod pattern;
mod platform;
mod predefined;
mod reads;
mod reference;
mod resolve;
mod scope;
mod split;
mod stage;
mod step;
mod substitution;

pub use analysis::SecretMount;
pub use arguments::Arguments;
pub use binding::NamedContext;
pub use canonical::Canonical;
pub use directive::{Directive, syntax_of};
pub use dockerfile::{Dockerfile, Stage};
pub use error::{ParseError, Reason};
pub use expand::{ExpandError, expand};
pub use flag::Flag;
pub use heredoc::Heredoc;
pub use instruction::{Instruction, Reference};
pub use keyword::Keyword;
pub use platform::{Platform, PlatformError};
pub use predefined::{is_predefined_arg, platform_args};
pub use reads::{Extent, FollowPaths, Reads, Source, Undecided, Why};
pub use reference::context_key;
pub use resolve::{ImageUse, ResolveRequest, Resolved, RunUse};
pub use step::{Step, StepInput, StepKind, StepMaterial, step_keys};
