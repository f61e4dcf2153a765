//! TLS on the gateway's own port: certificate files, a self-signed pair where none is given, and their renewal while
//! connections stay open (S-079).
//!
//! A certificate that cannot be used is an error at the start and keeps the old one later; there is no way back to
//! plain text. Clients of this machine trust the certificate by its fingerprint, see [`crate::tls_client`].

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
pub use tokio_rustls::server::TlsStream;
use torana_core::auth::Fingerprint;

use crate::egress::install_crypto;
use crate::{files, moment};

/// Bytes of one PEM file: a chain has a few KiB.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// How long a certificate of our own is good for. Browsers refuse more than 825 days even from private authorities.
const SELF_SIGNED_DAYS: i64 = 820;
const DAY_S: i64 = 86_400;

/// Where the certificate is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM with the certificate, and perhaps its chain.
    pub cert: PathBuf,
    /// PEM with the private key.
    pub key: PathBuf,
    /// PEM with certificates that complete the chain.
    pub ca: Option<PathBuf>,
}

/// Why TLS cannot be served. The text names the file and never its content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("cannot use {path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What the system or the parser said.
        reason: String,
    },
    /// One of the pair is missing.
    #[error("{missing} is missing while {present} exists; give both or neither")]
    Half {
        /// The file that is not there.
        missing: String,
        /// The file that is.
        present: String,
    },
    /// Certificate and key do not fit, or the certificate is not one.
    #[error("the certificate in {path} cannot be used: {reason}")]
    Unusable {
        /// The file.
        path: String,
        /// What the TLS library said.
        reason: String,
    },
}

/// The certificate in use, which may change while connections are open.
pub struct ServerTls {
    files: TlsFiles,
    current: RwLock<Current>,
}

#[derive(Clone)]
struct Current {
    acceptor: TlsAcceptor,
    fingerprint: Arc<str>,
    /// SHA-256 of the chain; another key comes with another certificate.
    content: [u8; 32],
}

// === impl TlsFiles ===

impl TlsFiles {
    /// Makes a self-signed pair when neither file exists. `true` when it did. A half pair is never completed: the
    /// missing half is probably only in the wrong place.
    pub fn generate_missing(&self, names: &[String], now_ms: i64) -> Result<bool, TlsError> {
        match (self.cert.exists(), self.key.exists()) {
            (true, true) => Ok(false),
            (false, false) => self.generate(names, now_ms).map(|()| true),
            (true, false) => Err(half(&self.key, &self.cert)),
            (false, true) => Err(half(&self.cert, &self.key)),
        }
    }

    fn generate(&self, names: &[String], now_ms: i64) -> Result<(), TlsError> {
        let unusable = |error: rcgen::Error| TlsError::Unusable {
            path: self.cert.display().to_string(),
            reason: error.to_string(),
        };
        let mut params = rcgen::CertificateParams::new(names.to_vec()).map_err(unusable)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "Torana gateway");
        let midnight = |days: i64| {
            let date = moment::date(now_ms.saturating_add(days * 1_000 * DAY_S));
            let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
            rcgen::date_time_ymd(date.year().into(), month, day)
        };
        // A day early, because clocks differ.
        params.not_before = midnight(-1);
        params.not_after = midnight(SELF_SIGNED_DAYS);
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        let key = rcgen::KeyPair::generate().map_err(unusable)?;
        let certificate = params.self_signed(&key).map_err(unusable)?;
        for folder in [self.cert.parent(), self.key.parent()]
            .into_iter()
            .flatten()
        {
            files::private_dir(folder).map_err(|error| wrong(folder, &error))?;
        }
        files::create_private(&self.key, key.serialize_pem().as_bytes())
            .map_err(|error| wrong(&self.key, &error))?;
        files::create_private(&self.cert, certificate.pem().as_bytes())
            .map_err(|error| wrong(&self.cert, &error))
    }

    /// SHA-256 of the certificate, for clients that pin it.
    pub fn fingerprint(&self) -> Result<String, TlsError> {
        let chain = certificates(&self.cert)?;
        chain
            .first()
            .map(hex_fingerprint)
            .ok_or_else(|| none(&self.cert))
    }

    fn read(&self) -> Result<Current, TlsError> {
        install_crypto();
        let mut chain = certificates(&self.cert)?;
        let leaf = chain.first().ok_or_else(|| none(&self.cert))?;
        let fingerprint = Arc::from(hex_fingerprint(leaf));
        if let Some(ca) = &self.ca {
            for more in certificates(ca)? {
                if !chain.contains(&more) {
                    chain.push(more);
                }
            }
        }
        let mut content = Sha256::new();
        for certificate in &chain {
            content.update(certificate);
        }
        let key =
            PrivateKeyDer::from_pem_slice(&read(&self.key)?).map_err(|error| TlsError::File {
                path: self.key.display().to_string(),
                reason: error.to_string(),
            })?;
        // The library checks that the key belongs to the certificate. Its versions are 1.2 and 1.3.
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| TlsError::Unusable {
                path: self.cert.display().to_string(),
                reason: error.to_string(),
            })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Current {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            fingerprint,
            content: content.finalize().into(),
        })
    }
}

// === impl ServerTls ===

impl ServerTls {
    /// Reads and checks the files.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let current = RwLock::new(files.read()?);
        Ok(Self { files, current })
    }

    fn current(&self) -> Current {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Reads the files again. `true` when the certificate changed: connections that are open keep theirs, and new ones
    /// get the new one. With an error the old one stays in use.
    pub fn refresh(&self) -> Result<bool, TlsError> {
        let fresh = self.files.read()?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let changed = fresh.content != current.content;
        if changed {
            *current = fresh;
        }
        Ok(changed)
    }

    /// SHA-256 of the certificate in lower-case hex.
    pub fn fingerprint(&self) -> Arc<str> {
        self.current().fingerprint
    }

    /// Shakes hands with a client.
    pub async fn accept<S>(&self, stream: S) -> std::io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let acceptor = self.current().acceptor;
        acceptor.accept(stream).await
    }
}

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ServerTls({})", self.fingerprint())
    }
}

// === Reading ===

fn wrong(path: &Path, error: &std::io::Error) -> TlsError {
    TlsError::File {
        path: path.display().to_string(),
        reason: error.to_string(),
    }
}

fn half(missing: &Path, present: &Path) -> TlsError {
    TlsError::Half {
        missing: missing.display().to_string(),
        present: present.display().to_string(),
    }
}

fn none(path: &Path) -> TlsError {
    TlsError::File {
        path: path.display().to_string(),
        reason: "there is no certificate in it".to_owned(),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    files::read_capped(path, FILE_BYTES_MAX).map_err(|error| wrong(path, &error))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read(path)?;
    CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| TlsError::File {
            path: path.display().to_string(),
            reason: error.to_string(),
        })
}

/// SHA-256 of a certificate.
pub(crate) fn fingerprint(certificate: &CertificateDer<'_>) -> Fingerprint {
    Fingerprint::new(Sha256::digest(certificate).into())
}

fn hex_fingerprint(certificate: &CertificateDer<'_>) -> String {
    fingerprint(certificate).to_string()
}

/// Names a certificate of our own is good for: this machine, and addresses the gateway listens on.
pub fn own_names(addresses: impl IntoIterator<Item = IpAddr>, host: Option<&str>) -> Vec<String> {
    let mut names = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    let listened = addresses
        .into_iter()
        .filter(|address| !address.is_unspecified())
        .map(|address| address.to_string());
    for name in listened.chain(host.map(str::to_owned)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::ServerName;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_rustls::TlsConnector;

    use super::*;
    use crate::tls_client::{ClientTls, Trust};

    fn folder() -> PathBuf {
        let world = crate::world();
        let folder = std::env::temp_dir().join(format!("torana-tls-{}", world.uuid()));
        std::fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    fn files_in(folder: &Path) -> TlsFiles {
        TlsFiles {
            cert: folder.join("tls/cert.pem"),
            key: folder.join("tls/key.pem"),
            ca: None,
        }
    }

    fn names() -> Vec<String> {
        own_names([], Some("gateway.lan"))
    }

    /// Whether a client that pins `fingerprint` can talk to the server.
    async fn reaches(tls: &ServerTls, fingerprint: &str) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("an address");
        let server = async {
            let (stream, _) = listener.accept().await.expect("a client");
            let Ok(mut stream) = tls.accept(stream).await else {
                return;
            };
            stream.write_all(b"hello").await.ok();
            stream.shutdown().await.ok();
        };
        let client = async {
            let stream = TcpStream::connect(address).await.expect("connected");
            let pin = Fingerprint::parse(fingerprint).expect("a fingerprint");
            let client = ClientTls::new(Trust::Pin(pin)).expect("a client");
            let connector = TlsConnector::from(client.config());
            let name = ServerName::try_from("localhost").expect("a name");
            let Ok(mut stream) = connector.connect(name, stream).await else {
                return false;
            };
            let mut said = String::new();
            stream.read_to_string(&mut said).await.is_ok() && said == "hello"
        };
        tokio::join!(server, client).1
    }

    #[tokio::test]
    async fn a_made_pair_serves_whoever_pins_it() {
        let folder = folder();
        let files = files_in(&folder);
        assert_eq!(
            files.generate_missing(&names(), 1_790_000_000_000),
            Ok(true)
        );
        assert_eq!(
            files.generate_missing(&names(), 1_790_000_000_000),
            Ok(false)
        );
        let tls = ServerTls::load(files.clone()).expect("usable");
        assert_eq!(
            files.fingerprint().as_deref(),
            Ok(tls.fingerprint().as_ref())
        );
        assert!(reaches(&tls, &tls.fingerprint()).await);
        let printed = tls.fingerprint().to_ascii_uppercase();
        let pairs: Vec<&str> = (0..32).map(|at| &printed[at * 2..at * 2 + 2]).collect();
        assert!(
            reaches(&tls, &pairs.join(":")).await,
            "the usual print form"
        );
        assert!(!reaches(&tls, &"0".repeat(64)).await);
        std::fs::remove_dir_all(folder).ok();
    }

    #[cfg(unix)]
    #[test]
    fn the_key_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder();
        let files = files_in(&folder);
        files.generate_missing(&names(), 0).expect("made");
        let mode = std::fs::metadata(&files.key)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0);
        std::fs::remove_dir_all(folder).ok();
    }

    #[tokio::test]
    async fn a_renewal_is_taken_and_a_bad_one_keeps_the_old() {
        let folder = folder();
        let (files, other) = (files_in(&folder), files_in(&folder.join("other")));
        files
            .generate_missing(&names(), 1_790_000_000_000)
            .expect("made");
        other
            .generate_missing(&names(), 1_790_000_000_000)
            .expect("made");
        let tls = ServerTls::load(files.clone()).expect("usable");
        let first = tls.fingerprint();
        assert_eq!(tls.refresh(), Ok(false));
        // Only half of the new pair is there yet.
        std::fs::copy(&other.cert, &files.cert).expect("copied");
        assert!(matches!(tls.refresh(), Err(TlsError::Unusable { .. })));
        assert_eq!(tls.fingerprint(), first);
        assert!(reaches(&tls, &first).await);
        std::fs::copy(&other.key, &files.key).expect("copied");
        assert_eq!(tls.refresh(), Ok(true));
        assert_ne!(tls.fingerprint(), first);
        assert!(reaches(&tls, &tls.fingerprint()).await);
        std::fs::remove_dir_all(folder).ok();
    }

    #[test]
    fn half_a_pair_is_never_completed() {
        let folder = folder();
        let files = files_in(&folder);
        files.generate_missing(&names(), 0).expect("made");
        std::fs::remove_file(&files.cert).expect("removed");
        let key = std::fs::read(&files.key).expect("there");
        let error = files.generate_missing(&names(), 0).expect_err("half");
        assert!(matches!(error, TlsError::Half { .. }), "{error}");
        assert_eq!(std::fs::read(&files.key).expect("there"), key);
        std::fs::write(&files.cert, "not a certificate").expect("written");
        let error = ServerTls::load(files).expect_err("no certificate");
        assert!(error.to_string().contains("no certificate"), "{error}");
        std::fs::remove_dir_all(folder).ok();
    }
}
