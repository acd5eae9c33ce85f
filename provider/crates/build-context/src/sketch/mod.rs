//! What a context held, in at most 2.7 KB: enough to name the files that change until the next build.
//!
//! A context of up to 240 entries is kept as the list of its elements, eleven bytes each, and every later change of it
//! can be told. A larger one is kept in a fixed number of cells, from which about 60 changed files, whichever they are,
//! can be told among any number of unchanged ones; beyond that [`Directories`] still say where to look. Names are never
//! kept: they come from today's entries.
//!
//! Refuses to decide anything. A sketch explains what digests have decided, and where it is not sure it has no answer.

mod cells;
mod difference;
mod directories;
mod element;

use std::collections::BTreeSet;

use cells::Cells;
pub use difference::{DeletedIn, Difference};
pub use directories::{ChangedDirectories, Directories};
use element::{Element, SIZE, elements};

use crate::entry::Entry;

/// Up to this many entries a list is smaller than the cells.
const LISTED: usize = 240;
/// Version of the serialised form, and which of the two forms follows.
const LIST_VERSION_1: u8 = 0x01;
const CELLS_VERSION_1: u8 = 0x41;

/// What a context held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch(Form);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    List(BTreeSet<Element>),
    Cells(Cells),
}

impl Sketch {
    /// The sketch of a context; the order of its entries does not matter.
    #[must_use]
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let elements: Vec<Element> = elements(entries).map(|(element, _)| element).collect();
        Self(if elements.len() > LISTED {
            Form::Cells(Cells::of(elements.into_iter()))
        } else {
            Form::List(elements.into_iter().collect())
        })
    }

    /// What differs in `today`. `None` when the two have too little in common.
    #[must_use]
    pub fn difference<'a>(&self, today: impl IntoIterator<Item = &'a Entry>) -> Option<Difference> {
        let today: Vec<_> = elements(today).collect();
        let now = today.iter().map(|(element, _)| *element);
        let differing = match &self.0 {
            Form::List(old) => old.symmetric_difference(&now.collect()).copied().collect(),
            Form::Cells(old) => {
                let mut rest = old.clone();
                now.for_each(|element| rest.toggle(element));
                rest.decode()?
            }
        };
        Some(Difference::tell(&differing, &today))
    }

    /// The serialised form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match &self.0 {
            Form::List(elements) => {
                let bytes = elements.iter().flat_map(|element| element.0);
                std::iter::once(LIST_VERSION_1).chain(bytes).collect()
            }
            Form::Cells(cells) => [&[CELLS_VERSION_1], &cells.to_bytes()[..]].concat(),
        }
    }

    /// Reads the serialised form; `None` for anything that [`Self::to_bytes`] cannot have written.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (version, body) = bytes.split_first()?;
        Some(Self(match *version {
            LIST_VERSION_1 => Form::List(read_list(body)?),
            CELLS_VERSION_1 => Form::Cells(Cells::from_bytes(body)?),
            _ => return None,
        }))
    }
}

fn read_list(body: &[u8]) -> Option<BTreeSet<Element>> {
    let (elements, rest) = body.as_chunks::<SIZE>();
    let sorted = elements.is_sorted_by(|a, b| a < b);
    (rest.is_empty() && sorted && elements.len() <= LISTED).then(|| elements.iter().copied().map(Element).collect())
}
