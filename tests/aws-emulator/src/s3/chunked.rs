//! The `aws-chunked` content coding: chunks with sizes, perhaps with signatures, perhaps with a trailer.
//!
//! A decoder takes the body as it comes and gives the content out; it verifies chunk signatures as a chain that starts
//! at the request's own. Follows "Signature calculations: transferring payload in multiple chunks" of the S3 API
//! reference.

use sha2::{Digest as _, Sha256};

use super::S3Error;
use crate::aws::{SignatureChain, SignatureError, hmac_sha256};

const LONGEST_LINE: usize = 4096;
/// Every chunk but the last has at least this size.
const SMALLEST_CHUNK: u64 = 8 * 1024;
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

enum State {
    /// In the line before a chunk.
    Size,
    /// Inside of a chunk, with so many bytes to come.
    Data(u64),
    /// Between a chunk and its line end, with so many bytes of that to come.
    DataEnd(u8),
    /// In the lines after the last chunk.
    Trailer,
    Done,
}

/// Takes an `aws-chunked` body apart.
pub(super) struct Decoder {
    state: State,
    /// Absent where chunks are not signed.
    chain: Option<SignatureChain>,
    line: Vec<u8>,
    /// Signature and hash of the chunk under way.
    signature: String,
    hash: Sha256,
    /// Whether a chunk below the smallest size has come, which must be the last.
    short: bool,
    trailer: Vec<(String, String)>,
}

impl Decoder {
    /// A decoder for chunks that are signed along `chain`, or not signed.
    pub(super) fn new(chain: Option<SignatureChain>) -> Self {
        Self {
            state: State::Size,
            chain,
            line: Vec::new(),
            signature: String::new(),
            hash: Sha256::new(),
            short: false,
            trailer: Vec::new(),
        }
    }

    /// Takes bytes of the body; returns the next piece of content and how many bytes were used.
    pub(super) fn next<'a>(&mut self, input: &'a [u8]) -> Result<(&'a [u8], usize), S3Error> {
        match self.state {
            State::Data(remaining) => {
                let length = usize::try_from(remaining).unwrap_or(usize::MAX).min(input.len());
                let content = &input[..length];
                if self.chain.is_some() {
                    self.hash.update(content);
                }
                let remaining = remaining - length as u64;
                self.state = if remaining == 0 {
                    State::DataEnd(2)
                } else {
                    State::Data(remaining)
                };
                Ok((content, length))
            }
            State::DataEnd(left) => {
                let expected = if left == 2 { b'\r' } else { b'\n' };
                if input.first() != Some(&expected) {
                    return Err(S3Error::BadChunk("its data is longer than its size"));
                }
                self.state = State::DataEnd(1);
                if left == 1 {
                    self.check_chunk()?;
                    self.state = State::Size;
                }
                Ok((&[], 1))
            }
            State::Size | State::Trailer => {
                let used = input
                    .iter()
                    .position(|byte| *byte == b'\n')
                    .map_or(input.len(), |at| at + 1);
                self.line.extend_from_slice(&input[..used]);
                if self.line.len() > LONGEST_LINE {
                    return Err(S3Error::BadChunk("a line is too long"));
                }
                if self.line.ends_with(b"\n") {
                    self.take_line()?;
                }
                Ok((&[], used))
            }
            State::Done => Err(S3Error::BadChunk("something follows the last one")),
        }
    }

    /// Ends the body and returns the trailer's members.
    pub(super) fn finish(mut self) -> Result<Vec<(String, String)>, S3Error> {
        // Some clients leave the empty line after the last chunk out.
        if matches!(self.state, State::Trailer) && self.line.is_empty() {
            self.check_trailer()?;
            self.state = State::Done;
        }
        match self.state {
            State::Done => Ok(self.trailer),
            _ => Err(S3Error::IncompleteBody),
        }
    }

    fn take_line(&mut self) -> Result<(), S3Error> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8(line).map_err(|_| S3Error::BadChunk("a line is not text"))?;
        let line = line.trim_end_matches(['\r', '\n']);
        if !matches!(self.state, State::Trailer) {
            return self.begin_chunk(line);
        }
        if line.is_empty() {
            self.check_trailer()?;
            self.state = State::Done;
        } else {
            let (name, value) = line.split_once(':').ok_or(S3Error::BadTrailer)?;
            self.trailer
                .push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(())
    }

    fn begin_chunk(&mut self, line: &str) -> Result<(), S3Error> {
        let (size, extension) = line.split_once(';').unwrap_or((line, ""));
        let size = u64::from_str_radix(size.trim(), 16).map_err(|_| S3Error::BadChunk("its size is not a number"))?;
        self.signature = match (&self.chain, extension.trim().strip_prefix("chunk-signature=")) {
            (Some(_), Some(signature)) => signature.to_owned(),
            (Some(_), None) => return Err(S3Error::BadChunk("it is not signed")),
            (None, _) => String::new(),
        };
        self.hash = Sha256::new();
        if size == 0 {
            self.check_chunk()?;
            self.state = State::Trailer;
            return Ok(());
        }
        if self.short {
            return Err(S3Error::BadChunk("only the last one may have less than 8192 bytes"));
        }
        self.short = size < SMALLEST_CHUNK;
        self.state = State::Data(size);
        Ok(())
    }

    fn check_chunk(&mut self) -> Result<(), S3Error> {
        let hash = hex::encode(std::mem::take(&mut self.hash).finalize());
        let signature = std::mem::take(&mut self.signature);
        self.check("PAYLOAD", &format!("{EMPTY_SHA256}\n{hash}"), signature)
    }

    /// A signed trailer ends with its signature over the other members.
    fn check_trailer(&mut self) -> Result<(), S3Error> {
        if self.chain.is_none() || self.trailer.is_empty() {
            return Ok(());
        }
        let at = self
            .trailer
            .iter()
            .position(|(name, _)| name == "x-amz-trailer-signature");
        let (_, signature) = self.trailer.remove(at.ok_or(S3Error::BadTrailer)?);
        let members: String = self
            .trailer
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        self.check("TRAILER", &hex::encode(Sha256::digest(members)), signature)
    }

    fn check(&mut self, kind: &str, hashes: &str, signature: String) -> Result<(), S3Error> {
        let Some(chain) = &mut self.chain else {
            return Ok(());
        };
        let to_sign = format!(
            "AWS4-HMAC-SHA256-{kind}\n{}\n{}\n{}\n{hashes}",
            chain.date, chain.scope, chain.previous
        );
        if hex::encode(hmac_sha256(&chain.key, to_sign.as_bytes())) != signature {
            return Err(SignatureError::Mismatch.into());
        }
        chain.previous = signature;
        Ok(())
    }
}
