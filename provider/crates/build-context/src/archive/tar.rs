//! Headers of a tar archive, in the form that every tar reads.
//!
//! The GNU format: ustar's fields, an extra entry before one whose name or link is longer than a field, and sizes in
//! base 256 where octal digits do not suffice. The other way to write long names, that of pax, is read by GNU tar and not
//! by busybox.
//!
//! Writes what is constant as constant: times are the epoch, the owner is root.

/// Length of a block, of which everything in an archive is a multiple.
const BLOCK: usize = 512;

/// The end of an archive.
pub(super) const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

const ZEROS: [u8; BLOCK] = [0; BLOCK];

const NAME: usize = 100;
const MODE_AT: usize = 100;
const OWNER_AT: usize = 108;
const GROUP_AT: usize = 116;
const SIZE_AT: usize = 124;
const TIME_AT: usize = 136;
const SUM_AT: usize = 148;
const TYPE_AT: usize = 156;
const LINK_AT: usize = 157;
const MAGIC_AT: usize = 257;

/// Name of the entries that carry a long name.
const LONG: &str = "././@LongLink";

/// What an entry is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind<'a> {
    Directory,
    File { executable: bool },
    Symlink { target: &'a str },
}

impl Kind<'_> {
    fn mode(self) -> u64 {
        match self {
            Self::File { executable: false } => 0o644,
            Self::Directory | Self::File { executable: true } => 0o755,
            Self::Symlink { .. } => 0o777,
        }
    }

    fn type_flag(self) -> u8 {
        match self {
            Self::File { .. } => b'0',
            Self::Symlink { .. } => b'2',
            Self::Directory => b'5',
        }
    }
}

/// An entry, without its content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header<'a> {
    /// A directory's ends with `/`.
    pub(super) path: &'a str,
    pub(super) kind: Kind<'a>,
    pub(super) size: u64,
}

impl Header<'_> {
    /// The blocks before the content.
    pub(super) fn blocks(&self) -> Vec<u8> {
        let link = match self.kind {
            Kind::Symlink { target } => target,
            _ => "",
        };
        let mut blocks = Vec::with_capacity(BLOCK);
        for (text, type_flag) in [(link, b'K'), (self.path, b'L')] {
            if text.len() > NAME {
                append_long(&mut blocks, text.as_bytes(), type_flag);
            }
        }
        let mut block = block(self.path.as_bytes(), self.kind.mode(), self.size, self.kind.type_flag());
        put(&mut block, LINK_AT, &link.as_bytes()[..link.len().min(NAME)]);
        seal(&mut block);
        blocks.extend_from_slice(&block);
        blocks
    }
}

/// The zeros after a content of `size` bytes.
pub(super) fn padding(size: u64) -> &'static [u8] {
    let over = (size % BLOCK as u64) as usize;
    if over == 0 { &[] } else { &ZEROS[over..] }
}

/// An entry whose content is the text, with a zero at its end.
fn append_long(blocks: &mut Vec<u8>, text: &[u8], type_flag: u8) {
    let size = text.len() as u64 + 1;
    let mut header = block(LONG.as_bytes(), 0o644, size, type_flag);
    seal(&mut header);
    blocks.extend_from_slice(&header);
    blocks.extend_from_slice(text);
    blocks.push(0);
    blocks.extend_from_slice(padding(size));
}

fn block(path: &[u8], mode: u64, size: u64, type_flag: u8) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    put(&mut block, 0, &path[..path.len().min(NAME)]);
    put(&mut block, MODE_AT, &octal::<7>(mode));
    put(&mut block, OWNER_AT, &octal::<7>(0));
    put(&mut block, GROUP_AT, &octal::<7>(0));
    put(&mut block, SIZE_AT, &size_field(size));
    put(&mut block, TIME_AT, &octal::<11>(0));
    block[TYPE_AT] = type_flag;
    put(&mut block, MAGIC_AT, b"ustar  \0");
    block
}

fn put(block: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    block[at..at + bytes.len()].copy_from_slice(bytes);
}

fn octal<const DIGITS: usize>(mut number: u64) -> [u8; DIGITS] {
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit += (number % 8) as u8;
        number /= 8;
    }
    digits
}

/// Eleven octal digits, or base 256 from 8 GiB on.
fn size_field(size: u64) -> [u8; 12] {
    let mut field = [0; 12];
    if size >> 33 == 0 {
        field[..11].copy_from_slice(&octal::<11>(size));
    } else {
        field[0] = 0x80;
        field[4..].copy_from_slice(&size.to_be_bytes());
    }
    field
}

/// Writes the sum of all bytes, for which its own field counts as spaces.
fn seal(block: &mut [u8; BLOCK]) {
    put(block, SUM_AT, b"        ");
    let sum = block.iter().map(|byte| u64::from(*byte)).sum();
    put(block, SUM_AT, &octal::<6>(sum));
    put(block, SUM_AT + 6, b"\0 ");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_from_eight_gibibytes_on_is_in_base_256() {
        assert_eq!(&size_field((1 << 33) - 1), b"77777777777\0");
        assert_eq!(size_field(1 << 33), [0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]);
    }

    #[test]
    fn content_is_filled_up_to_whole_blocks() {
        let lengths = [0, 1, 511, 512, 513].map(|size| padding(size).len());
        assert_eq!(lengths, [0, 511, 1, 0, 511]);
    }
}
