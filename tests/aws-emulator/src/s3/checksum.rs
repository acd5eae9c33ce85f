//! The checksums that S3 keeps with objects: CRC32, CRC32C, CRC64NVME, SHA-1 and SHA-256.
//!
//! Every object has exactly one; where the client gives none it is CRC64NVME. Other algorithms are refused. Follows
//! "Checking object integrity" of the S3 user guide.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use http::HeaderMap;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::S3Error;

/// A checksum algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

/// How the checksum of an object in parts is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coverage {
    /// Over all bytes.
    FullObject,
    /// Over the checksums of the parts.
    Composite,
}

/// The checksum of an object or part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Checksum {
    pub(super) algorithm: Algorithm,
    pub(super) coverage: Coverage,
    pub(super) bytes: Vec<u8>,
    /// Number of parts below a composite one.
    pub(super) parts: Option<usize>,
}

/// A computation under way.
pub(super) enum Hasher {
    Crc(Algorithm, crc_fast::Digest),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Algorithm {
    const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// Name in members such as `ChecksumSHA256`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// Finds an algorithm by its name, in any case.
    pub(super) fn parse(name: &str) -> Result<Self, S3Error> {
        let found = Self::ALL
            .into_iter()
            .find(|known| known.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            S3Error::InvalidRequest(format!(
                "Checksum algorithm provided is unsupported: {name}. Please try again with any of the valid types: \
                 [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]"
            ))
        })
    }

    /// Name of the header that carries the value.
    pub(super) fn header(self) -> String {
        format!("x-amz-checksum-{}", self.name().to_ascii_lowercase())
    }

    /// Name of the XML member that carries the value.
    pub(super) fn member(self) -> String {
        format!("Checksum{}", self.name())
    }

    /// Whether a checksum over all bytes follows from those of the parts.
    pub(super) fn combines(self) -> bool {
        self.crc().is_some()
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }

    fn length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// Reads a value from its base64.
    pub(super) fn decode(self, text: &str) -> Result<Vec<u8>, S3Error> {
        let bytes = STANDARD.decode(text).ok().filter(|bytes| bytes.len() == self.length());
        bytes.ok_or_else(|| S3Error::InvalidRequest(format!("Value for {} header is invalid.", self.header())))
    }

    /// Starts a computation.
    pub(super) fn hasher(self) -> Hasher {
        match (self.crc(), self) {
            (Some(crc), _) => Hasher::Crc(self, crc_fast::Digest::new(crc)),
            (None, Self::Sha1) => Hasher::Sha1(Sha1::new()),
            (None, _) => Hasher::Sha256(Sha256::new()),
        }
    }

    /// Makes the checksum of an object from those of its parts, each with its size.
    pub(super) fn join(self, coverage: Coverage, parts: &[(Vec<u8>, u64)]) -> Checksum {
        let (bytes, count) = match (coverage, self.crc()) {
            (Coverage::FullObject, Some(crc)) => {
                let joined = parts.iter().fold(None, |before, (bytes, size)| {
                    let value = number(bytes);
                    Some(before.map_or(value, |before| crc_fast::checksum_combine(crc, before, value, *size)))
                });
                (self.crc_bytes(joined.unwrap_or_default()), None)
            }
            _ => {
                let mut hasher = self.hasher();
                for (bytes, _) in parts {
                    hasher.update(bytes);
                }
                (hasher.finish(), Some(parts.len()))
            }
        };
        Checksum {
            algorithm: self,
            coverage,
            bytes,
            parts: count,
        }
    }

    fn crc_bytes(self, value: u64) -> Vec<u8> {
        value.to_be_bytes()[8 - self.length()..].to_vec()
    }
}

impl Hasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc(_, digest) => digest.update(bytes),
            Self::Sha1(digest) => digest.update(bytes),
            Self::Sha256(digest) => digest.update(bytes),
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        match self {
            Self::Crc(algorithm, digest) => algorithm.crc_bytes(digest.finalize()),
            Self::Sha1(digest) => digest.finalize().to_vec(),
            Self::Sha256(digest) => digest.finalize().to_vec(),
        }
    }
}

impl Checksum {
    /// Returns the value as it travels.
    pub(super) fn text(&self) -> String {
        let text = STANDARD.encode(&self.bytes);
        match self.parts {
            Some(parts) => format!("{text}-{parts}"),
            None => text,
        }
    }

    /// Name of the coverage in headers and members.
    pub(super) fn kind(&self) -> &'static str {
        self.coverage.name()
    }
}

impl Coverage {
    /// Name in headers and members.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }

    /// Finds a coverage by its name.
    pub(super) fn parse(name: &str) -> Result<Self, S3Error> {
        match name {
            "FULL_OBJECT" => Ok(Self::FullObject),
            "COMPOSITE" => Ok(Self::Composite),
            _ => Err(S3Error::InvalidRequest(
                "Value for x-amz-checksum-type header is invalid.".to_owned(),
            )),
        }
    }
}

/// Finds the one checksum header of a request.
pub(super) fn in_headers(headers: &HeaderMap) -> Result<Option<(Algorithm, Vec<u8>)>, S3Error> {
    let mut found = None;
    for (name, value) in headers {
        let Some(algorithm) = name.as_str().strip_prefix("x-amz-checksum-") else {
            continue;
        };
        if matches!(algorithm, "algorithm" | "type" | "mode") {
            continue;
        }
        let algorithm = Algorithm::parse(algorithm)?;
        if found.is_some() {
            return Err(S3Error::InvalidRequest(
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.".to_owned(),
            ));
        }
        found = Some((algorithm, algorithm.decode(value.to_str().unwrap_or_default())?));
    }
    Ok(found)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(algorithm: Algorithm, bytes: &[u8]) -> Vec<u8> {
        let mut hasher = algorithm.hasher();
        hasher.update(bytes);
        hasher.finish()
    }

    #[test]
    fn published_check_values_are_met() {
        for (algorithm, expected) in [
            (Algorithm::Crc32, "cbf43926"),
            (Algorithm::Crc32c, "e3069283"),
            (Algorithm::Crc64Nvme, "ae8b14860a799888"),
            (Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
        ] {
            assert_eq!(hex::encode(hash(algorithm, b"123456789")), expected, "{algorithm:?}");
        }
    }

    #[test]
    fn joined_crcs_are_those_of_all_bytes() {
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
            let parts = [(hash(algorithm, b"1234"), 4), (hash(algorithm, b"56789"), 5)];
            let joined = algorithm.join(Coverage::FullObject, &parts);
            assert_eq!(joined.bytes, hash(algorithm, b"123456789"), "{algorithm:?}");
        }
    }
}
