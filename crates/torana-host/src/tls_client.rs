//! TLS towards a gateway: the authorities this system trusts, or exactly one certificate by its fingerprint.
//!
//! A certificate is judged before anything of ours is sent over the connection. One that is refused is remembered with
//! its fingerprint, so that a person can compare it with what the gateway printed and pin it.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_platform_verifier::Verifier;
use torana_core::auth::Fingerprint;

use crate::egress::install_crypto;
use crate::tls::fingerprint;

/// Whom a client believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Certificates for the name of the address that an authority of this system signed.
    System,
    /// This one certificate, whatever it says, and no other.
    Pin(Fingerprint),
}

/// A certificate that was not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Which one.
    pub fingerprint: Fingerprint,
    /// Why, in a few words.
    pub why: String,
}

/// The settings of one connection.
pub struct ClientTls {
    config: Arc<ClientConfig>,
    refused: Arc<Mutex<Option<Refused>>>,
}

// === impl ClientTls ===

impl ClientTls {
    /// Settings for one connection. Fails when the authorities of this system cannot be read.
    pub fn new(trust: Trust) -> Result<Self, rustls::Error> {
        install_crypto();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let judge = match trust {
            Trust::System => Judge::System(Verifier::new(Arc::clone(&provider))?),
            Trust::Pin(pin) => Judge::Pin(pin),
        };
        let refused = Arc::default();
        let verifier = Watched {
            judge,
            provider,
            refused: Arc::clone(&refused),
        };
        let config = ClientConfig::builder()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Self {
            config: Arc::new(config),
            refused,
        })
    }

    /// What the TLS library needs.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// The certificate that was refused, when one was.
    #[must_use]
    pub fn refused(&self) -> Option<Refused> {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[derive(Debug)]
enum Judge {
    System(Verifier),
    Pin(Fingerprint),
}

/// A verifier that remembers what it refused.
#[derive(Debug)]
struct Watched {
    judge: Judge,
    provider: Arc<CryptoProvider>,
    refused: Arc<Mutex<Option<Refused>>>,
}

impl ServerCertVerifier for Watched {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let seen = fingerprint(certificate);
        let judged = match &self.judge {
            Judge::System(verifier) => {
                verifier.verify_server_cert(certificate, chain, name, ocsp, now)
            }
            Judge::Pin(pin) if *pin == seen => Ok(ServerCertVerified::assertion()),
            Judge::Pin(_) => Err(rustls::Error::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            )),
        };
        if let Err(error) = &judged {
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(Refused {
                fingerprint: seen,
                why: why(error),
            });
        }
        judged
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn why(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(fault) = error else {
        return error.to_string();
    };
    match fault {
        CertificateError::UnknownIssuer => {
            "no authority this system trusts has signed it".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet; is the clock right?".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it belongs to another name".to_owned()
        }
        CertificateError::ApplicationVerificationFailure => "it is not the pinned one".to_owned(),
        other => other.to_string(),
    }
}
