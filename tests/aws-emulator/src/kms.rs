//! KMS: Encrypt and Decrypt with symmetric keys, each of which is there as soon as somebody names it.
//!
//! A key follows from the emulator's secret and its own ARN, so what it encrypted is readable after a restart. A
//! ciphertext names its key and is bound to it and to the encryption context. Follows the API model `kms`.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use hyper::body::Incoming;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::aws::{CallError, Caller, JsonService, ServiceError, hmac_sha256, parse};
use crate::emulator::Emulator;
use crate::random;
use crate::reply::Reply;

/// How KMS is spoken to.
pub(crate) const SERVICE: JsonService = JsonService {
    name: "kms",
    target_prefix: "TrentService.",
    longest_request: 64 * 1024,
};

const LARGEST_PLAINTEXT: usize = 4096;
const ALGORITHM: &str = "SYMMETRIC_DEFAULT";

/// What else a ciphertext is bound to.
type Context = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Encrypt {
    key_id: String,
    plaintext: String,
    #[serde(default)]
    encryption_context: Context,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypt {
    key_id: Option<String>,
    ciphertext_blob: String,
    #[serde(default)]
    encryption_context: Context,
}

/// Why an operation did not happen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KmsError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(
        "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096"
    )]
    PlaintextTooLong,
    #[error("")]
    InvalidCiphertext,
    #[error("The key ID in the request does not identify a CMK that can perform this operation.")]
    IncorrectKey,
}

impl ServiceError for KmsError {
    fn code(&self) -> &'static str {
        match self {
            Self::Call(error) => error.code(),
            Self::PlaintextTooLong => "ValidationException",
            Self::InvalidCiphertext => "InvalidCiphertextException",
            Self::IncorrectKey => "IncorrectKeyException",
        }
    }
}

/// Answers a request for `operation` that was sent to `host`.
pub(crate) async fn answer(emulator: &Emulator, request: (&Parts, Incoming), call: (&str, &str)) -> Reply {
    SERVICE.answer(emulator, request, call, operate).await
}

fn operate(caller: &Caller<'_>, operation: &str, body: &[u8]) -> Result<Value, KmsError> {
    match operation {
        "Encrypt" => encrypt(caller, parse(body)?),
        "Decrypt" => decrypt(caller, parse(body)?),
        _ => Err(CallError::UnknownOperation.into()),
    }
}

fn encrypt(caller: &Caller<'_>, request: Encrypt) -> Result<Value, KmsError> {
    let arn = caller.owner().key_arn(&request.key_id);
    caller.permit(&arn)?;
    let plaintext = decode(&request.plaintext)?;
    if plaintext.len() > LARGEST_PLAINTEXT {
        return Err(KmsError::PlaintextTooLong);
    }
    let sealed = seal(
        &caller.emulator.kms_secret,
        &arn,
        &request.encryption_context,
        plaintext,
    );
    let blob = sealed.ok_or(KmsError::InvalidCiphertext)?;
    Ok(json!({ "KeyId": arn, "CiphertextBlob": STANDARD.encode(blob), "EncryptionAlgorithm": ALGORITHM }))
}

fn decrypt(caller: &Caller<'_>, request: Decrypt) -> Result<Value, KmsError> {
    let blob = decode(&request.ciphertext_blob)?;
    let arn = key_of(&blob).ok_or(KmsError::InvalidCiphertext)?;
    if request.key_id.is_some_and(|key| caller.owner().key_arn(&key) != arn) {
        return Err(KmsError::IncorrectKey);
    }
    caller.permit(arn)?;
    let plaintext = unseal(&caller.emulator.kms_secret, &request.encryption_context, &blob);
    let plaintext = plaintext.ok_or(KmsError::InvalidCiphertext)?;
    Ok(json!({ "KeyId": arn, "Plaintext": STANDARD.encode(plaintext), "EncryptionAlgorithm": ALGORITHM }))
}

fn decode(text: &str) -> Result<Vec<u8>, CallError> {
    STANDARD
        .decode(text)
        .map_err(|error| CallError::Serialization(error.to_string()))
}

/// A ciphertext: length of the ARN in two bytes, ARN, nonce, and what AES-256-GCM gives.
fn seal(secret: &[u8], arn: &str, context: &Context, mut plaintext: Vec<u8>) -> Option<Vec<u8>> {
    let nonce: [u8; NONCE_LEN] = random::key()[..NONCE_LEN].try_into().ok()?;
    key(secret, arn)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound(context), &mut plaintext)
        .ok()?;
    let length = u16::try_from(arn.len()).ok()?.to_be_bytes();
    Some([&length, arn.as_bytes(), &nonce, &plaintext].concat())
}

fn unseal(secret: &[u8], context: &Context, blob: &[u8]) -> Option<Vec<u8>> {
    let arn = key_of(blob)?;
    let (nonce, sealed) = blob[2 + arn.len()..].split_at_checked(NONCE_LEN)?;
    let mut sealed = sealed.to_vec();
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let plaintext = key(secret, arn)?.open_in_place(nonce, bound(context), &mut sealed);
    Some(plaintext.ok()?.to_vec())
}

/// ARN of the key that a ciphertext was made with.
fn key_of(blob: &[u8]) -> Option<&str> {
    let (length, rest) = blob.split_first_chunk()?;
    std::str::from_utf8(rest.get(..usize::from(u16::from_be_bytes(*length)))?).ok()
}

fn key(secret: &[u8], arn: &str) -> Option<LessSafeKey> {
    let bytes = hmac_sha256(secret, arn.as_bytes());
    Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes).ok()?))
}

fn bound(context: &Context) -> Aad<Vec<u8>> {
    Aad::from(json!(context).to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:kms:eu-central-1:123456789012:alias/pulumi";

    fn context(value: &str) -> Context {
        Context::from([("stack".to_owned(), value.to_owned())])
    }

    #[test]
    fn what_a_key_encrypted_it_decrypts_in_the_same_context_only() {
        let blob = seal(b"secret", ARN, &context("dev"), b"text".to_vec()).unwrap();
        assert_eq!(key_of(&blob), Some(ARN));
        assert_eq!(unseal(b"secret", &context("dev"), &blob).as_deref(), Some(&b"text"[..]));
        assert_eq!(unseal(b"secret", &context("prod"), &blob), None);
        assert_eq!(unseal(b"another", &context("dev"), &blob), None);
    }

    #[test]
    fn a_damaged_ciphertext_is_refused() {
        let blob = seal(b"secret", ARN, &Context::new(), b"text".to_vec()).unwrap();
        for length in 0..blob.len() {
            assert_eq!(unseal(b"secret", &Context::new(), &blob[..length]), None, "{length}");
        }
        for at in 2..blob.len() {
            let mut damaged = blob.clone();
            damaged[at] ^= 1;
            assert_eq!(unseal(b"secret", &Context::new(), &damaged), None, "{at}");
        }
    }
}
