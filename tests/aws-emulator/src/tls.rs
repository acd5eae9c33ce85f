//! The test CA and the one server certificate for all emulated names.
//!
//! Files in the directory: `ca.pem`, `server.pem` with `server-key.pem`, and `bundle.pem`, the CA together with the
//! system's own roots. They are made once and then kept; the CA's key is never written, so nothing else can be signed.
//! To change the names, remove the directory.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

const SYSTEM_ROOTS: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

const PUBLIC_NAMES: [&str; 9] = [
    "docker.io",
    "registry-1.docker.io",
    "auth.docker.io",
    "index.docker.io",
    "public.ecr.aws",
    "ghcr.io",
    "quay.io",
    "localhost",
    "127.0.0.1",
];

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The directory cannot be read or written.
    #[error("TLS directory is not usable")]
    Directory(#[from] io::Error),
    /// A certificate could not be made.
    #[error("certificate was not made")]
    NotMade(#[from] rcgen::Error),
    /// A file is not PEM.
    #[error("file is not PEM")]
    NotPem(#[from] rustls::pki_types::pem::Error),
    /// Key and certificate do not serve.
    #[error("certificate does not serve")]
    NotServing(#[from] rustls::Error),
}

/// Loads the certificate of `directory`, made for these regions if there is none yet.
pub(crate) fn server_config(directory: &Path, regions: &[String]) -> Result<ServerConfig, TlsError> {
    let [certificate, key] = ["server.pem", "server-key.pem"].map(|name| directory.join(name));
    if !certificate.exists() || !key.exists() || !directory.join("bundle.pem").exists() {
        create(directory, regions)?;
    }
    let chain = CertificateDer::pem_file_iter(&certificate)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(&key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn create(directory: &Path, regions: &[String]) -> Result<(), TlsError> {
    std::fs::create_dir_all(directory)?;
    let mut ca = CertificateParams::default();
    ca.distinguished_name.push(DnType::CommonName, "aws-emulator test CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (ca.not_before, ca.not_after) = (date_time_ymd(2024, 1, 1), date_time_ymd(2049, 1, 1));
    let ca_key = KeyPair::generate()?;
    let ca_pem = ca.self_signed(&ca_key)?.pem();

    let mut server = CertificateParams::new(names(regions))?;
    server.distinguished_name.push(DnType::CommonName, "aws-emulator");
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    (server.not_before, server.not_after) = (date_time_ymd(2024, 1, 1), date_time_ymd(2049, 1, 1));
    let server_key = KeyPair::generate()?;
    let server_pem = server.signed_by(&server_key, &Issuer::new(ca, ca_key))?.pem();

    let system = SYSTEM_ROOTS
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok())
        .unwrap_or_default();
    std::fs::write(directory.join("ca.pem"), &ca_pem)?;
    std::fs::write(directory.join("server-key.pem"), server_key.serialize_pem())?;
    std::fs::write(directory.join("server.pem"), server_pem)?;
    std::fs::write(directory.join("bundle.pem"), format!("{ca_pem}{system}"))?;
    Ok(())
}

fn names(regions: &[String]) -> Vec<String> {
    let regional = regions.iter().flat_map(|region| {
        ["*.dkr.ecr.", "*.ecr.", "ecr.", "*.s3.", "*."].map(|prefix| format!("{prefix}{region}.amazonaws.com"))
    });
    let everywhere = ["*.amazonaws.com", "*.s3.amazonaws.com"]
        .into_iter()
        .chain(PUBLIC_NAMES)
        .map(str::to_owned);
    regional.chain(everywhere).collect()
}
