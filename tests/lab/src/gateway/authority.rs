//! The certificate authority that base images and labs trust, and the one certificate that it signed.
//!
//! Made once by `setup`, because base images contain it. Its key is never written, so nothing else can be signed with it.

use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

use super::NAMES;
use crate::error::{LabError, Result, cannot};

/// The authority's certificate, for whoever has to trust it.
pub(crate) const CERTIFICATE: &str = "ca.pem";
pub(super) const SERVER: &str = "server.pem";
pub(super) const SERVER_KEY: &str = "server-key.pem";

/// All files of the authority.
pub(crate) const FILES: &[&str] = &[CERTIFICATE, SERVER, SERVER_KEY];

/// Makes the authority and the server's certificate in `directory`.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn create(directory: &Path) -> Result<()> {
    for (name, text) in make().map_err(|error| LabError::malformed("the lab's certificate", error))? {
        let path = directory.join(name);
        fs::write(&path, text).map_err(cannot("write", &path))?;
    }
    Ok(())
}

fn make() -> Result<[(&'static str, String); 3], rcgen::Error> {
    let mut ca = CertificateParams::default();
    ca.distinguished_name
        .push(DnType::CommonName, "lab of pulumi-fastcontainer");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (ca.not_before, ca.not_after) = (date_time_ymd(2024, 1, 1), date_time_ymd(2049, 1, 1));
    let ca_key = KeyPair::generate()?;
    let ca_pem = ca.self_signed(&ca_key)?.pem();

    let names: Vec<String> = NAMES.iter().map(|&name| name.to_owned()).collect();
    let mut server = CertificateParams::new(names)?;
    server.distinguished_name.push(DnType::CommonName, "packages in a lab");
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    (server.not_before, server.not_after) = (date_time_ymd(2024, 1, 1), date_time_ymd(2049, 1, 1));
    let key = KeyPair::generate()?;
    let signed = server.signed_by(&key, &Issuer::new(ca, ca_key))?;
    Ok([
        (CERTIFICATE, ca_pem),
        (SERVER, signed.pem()),
        (SERVER_KEY, key.serialize_pem()),
    ])
}
