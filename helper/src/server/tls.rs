//! TLS 1.2 and 1.3 (RFC 5246, RFC 8446) for pages on other hosts: certificate and key, and the names they carry.

use crate::options::Listen;
use anyhow::{Context, bail};
use rustls::client::verify_server_name;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::version::{TLS12, TLS13};
use rustls::{Error, ServerConfig};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use webpki::EndEntityCert;

/// What the server needs to speak TLS.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    certificate: CertificateDer<'static>,
}

impl Tls {
    /// Reads what the options name. It is done while root may still be there, as keys belong to root.
    ///
    /// # Errors
    /// A sentence with the file and what to do.
    pub fn read(options: &Listen) -> anyhow::Result<Option<Self>> {
        match (&options.tls_cert, &options.tls_key) {
            (Some(certificate), Some(key)) => Self::from_files(certificate, key).map(Some),
            _ => Ok(None),
        }
    }

    fn from_files(certificate: &Path, key: &Path) -> anyhow::Result<Self> {
        let (certificate_name, key_name) = (certificate.display(), key.display());
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| in_words(&error))
            .map_err(|reason| anyhow::anyhow!("The certificate {certificate_name} {reason} Check --tls-cert."))?;
        let Some(own) = chain.first().cloned() else {
            bail!("The certificate {certificate_name} contains no CERTIFICATE section. --tls-cert takes a PEM file.");
        };
        let key = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| in_words(&error))
            .map_err(|reason| anyhow::anyhow!("The private key {key_name} {reason} Check --tls-key."))?;
        if let Err(error) = ParsedCertificate::try_from(&own) {
            bail!(
                "The certificate {certificate_name} cannot be used: {error}. It must be an X.509 certificate of version 3."
            );
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])
            .context("TLS cannot be set up")?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| match error {
                Error::InconsistentKeys(_) => anyhow::anyhow!(
                    "The private key {key_name} does not match the certificate {certificate_name}. The server's own \
                     certificate must come first in its file."
                ),
                error => anyhow::anyhow!("The private key {key_name} cannot be used: {error}. Check --tls-key."),
            })?;
        // A WebSocket begins with HTTP/1.1 (RFC 6455, 4.1).
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificate: own })
    }

    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// Whether the certificate names this very name or address. A browser lets nobody else's page under such a name:
    /// wherever its owner points it, the certificate would not fit. A wildcard says less: whoever has one of the names under
    /// it could point that here, with a page of theirs loaded from elsewhere before.
    pub(super) fn carries(&self, host: &str) -> bool {
        let by_itself = |certificate: &EndEntityCert<'_>| {
            let mut names = certificate.valid_dns_names();
            host.parse::<IpAddr>().is_ok() || host.starts_with('[') || names.any(|name| name.eq_ignore_ascii_case(host))
        };
        self.fits(host) && EndEntityCert::try_from(&self.certificate).is_ok_and(|certificate| by_itself(&certificate))
    }

    /// Whether the certificate is valid for this name or address (RFC 6125), also by a wildcard.
    pub(super) fn fits(&self, host: &str) -> bool {
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let Ok(name) = ServerName::try_from(host) else { return false };
        ParsedCertificate::try_from(&self.certificate)
            .is_ok_and(|certificate| verify_server_name(&certificate, &name).is_ok())
    }
}

fn in_words(error: &PemError) -> String {
    match error {
        PemError::Io(error) => format!("cannot be read: {error}."),
        PemError::NoItemsFound => "contains no private key: it must be a PEM file.".to_owned(),
        error => format!("is not a valid PEM file: {error}."),
    }
}

#[cfg(test)]
#[path = "tls_tests.rs"]
pub(super) mod tests;
