//! The names of the instructions.
//!
//! Instructions may be written in any case; they are shown in upper case.

/// Declares the instructions with their spelling.
macro_rules! keywords {
    ($($variant:ident $name:literal),+ $(,)?) => {
        /// The instructions of the Dockerfile language.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Keyword {
            $(#[doc = concat!("The instruction `", $name, "`.")] $variant),+
        }

        impl Keyword {
            /// All instructions.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the instruction in upper case.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

keywords! {
    Add "ADD", Arg "ARG", Cmd "CMD", Copy "COPY", Entrypoint "ENTRYPOINT", Env "ENV", Expose "EXPOSE", From "FROM",
    Healthcheck "HEALTHCHECK", Label "LABEL", Maintainer "MAINTAINER", Onbuild "ONBUILD", Run "RUN", Shell "SHELL",
    Stopsignal "STOPSIGNAL", User "USER", Volume "VOLUME", Workdir "WORKDIR",
}

impl Keyword {
    /// Finds an instruction by its name in any case.
    pub(crate) fn find(word: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|keyword| keyword.name().eq_ignore_ascii_case(word))
    }

    pub(crate) fn takes_heredocs(self) -> bool {
        matches!(self, Self::Add | Self::Copy | Self::Run)
    }
}
