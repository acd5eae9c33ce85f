//! A set of any size in a fixed number of cells, from which a small set can be read back.
//!
//! An invertible Bloom lookup table without counters: each element is XORed into four cells together with a checksum.
//! Adding an element twice removes it, so that adding today's set to yesterday's leaves the elements that differ. A cell
//! that holds one element alone shows it by its checksum; taking that element out of its other cells uncovers more.
//! Which side an element is from is not kept here: who knows today's set knows it.
//!
//! Refuses to guess. A set is given out only if every cell is empty afterwards and an eight-byte checksum of the whole
//! set is used up too; anything else is `None`.

use std::collections::BTreeSet;

use super::element::{Element, SIZE};

/// The number of cells: enough for about 120 elements, which are 60 modified files.
pub(super) const CELLS: usize = 192;
/// In how many cells an element stands.
const POSITIONS: usize = 4;
const CHECKSUM: usize = 3;
/// Length of a cell in bytes.
const CELL: usize = SIZE + CHECKSUM;
const GUARD: usize = 8;
/// Length of the serialised form in bytes.
const LENGTH: usize = GUARD + CELLS * CELL;

const SALT_GUARD: u64 = 1;
const SALT_CHECKSUM: u64 = 2;
const SALT_POSITIONS: u64 = 3;

/// A set of elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cells {
    /// XOR of a hash of each element.
    guard: u64,
    cells: Vec<[u8; CELL]>,
}

impl Cells {
    pub(super) fn of(elements: impl Iterator<Item = Element>) -> Self {
        let mut cells = Self {
            guard: 0,
            cells: vec![[0; CELL]; CELLS],
        };
        elements.for_each(|element| cells.toggle(element));
        cells
    }

    /// Puts an element in, or takes it out if it is there.
    pub(super) fn toggle(&mut self, element: Element) {
        self.guard ^= element.hash(SALT_GUARD);
        let filling = filling(element);
        for position in positions(element) {
            self.cells[position]
                .iter_mut()
                .zip(filling)
                .for_each(|(byte, with)| *byte ^= with);
        }
    }

    /// The elements, if they are few enough to be told apart.
    pub(super) fn decode(mut self) -> Option<BTreeSet<Element>> {
        let mut found = BTreeSet::new();
        let mut open: Vec<usize> = (0..CELLS).collect();
        // A cell that only looks as if it held one element can make the search run in a circle.
        let mut steps_left = CELLS * 8;
        while let Some(position) = open.pop() {
            steps_left = steps_left.checked_sub(1)?;
            let Some(element) = self.alone(position) else { continue };
            if !found.insert(element) {
                found.remove(&element);
            }
            self.toggle(element);
            open.extend(positions(element));
        }
        let empty = self.guard == 0 && self.cells.iter().flatten().all(|byte| *byte == 0);
        empty.then_some(found)
    }

    /// The element that stands alone in a cell.
    fn alone(&self, position: usize) -> Option<Element> {
        let cell = &self.cells[position];
        let element = Element(std::array::from_fn(|at| cell[at]));
        let holds = *cell == filling(element) && positions(element).contains(&position);
        holds.then_some(element)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        [&self.guard.to_le_bytes()[..], self.cells.as_flattened()].concat()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (guard, cells) = bytes.split_first_chunk::<GUARD>()?;
        let (cells, rest) = cells.as_chunks::<CELL>();
        (bytes.len() == LENGTH && rest.is_empty()).then(|| Self {
            guard: u64::from_le_bytes(*guard),
            cells: cells.to_vec(),
        })
    }
}

/// What an element alone makes of a cell.
fn filling(element: Element) -> [u8; CELL] {
    let checksum = element.hash(SALT_CHECKSUM).to_le_bytes();
    std::array::from_fn(|at| match at.checked_sub(SIZE) {
        Some(at) => checksum[at],
        None => element.0[at],
    })
}

/// The cells of an element, all different.
fn positions(element: Element) -> [usize; POSITIONS] {
    let mut positions = [usize::MAX; POSITIONS];
    let (mut filled, mut salt) = (0, SALT_POSITIONS);
    while filled < POSITIONS {
        for part in element.hash(salt).to_le_bytes().as_chunks::<2>().0 {
            let position = (usize::from(u16::from_le_bytes(*part)) * CELLS) >> 16;
            if filled < POSITIONS && !positions.contains(&position) {
                positions[filled] = position;
                filled += 1;
            }
        }
        salt += 1;
    }
    positions
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random elements: the hash of a counter, twice.
    fn random(seed: u64, count: u64) -> Vec<Element> {
        let element = |at: u64| {
            let counter = Element(std::array::from_fn(|byte| {
                (seed << 20 | at).to_le_bytes().get(byte).copied().unwrap_or_default()
            }));
            let halves = [counter.hash(100).to_le_bytes(), counter.hash(200).to_le_bytes()].concat();
            Element(std::array::from_fn(|byte| halves[byte]))
        };
        (0..count).map(element).collect()
    }

    /// How many of `trials` sets of `count` elements are read back. A wrong answer fails at once.
    fn decoded(count: u64, trials: u64) -> u64 {
        let right = |seed| {
            let elements = random(seed * 1000 + count, count);
            let answer = Cells::of(elements.iter().copied()).decode();
            if let Some(answer) = &answer {
                assert_eq!(*answer, elements.into_iter().collect(), "seed {seed}, {count} elements");
            }
            answer.is_some()
        };
        (0..trials).filter(|seed| right(*seed)).count() as u64
    }

    #[test]
    fn up_to_120_elements_are_read_back_nearly_always() {
        for (count, at_least) in [(1, 500), (20, 499), (60, 499), (100, 498), (120, 497)] {
            let found = decoded(count, 500);
            assert!(found >= at_least, "{count} elements: {found} of 500");
        }
    }

    #[test]
    fn too_many_elements_give_no_answer_rather_than_a_wrong_one() {
        let rates: Vec<_> = [140, 160, 200, 400].map(|count| decoded(count, 200)).into();
        assert!(rates[0] > 100, "{rates:?}");
        assert!(rates[1] < 20 && rates[2..] == [0, 0], "{rates:?}");
    }

    #[test]
    fn a_damaged_cell_gives_no_answer() {
        let cells = Cells::of(random(1, 50).into_iter());
        let bytes = cells.to_bytes();
        for at in (0..bytes.len()).step_by(19) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(Cells::from_bytes(&damaged).and_then(Cells::decode), None, "byte {at}");
        }
    }
}
