//! Compression whose output depends on the input alone.
//!
//! Follows RFC 1952, with a header that names no file, no time and no system, and with one compressor at one level. That
//! compressor is named directly, because the usual wrapper's choice depends on what else is in the build. Input reaches it
//! in blocks of one size, whatever pieces it comes in.

use std::io::{self, Write};

use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::deflate::stream::deflate;
use miniz_oxide::{MZError, MZFlush, MZStatus};
use sha2::{Digest, Sha256};

const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];

/// The fastest.
const LEVEL: i32 = 1;

/// A negative number means that the stream has no header of zlib's own.
const RAW: i32 = -15;

const BLOCK: usize = 64 * 1024;

/// A compressed stream under way, with the digest of what came out.
pub(super) struct Gzip<W: Write> {
    writer: W,
    compressor: Box<CompressorOxide>,
    waiting: Vec<u8>,
    output: Vec<u8>,
    checksum: crc32fast::Hasher,
    length: u32,
    sha256: Sha256,
    written: u64,
}

impl<W: Write> Gzip<W> {
    pub(super) fn new(writer: W) -> Self {
        let flags = create_comp_flags_from_zip_params(LEVEL, RAW, 0);
        Self {
            writer,
            compressor: Box::new(CompressorOxide::new(flags)),
            waiting: Vec::with_capacity(BLOCK),
            output: vec![0; 2 * BLOCK],
            checksum: crc32fast::Hasher::new(),
            length: 0,
            sha256: Sha256::new(),
            written: 0,
        }
    }

    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - self.waiting.len()));
            self.waiting.extend_from_slice(now);
            bytes = later;
            if self.waiting.len() == BLOCK {
                self.compress(MZFlush::None)?;
            }
        }
        Ok(())
    }

    /// Ends the stream; gives SHA-256 and length of everything that was written.
    pub(super) fn finish(mut self) -> io::Result<([u8; 32], u64)> {
        self.compress(MZFlush::Finish)?;
        let checksum = self.checksum.clone().finalize();
        let trailer = [checksum.to_le_bytes(), self.length.to_le_bytes()];
        self.put(trailer.as_flattened())?;
        self.writer.flush()?;
        Ok((self.sha256.finalize().into(), self.written))
    }

    fn compress(&mut self, flush: MZFlush) -> io::Result<()> {
        if self.written == 0 {
            self.put(&HEADER)?;
        }
        let input = std::mem::take(&mut self.waiting);
        self.checksum.update(&input);
        // The length counts modulo 2^32.
        self.length = self.length.wrapping_add(input.len() as u32);
        let mut output = std::mem::take(&mut self.output);
        let mut left = input.as_slice();
        loop {
            let step = deflate(&mut self.compressor, left, &mut output, flush);
            left = &left[step.bytes_consumed..];
            self.put(&output[..step.bytes_written])?;
            match step.status {
                Ok(MZStatus::StreamEnd) => break,
                // Nothing in and nothing out: all of the input is inside.
                Ok(_) | Err(MZError::Buf) if flush == MZFlush::None && left.is_empty() => break,
                Ok(_) => {}
                Err(error) => return Err(io::Error::other(format!("compression failed: {error:?}"))),
            }
        }
        (self.waiting, self.output) = (input, output);
        self.waiting.clear();
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)?;
        self.sha256.update(bytes);
        self.written += bytes.len() as u64;
        Ok(())
    }
}
